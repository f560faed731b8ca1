/** docs/conformance.md, from the requirements. */
import { type Clause, clauses, specification } from "./clauses.ts";
import { clauseOf, itemOf, overEverything, overHttp, overJson, type Requirement } from "./requirement.ts";
import { requirements, untriedDeviations } from "./requirements.ts";

const groups = [
  { title: "As a server", letter: "S" },
  { title: "JSON", letter: "J" },
  { title: "As a client of its backends", letter: "C" },
] as const;

const rows: readonly (readonly [string, Requirement])[] = Object.entries(requirements);

export function conformanceMarkdown(): string {
  const deviations = rows
    .flatMap(([name, { deviation }]) => deviation && `${name}. ${deviation}`)
    .filter(Boolean);
  const listed = [...deviations, ...untriedDeviations].map((deviation) => `- ${deviation}`);
  return `# Conformance to OTLP

What the [OTLP specification 1.11](${specification}/docs/specification.md)
asks of a server and of a client, and how otlp-ring holds it. Every line of the tables is a test of test/conformance,
once for each of its transports, by clients and backends on @grpc/grpc-js, node:http and node:http2: against a whole
gateway, but for S5 (receivers alone) and C1 to C6 (one backend's lane alone). \`npm test -- test/conformance\` runs
them, and \`npm run docs\` makes this page from what they are named after.

Transports are \`grpc\`, \`http/protobuf\` and \`http/json\` over HTTP/1.1, and the latter two over h2c, which is HTTP/2
without TLS. Strength is the clause's own word; *stated* is what it says without one.

## Where it deviates

On purpose, as the tests show:

${listed.join("\n")}

${groups.map(groupMarkdown).join("\n")}
${Object.keys(clauses).map(linkTarget).join("\n")}
`;
}

function groupMarkdown({ title, letter }: (typeof groups)[number]): string {
  const lines = rows
    .filter(([name]) => name.startsWith(letter))
    .map(([name, requirement]) => `| ${cells(name, requirement).join(" | ")} |`);
  return `## ${title}

| | requirement | clause | strength | transports | |
|---|---|---|---|---|---|
${lines.join("\n")}
`;
}

function cells(name: string, requirement: Requirement): string[] {
  const { strength, transports, deviation, note } = requirement;
  const item = itemOf(name);
  const cited = [...new Set(transports.map((transport) => clauseOf(requirement, transport)))];
  const remarks = [
    ...(deviation === undefined ? [] : ["*Deviates.*"]),
    ...(note === undefined ? [] : [note]),
  ];
  return [
    item,
    escaped(name.slice(item.length + " · ".length)),
    cited.map((clause) => `[${clause}]`).join(", "),
    strength,
    transportsText(requirement),
    remarks.join(" "),
  ];
}

function transportsText({ transports }: Requirement): string {
  switch (transports) {
    case overEverything:
      return "all five";
    case overHttp:
      return "the four of HTTP";
    case overJson:
      return "the two of JSON";
    default:
      return transports.join(", ");
  }
}

function linkTarget(clause: string): string {
  return `[${clause}]: ${specification}/${clauses[clause as Clause]}`;
}

/** `<Signal>` is no tag. */
function escaped(text: string): string {
  return text.replaceAll("<", "&lt;");
}
