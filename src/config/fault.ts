/** What is wrong in a configuration, and where; faults and warnings have the same shape. */
import { OtlpRingError } from "../base/errors.ts";

/** Keys and list positions from the top, such as `["exporters", "load_balancing/a", "routing_key"]`. */
export type Path = readonly (string | number)[];

/** Where a value was written. Lines and columns count from 1, as editors do. */
export type Place =
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly column: number }
  /** `--set KEY=VALUE`; `order` is its position on the command line. */
  | { readonly kind: "set"; readonly key: string; readonly order: number };

export interface Fault {
  readonly place: Place;
  /** Empty where no key is to blame, as with a file that cannot be read. */
  readonly path: Path;
  /** `expected …, got …` */
  readonly message: string;
}

/** Every fault of a configuration, in the order of the places. */
export class ConfigurationError extends OtlpRingError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super("configuration_invalid", faults.map(formatFault).join("\n"));
    this.name = "ConfigurationError";
    this.faults = faults;
  }
}

/** `config.yaml:14:17 a.b: expected …`, or `--set a.b: expected …`. */
export function formatFault({ place, path, message }: Fault): string {
  const where = formatPlace(place);
  const key = formatPath(path);
  const isSaidAlready = key === "" || (place.kind === "set" && place.key === key);
  return isSaidAlready ? `${where}: ${message}` : `${where} ${key}: ${message}`;
}

/** `a.b[0].c`; a key that holds a dot stands in quotes, as `--set` takes it. */
export function formatPath(path: Path): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else text += `${text === "" ? "" : "."}${segment.includes(".") ? JSON.stringify(segment) : segment}`;
  }
  return text;
}

/** Sorts by file in the order given, then line and column, then `--set` by position; equal faults once. */
export function sortFaults(faults: readonly Fault[], files: readonly string[]): Fault[] {
  const unique = new Map(faults.map((fault) => [formatFault(fault), fault]));
  return [...unique.values()].sort((a, b) => comparePlaces(a.place, b.place, files));
}

function comparePlaces(a: Place, b: Place, files: readonly string[]): number {
  if (a.kind === "set" || b.kind === "set") {
    if (a.kind === "set" && b.kind === "set") return a.order - b.order;
    return a.kind === "set" ? 1 : -1;
  }
  return files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column;
}

function formatPlace(place: Place): string {
  switch (place.kind) {
    case "file":
      return place.line === 0 ? place.file : `${place.file}:${place.line}:${place.column}`;
    case "set":
      return `--set ${place.key}`;
  }
}
