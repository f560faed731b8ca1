/** `--set KEY=VALUE`: a small configuration of one value, merged over the files. */
import type { Place } from "./fault.ts";
import { emptyMap } from "./source-tree.ts";
import { type ParsedYaml, parseYaml } from "./yaml.ts";

const SEGMENTS_MAX = 32;
/** One segment of a key: in double quotes where it holds a dot, and what follows it. */
const segmentPattern = /(?:"((?:[^"\\]|\\.)*)"|([^."=]+))(\.|$)/y;

/**
 * The tree of one override. The key's segments are parted by dots (`exporters.load_balancing/a.routing_key`); one that
 * holds a dot stands in double quotes. The value is YAML.
 */
export function parseOverride(override: string, order: number): ParsedYaml {
  const separator = separatorOf(override);
  const key = override.slice(0, separator === -1 ? undefined : separator);
  const place: Place = { kind: "set", key, order };
  const segments = separator === -1 ? undefined : splitKey(key);
  if (segments === undefined) {
    const message = `expected KEY=VALUE such as service.shutdown.delay=5s, got ${JSON.stringify(key)}`;
    return { root: emptyMap(place), faults: [{ place, path: [], message }], isBroken: false };
  }
  const { root: value, faults, isBroken } = parseYaml(override.slice(separator + 1), () => place);
  let root = value;
  for (const segment of segments.toReversed()) {
    root = { kind: "map", place, entries: new Map([[segment, { keyPlace: place, value: root }]]) };
  }
  return { root, faults: faults.map((fault) => ({ ...fault, path: segments })), isBroken };
}

/** The first "=" outside quotes. */
function separatorOf(override: string): number {
  let isQuoted = false;
  for (let at = 0; at < override.length; at += 1) {
    if (override[at] === '"') isQuoted = !isQuoted;
    else if (override[at] === "=" && !isQuoted) return at;
  }
  return -1;
}

function splitKey(key: string): string[] | undefined {
  const segments: string[] = [];
  segmentPattern.lastIndex = 0;
  while (segmentPattern.lastIndex < key.length) {
    const match = segmentPattern.exec(key);
    if (match === null || segments.length === SEGMENTS_MAX) return undefined;
    const [, quotedSegment, plainSegment, end] = match;
    segments.push(plainSegment ?? quotedSegment!.replace(/\\(.)/g, "$1"));
    if (end === "." && segmentPattern.lastIndex === key.length) return undefined;
  }
  return segments.length === 0 ? undefined : segments;
}
