/** `otlp-ring healthcheck`: asks a gateway whether it is ready, for images that have no shell. */
import { Command } from "commander";
import { errorMessage, OtlpRingError } from "../base/errors.ts";

const timeoutMs = 2000;

export function healthcheckCommand(): Command {
  return new Command("healthcheck")
    .description("exit 0 when the gateway at --url is ready, else 1")
    .option("--url <url>", "its health endpoint", "http://127.0.0.1:13133/")
    .action(async ({ url }: { readonly url: string }) => {
      let status: number;
      try {
        status = (await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })).status;
      } catch (error) {
        throw new OtlpRingError("unreachable", `${url} does not answer: ${reasonOf(error)}`);
      }
      if (status !== 200) throw new OtlpRingError("not_ready", `${url} answers ${status}`);
      process.stdout.write("ready\n");
    });
}

/** `fetch` says why in the cause alone. */
function reasonOf(error: unknown): string {
  return errorMessage(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
