/** What a run found, as it is printed and recorded. */
import type { Case, Figure, Round } from "./case.ts";
import { formatGoal, type Goal, isReached } from "./goals.ts";
import { type Summary, summarize } from "./statistics.ts";

export interface Result extends Summary {
  readonly suite: string;
  readonly case: string;
  readonly figure: string;
  readonly unit: string;
  /** The figure of every round, in their order. */
  readonly values: readonly number[];
  readonly goal?: Goal;
  readonly reached?: boolean;
}

function resultOf(suite: string, name: string, figure: Figure, rounds: readonly Round[]): Result {
  const values = rounds.map((round) => figure.of(round));
  const summary = summarize(values);
  const { goal, unit } = figure;
  const found = { suite, case: name, figure: figure.name, unit, ...summary, values };
  return goal === undefined ? found : { ...found, goal, reached: isReached(summary.median, goal) };
}

export function resultsOf(suite: string, each: Case, rounds: readonly Round[]): Result[] {
  return each.figures.map((figure) => resultOf(suite, each.name, figure, rounds));
}

function formatNumber(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

function cells({ suite, figure, unit, median, min, max, goal, reached, ...rest }: Result) {
  return [
    `${suite} ${rest.case}`,
    figure,
    `${formatNumber(median)} ${unit}`,
    `${formatNumber(min)} … ${formatNumber(max)}`,
    goal === undefined ? "" : formatGoal(goal),
    reached === undefined ? "" : reached ? "reached" : "missed",
  ];
}

/** The medians of one case on one line. */
export function formatLine(results: readonly Result[]): string {
  return results
    .map(({ figure, median, unit }) => `${figure} ${formatNumber(median)} ${unit}`)
    .join(", ");
}

/** A table with aligned columns. */
export function formatResults(results: readonly Result[]): string {
  const rows = [["case", "figure", "median", "min … max", "goal", ""], ...results.map(cells)];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) => {
    return row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join("  ")
      .trimEnd();
  };
  return rows.map(line).join("\n");
}
