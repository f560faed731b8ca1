/** docs/configuration.md, from the schema that files are checked by. */
import { type Field, type FieldFacts, factsOf, isRequired } from "./fields.ts";
import { exporterTypes, extensionTypes, receiverTypes, replacedProcessors } from "./schema/components.ts";
import { pipeline, service } from "./schema/service.ts";

const code = (text: string): string => `\`${text}\``;

const introduction = `# Configuration

The configuration is a Collector's: receivers, exporters, extensions and service, in YAML. A file that runs a Collector
as a first tier of load balancing runs here; what is ours besides is marked so below. This page is generated from the
schema that files are checked by, as is [otlp-ring.schema.json](otlp-ring.schema.json), which editors complete from:

    # yaml-language-server: $schema=./otlp-ring.schema.json

## How it is read

- Several \`--config FILE\` merge in order: mappings key by key, lists and other values replace. \`--set KEY=VALUE\` comes
  after them all; KEY is parted by dots (\`exporters.load_balancing/a.routing_key\`), with double quotes around a part that
  holds one, and VALUE is YAML.
- \`\${env:NAME}\`, or \`\${NAME}\` for short, is the value of an environment variable, \`\${env:NAME:-default}\` has a default
  for one that is not set, and \`$$\` is one \`$\`. Without a default, a variable that is not set is a fault.
- A value that is one reference and nothing else, without quotes, is read as YAML: a number, a list. In quotes, or
  within a longer text, it stays text.
- Durations are written as in Go (\`500ms\`, \`5s\`, \`1m30s\`); a number without a unit is a fault. Sizes are written
  \`64MiB\` or \`10MB\`; a number without a unit is bytes.
- Every fault is reported, with its file, line and column, and nothing starts: exit code 2.
- \`otlp-ring validate\` checks, \`otlp-ring print-config\` shows what was merged, without secrets.

## The shortest useful file

\`\`\`yaml
receivers: { otlp: { protocols: { grpc: { endpoint: 0.0.0.0:4317 } } } }
exporters:
  load_balancing: { resolver: { dns: { hostname: tier2-headless.obs } }, protocol: { otlp: { tls: { insecure: true } } } }
service:
  pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] } }
\`\`\`

## What a Collector's file may hold besides

- Processors ${Object.keys(replacedProcessors).map(code).join(" and ")} are accepted and have no effect, with a warning.
  Any other processor, receiver or exporter, and every connector, is a fault: it belongs in tier 2, or in a Collector
  in front.
- \`loadbalancing\` is the old name of \`load_balancing\`, and \`otlphttp\` that of \`otlp_http\`.
- Extensions other than those below have no effect, with a warning; an authenticator among them that a receiver or an
  exporter asks for is a fault.

In the tables, *ours* marks what a Collector does not have. Required keys have no default.
`;

/** The page that lists every key with its type, default and range. */
export function configurationMarkdown(): string {
  const parts = [introduction];
  const chapters: Readonly<Record<string, Field<unknown>>> = {
    "receivers.otlp": receiverTypes.otlp,
    "exporters.load_balancing": exporterTypes.load_balancing,
    ...Object.fromEntries(
      Object.entries(extensionTypes).map(([type, field]) => [`extensions.${type}`, field]),
    ),
    service,
    "service.pipelines.SIGNAL": pipeline,
  };
  for (const [title, field] of Object.entries(chapters)) {
    const facts = factsOf(field);
    parts.push(`\n## ${title}\n\n${facts.about}\n`, tableOf(facts));
  }
  return parts.join("");
}

function tableOf(facts: FieldFacts): string {
  const rows: string[] = [];
  addRows(rows, "", facts, false);
  return `\n| key | type | default | range | |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

function addRows(rows: string[], prefix: string, facts: FieldFacts, isOurs: boolean): void {
  if (facts.kind !== "section") return;
  for (const [key, field] of Object.entries(facts.shape)) {
    const child = factsOf(field);
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const ours = isOurs || child.ours === true;
    const cells = [`\`${path}\``, typeName(child), defaultOf(child), rangeOf(child), remarkOf(child, ours)];
    rows.push(`| ${cells.map(escapeCell).join(" | ")} |`);
    // What a Collector's keys would say does not matter where none of them is used, nor twice.
    const isTold = child.oldNameOf === undefined && (child.ignored === undefined || ours);
    if (isTold) addRows(rows, path, child, ours);
    if (child.kind === "list") addRows(rows, `${path}[]`, factsOf(child.element), ours);
  }
}

function typeName(facts: FieldFacts): string {
  switch (facts.kind) {
    case "value":
      return facts.type;
    case "section":
      return "mapping";
    case "list":
      return `list of ${typeName(factsOf(facts.element))}`;
    case "map":
      return `names to ${typeName(factsOf(facts.element))}`;
    case "anything":
      return "anything";
  }
}

function defaultOf(facts: FieldFacts): string {
  if (facts.kind === "value" && facts.default !== undefined) return `\`${facts.default}\``;
  return isRequired(facts) ? "required" : "";
}

function rangeOf(facts: FieldFacts): string {
  return facts.kind === "value" ? (facts.range ?? "") : "";
}

function remarkOf(facts: FieldFacts, isOurs: boolean): string {
  const marks = [isOurs ? "*ours*" : "", facts.secret === true ? "*secret*" : ""].filter(
    (mark) => mark !== "",
  );
  return [...marks, facts.about].join(" ");
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|");
}
