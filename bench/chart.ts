/** `npm run bench:chart`: draws the newest record's merges as docs/bench.svg. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, type Spec, View } from "vega";
import { ROOT } from "./places.ts";
import { type BenchRecord, newestRecord } from "./record.ts";
import type { Result } from "./results.ts";

const OUT = join(ROOT, "docs/bench.svg");
const INK = "#1f2933";
const PALE = "#7b8794";
const FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";

interface Bar {
  method: string;
  /** Times what a plain program takes for the same files. */
  ratio: number;
  low: number;
  high: number;
  label: string;
  goal: number | null;
}

function barOf(result: Result): Bar {
  const { median, min, max, goal } = result;
  const label = `${median.toPrecision(3)} ×`;
  const bound = goal?.atMost ?? null;
  return { method: result.case, ratio: median, low: min, high: max, label, goal: bound };
}

function barsOf({ results }: BenchRecord): Bar[] {
  const ratios = results.filter(({ suite, figure }) => suite === "merges" && figure === "ratio");
  if (ratios.length === 0) throw new Error("the newest record has no merges");
  return ratios.map(barOf).sort((a, b) => a.ratio - b.ratio);
}

function subtitleOf({ machine, options, date, commit }: BenchRecord): string[] {
  const size = (options.size / 1e6).toFixed(0);
  return [
    `bf16 models of ${size} MB in the page cache, ${options.threads} threads, median and spread`,
    `${machine.cpu} (${machine.targets[0] ?? "reference"}), ${date.slice(0, 10)}, ${commit}`,
  ];
}

/** Where the logarithmic axis begins: less than any ratio. */
const LEAST = 0.5;

const AXES: NonNullable<Spec["axes"]> = [
  {
    orient: "left",
    scale: "methods",
    domain: false,
    ticks: false,
    labelPadding: 8,
    labelColor: INK,
    labelFontSize: 12,
  },
  {
    orient: "bottom",
    scale: "times",
    domain: false,
    ticks: false,
    values: [1, 2, 5, 10, 20, 50, 100],
    format: "~f",
    grid: true,
    gridColor: "#e4e7eb",
    labelColor: PALE,
    title: "time of the merge, as a multiple of the plain program's (logarithmic)",
    titleColor: PALE,
    titleFontWeight: "normal",
    titlePadding: 10,
  },
];

const MIDDLE = { scale: "methods", field: "method", band: 0.5 } as const;

/** The bar of a method, its spread, its number, and the mark of its goal. */
const MARKS: NonNullable<Spec["marks"]> = [
  {
    type: "rect",
    from: { data: "bars" },
    encode: {
      enter: {
        y: { scale: "methods", field: "method" },
        height: { scale: "methods", band: 1 },
        x: { scale: "times", value: LEAST },
        x2: { scale: "times", field: "ratio" },
        cornerRadius: { value: 2 },
        fill: { scale: "colours", signal: "datum.goal === null ? 'none' : 'goal'" },
      },
    },
  },
  {
    type: "rule",
    from: { data: "bars" },
    encode: {
      enter: {
        y: MIDDLE,
        x: { scale: "times", field: "low" },
        x2: { scale: "times", field: "high" },
        stroke: { value: INK },
        strokeOpacity: { value: 0.45 },
      },
    },
  },
  {
    type: "rule",
    from: { data: "goals" },
    encode: {
      enter: {
        y: { scale: "methods", field: "method", offset: -2 },
        y2: { scale: "methods", field: "method", band: 1, offset: 2 },
        x: { scale: "times", field: "goal" },
        stroke: { value: "#d64545" },
        strokeWidth: { value: 2 },
      },
    },
  },
  {
    type: "text",
    from: { data: "bars" },
    encode: {
      enter: {
        y: MIDDLE,
        x: { scale: "times", signal: "max(datum.high, datum.goal || 0)", offset: 8 },
        text: { field: "label" },
        baseline: { value: "middle" },
        fontSize: { value: 11 },
        fill: { value: INK },
      },
    },
  },
];

function specOf(record: BenchRecord): Spec {
  const bars = barsOf(record);
  const most = Math.max(...bars.map(({ high }) => high));
  return {
    width: 560,
    height: 22 * bars.length,
    // Without a canvas the width of texts is guessed, so the room for them is given.
    autosize: "none",
    padding: { left: 136, right: 72, top: 104, bottom: 64 },
    background: "white",
    config: { text: { font: FONT }, axis: { labelFont: FONT, titleFont: FONT } },
    title: {
      text: "Whole merges, beside a program that only moves the bytes",
      subtitle: [
        ...subtitleOf(record),
        "dark: methods with a goal, at the red mark; passthrough is held against cp",
      ],
      anchor: "start",
      frame: "group",
      font: FONT,
      subtitleFont: FONT,
      color: INK,
      subtitleColor: PALE,
      fontSize: 15,
      subtitleFontSize: 11,
      subtitlePadding: 6,
      offset: 16,
      limit: 700,
    },
    data: [
      { name: "bars", values: bars },
      { name: "goals", source: "bars", transform: [{ type: "filter", expr: "datum.goal" }] },
    ],
    scales: [
      {
        name: "methods",
        type: "band",
        domain: bars.map(({ method }) => method),
        range: "height",
        padding: 0.28,
      },
      { name: "times", type: "log", domain: [LEAST, most], range: "width" },
      { name: "colours", type: "ordinal", domain: ["goal", "none"], range: ["#2563a8", "#a9c6e3"] },
    ],
    axes: AXES,
    marks: MARKS,
  };
}

const view = new View(parse(specOf(newestRecord("merges"))), { renderer: "none" });
writeFileSync(OUT, `${await view.toSVG()}\n`);
console.log(OUT);
