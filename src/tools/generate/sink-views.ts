/** Asks the sinks what arrived of a run. */
import { errorMessage, OtlpRingError } from "../../base/errors.ts";
import { formatRun } from "../item-identity.ts";
import type { SinksReport } from "../sink/report-server.ts";
import type { SinkReport } from "../sink/sink.ts";
import type { SinkView } from "./comparison.ts";

const timeoutMs = 30_000;

/** A report holds eight bitmaps at most, each far below this. */
const reportMaxBytes = 256 * 1024 * 1024;

/** The run in every sink's report; a report must have been asked for this run, or it has no sets. */
export function sinkViews(reports: readonly SinkReport[], run: number): SinkView[] {
  return reports.map((report) => ({
    endpoint: report.endpoint,
    run: report.runs.find((each) => each.run === formatRun(run)),
  }));
}

/** Fetches `otlp-ring sink`'s reports from these URLs. Throws an OtlpRingError that names the URL. */
export async function fetchSinkViews(urls: readonly string[], run: number): Promise<SinkView[]> {
  const reports = await Promise.all(urls.map((url) => fetchReport(url, run)));
  return sinkViews(reports.flat(), run);
}

async function fetchReport(url: string, run: number): Promise<readonly SinkReport[]> {
  try {
    const address = new URL(url);
    address.searchParams.set("run", formatRun(run));
    const response = await fetch(address, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    if (!(Number(response.headers.get("content-length")) <= reportMaxBytes)) {
      throw new Error(`its report is larger than ${reportMaxBytes} bytes`);
    }
    const report = (await response.json()) as Partial<SinksReport>;
    if (!Array.isArray(report.sinks)) throw new Error("it is no report of otlp-ring sink");
    return report.sinks as readonly SinkReport[];
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
    throw new OtlpRingError(
      "SINK_REPORT",
      `cannot read the sinks' report at ${url}: ${errorMessage(reason)}`,
      {
        cause,
      },
    );
  }
}
