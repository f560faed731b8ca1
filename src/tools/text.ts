/** Figures and tables as a terminal shows them. */

export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
}

/** Lines of a table: titles, then rows, each column as wide as its widest cell. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) =>
        columns[index]!.align === "right" ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!),
      )
      .join("  ")
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].join("\n");
}

/** 1234567 as "1,234,567". */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** 1234567 as "1.2 M", for rates that nobody reads to the last digit. */
export function formatApproximate(value: number): string {
  for (const [size, unit] of [
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"],
  ] as const) {
    if (value >= size) return (value / size).toFixed(value >= 100 * size ? 0 : 1) + unit;
  }
  return value.toFixed(0);
}

/** Milliseconds as "850 ms", "12.3 s" or "4 m 10 s". */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${durationMs.toFixed(0)} ms`;
  if (durationMs < 60_000) return `${(durationMs / 1000).toFixed(1)} s`;
  return `${Math.floor(durationMs / 60_000)} m ${Math.floor((durationMs % 60_000) / 1000)} s`;
}
