import { type Accuracy, TASKS } from "./evaluate.ts";

/** One line of the table. */
export interface Row extends Accuracy {
  model: string;
  retention: number;
}

/** The rows as aligned text, with a heading. */
export function formatTable(rows: readonly Row[]): string {
  const columns = [...TASKS, "retention"] as const;
  const lines = [
    ["model", ...columns],
    ...rows.map((row) => [row.model, ...columns.map((column) => row[column].toFixed(3))]),
  ];
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines
    .map((cells) =>
      cells
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join("  "),
    )
    .join("\n");
}
