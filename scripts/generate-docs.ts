/** Writes the documents that are made from the program; `--check` fails where one is not what it would be. */
import { readFileSync, writeFileSync } from "node:fs";
import { configurationMarkdown } from "../src/config/document.ts";
import { configurationJsonSchema } from "../src/config/json-schema.ts";
import { metricsMarkdown } from "../src/gateway/metric-tables.ts";
import { conformanceMarkdown } from "../test/conformance/support/document.ts";

interface GeneratedDocument {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: () => string;
}

export const documents: readonly GeneratedDocument[] = [
  { path: "docs/configuration.md", text: configurationMarkdown },
  { path: "docs/otlp-ring.schema.json", text: configurationJsonSchema },
  { path: "docs/metrics.md", text: metricsMarkdown },
  { path: "docs/conformance.md", text: conformanceMarkdown },
];

const root = new URL("..", import.meta.url);

/** The paths of documents that differ from what would be written. */
export function staleDocuments(): string[] {
  return documents.filter(({ path, text }) => read(path) !== text()).map(({ path }) => path);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const stale = staleDocuments();
  if (process.argv.includes("--check")) {
    for (const path of stale) console.error(`${path} is not up to date; run npm run docs`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    for (const { path, text } of documents) writeFileSync(new URL(path, root), text());
    console.log(`${documents.length} documents, ${stale.length} changed`);
  }
}
