/** Heat maps as SVG text, drawn by vega, an optional package, while the page is made. */
import type { Spec } from "vega";
import { MergeError } from "../errors.ts";

/** The functions of vega that are used. */
export interface Vega {
  parse(spec: object): object;
  View: new (runtime: object, options: object) => { toSVG(): Promise<string> };
}

const PACKAGE = "vega";

/** @throws MergeError MISSING_PACKAGE when it is not installed */
export async function loadVega(
  load: () => Promise<Vega> = () => import(PACKAGE) as Promise<Vega>,
): Promise<Vega> {
  try {
    return await load();
  } catch (cause) {
    const message = `heat maps are drawn by the package ${PACKAGE}, which is not installed`;
    throw new MergeError("MISSING_PACKAGE", message, { hint: `npm install ${PACKAGE}`, cause });
  }
}

/** One coloured field. */
export interface Cell {
  row: string;
  column: string;
  value: number;
  /** Written into the field, when there is room. */
  text?: string;
}

export interface HeatMap {
  rows: readonly string[];
  columns: readonly string[];
  /** Fields without a cell stay empty. */
  cells: readonly Cell[];
  /** From the palest to the darkest colour; with `diverging`, from one to the other. */
  domain: readonly [number, number];
  diverging?: boolean;
  columnTitle?: string;
  /** Side of a field in pixels. */
  side: { width: number; height: number };
}

const INK = "#1f2933";
const FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";
const LABEL = 11;
/** Without a canvas the width of texts is guessed: of a character, of this font size. */
const CHARACTER = 0.56 * LABEL;
const LEGEND = 76;

function widthOf(texts: readonly string[]): number {
  return Math.ceil(Math.max(0, ...texts.map(({ length }) => length)) * CHARACTER);
}

/** Columns whose labels have room beside each other. */
function labelled(columns: readonly string[], width: number): string[] {
  const every = Math.max(1, Math.ceil((widthOf(columns) + 6) / width));
  return columns.filter((_, i) => i % every === 0);
}

function scalesOf({ rows, columns, domain, diverging }: HeatMap): Required<Spec>["scales"] {
  return [
    { name: "x", type: "band", domain: [...columns], range: "width", padding: 0.04 },
    { name: "y", type: "band", domain: [...rows], range: "height", padding: 0.04 },
    {
      name: "colour",
      type: "linear",
      domain: [...domain],
      range: { scheme: diverging === true ? "blueorange" : "blues" },
    },
  ];
}

function marksOf({ cells, diverging, domain }: HeatMap): Required<Spec>["marks"] {
  const middle = (domain[0] + domain[1]) / 2;
  const half = (domain[1] - domain[0]) / 2;
  const dark = diverging
    ? `abs(datum.value - ${middle}) > ${0.6 * half}`
    : `datum.value > ${middle}`;
  const place = {
    x: { scale: "x", field: "column" },
    y: { scale: "y", field: "row" },
    width: { scale: "x", band: 1 },
    height: { scale: "y", band: 1 },
  } as const;
  const texts = cells.some(({ text }) => text !== undefined);
  const rect = {
    type: "rect",
    from: { data: "cells" },
    encode: {
      enter: {
        ...place,
        fill: { scale: "colour", field: "value" },
        description: { signal: "datum.row + ', ' + datum.column + ': ' + datum.value" },
      },
    },
  } as const;
  const text = {
    type: "text",
    from: { data: "cells" },
    encode: {
      enter: {
        x: { scale: "x", field: "column", band: 0.5 },
        y: { scale: "y", field: "row", band: 0.5 },
        text: { field: "text" },
        align: { value: "center" },
        baseline: { value: "middle" },
        fontSize: { value: 10 },
        fill: { signal: `${dark} ? 'white' : '${INK}'` },
      },
    },
  } as const;
  return texts ? [rect, text] : [rect];
}

function specOf(map: HeatMap): Spec {
  const { rows, columns, side, columnTitle } = map;
  const axis = { domain: false, ticks: false, labelColor: INK, labelFontSize: LABEL } as const;
  return {
    width: columns.length * side.width,
    height: rows.length * side.height,
    autosize: "none",
    padding: {
      left: widthOf(rows) + 12,
      right: LEGEND,
      top: 4,
      bottom: columnTitle === undefined ? 20 : 36,
    },
    config: { text: { font: FONT }, axis: { labelFont: FONT, titleFont: FONT } },
    data: [{ name: "cells", values: [...map.cells] }],
    scales: scalesOf(map),
    axes: [
      { orient: "left", scale: "y", labelPadding: 6, labelLimit: 0, ...axis },
      {
        orient: "bottom",
        scale: "x",
        values: labelled(columns, side.width),
        labelPadding: 4,
        labelLimit: 0,
        titleColor: INK,
        titleFontWeight: "normal",
        ...(columnTitle === undefined ? {} : { title: columnTitle }),
        ...axis,
      },
    ],
    legends: [
      {
        fill: "colour",
        direction: "vertical",
        gradientLength: Math.max(40, Math.min(rows.length * side.height - 10, 160)),
        labelColor: INK,
        labelFont: FONT,
        format: ".2~g",
      },
    ],
    marks: marksOf(map),
  };
}

/** A heat map as an SVG element. */
export async function drawHeatMap(map: HeatMap, { parse, View }: Vega): Promise<string> {
  return await new View(parse(specOf(map)), { renderer: "none" }).toSVG();
}
