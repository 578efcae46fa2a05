/** A diff as one HTML page that needs no network and no script. */
import type { Diff, DiffTensor } from "../diff.ts";
import { version } from "../version.ts";
import { figure, percent } from "./figures.ts";
import { type Cell, drawHeatMap, type HeatMap, loadVega, type Vega } from "./heat_map.ts";
import { type Grid, gridOf } from "./kinds.ts";

const STYLE = `
body { font: 14px/1.5 ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif;
  color: #1f2933; background: white; max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.25rem; }
p { margin: 0.25rem 0 0.75rem; max-width: 46rem; color: #52606d; }
table { border-collapse: collapse; }
th, td { text-align: right; padding: 0.15rem 0.75rem 0.15rem 0; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th { font-weight: 600; border-bottom: 1px solid #cbd2d9; }
th:first-child, td:first-child { text-align: left; }
.maps { display: flex; flex-wrap: wrap; gap: 0 2rem; }
figure { margin: 0.5rem 0 1rem; overflow-x: auto; }
figcaption { font-weight: 600; }
code { font-size: 0.95em; }
svg { display: block; }
details { margin: 2rem 0; overflow-x: auto; }
summary { cursor: pointer; font-weight: 600; }
`;

export function escapeHtml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const shown = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "\ufffd");
  const named: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return shown.replace(/[&<>"]/g, (c) => `&${named[c]};`);
}

/** Rows of texts as a table; the first row is its head. */
function table([head, ...rows]: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) => {
    return `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  };
  const body = rows.map((cells) => row(cells, "td")).join("\n");
  return `<table>\n<thead>${row(head, "th")}</thead>\n<tbody>\n${body}\n</tbody>\n</table>`;
}

/** What a heat map over layers and kinds shows. */
interface Shown {
  caption: string;
  value: (tensor: DiffTensor) => number | null;
  /** Upper end of the colours; by default the largest value. */
  most?: number;
}

/** Means over the elements of the tensors that share a field. */
function cellsOf({ tensors }: Diff, grid: Grid, value: Shown["value"]): Cell[] {
  const sums = new Map<string, { row: string; column: string; sum: number; count: number }>();
  for (const tensor of tensors) {
    const found = value(tensor);
    const place = grid.places.get(tensor.tensor);
    if (found === null || !Number.isFinite(found) || place === undefined) continue;
    const count = tensor.shape.reduce((product, axis) => product * axis, 1);
    const [row, column] = [place.kind, place.layer === null ? OUTSIDE : String(place.layer)];
    const field = sums.get(`${column} ${row}`) ?? { row, column, sum: 0, count: 0 };
    field.sum += found * count;
    field.count += count;
    sums.set(`${column} ${row}`, field);
  }
  // What has no elements has no figure either.
  return [...sums.values()].map(({ row, column, sum, count }) => {
    return { row, column, value: sum / count };
  });
}

/** Column of the tensors outside of the layers. */
const OUTSIDE = "\u2013";

function mapOf(diff: Diff, grid: Grid, { value, most }: Shown): HeatMap | undefined {
  const cells = cellsOf(diff, grid, value);
  if (cells.length === 0) return undefined;
  const outside = cells.some(({ column }) => column === OUTSIDE);
  const largest = Math.max(...cells.map((cell) => cell.value));
  return {
    rows: grid.kinds,
    columns: [...(outside ? [OUTSIDE] : []), ...grid.layers.map(String)],
    cells,
    domain: [0, most ?? (largest > 0 ? largest : 1)],
    columnTitle: `layer (${OUTSIDE}: outside of the layers)`,
    side: { width: grid.layers.length > 50 ? 14 : 22, height: 18 },
  };
}

function shownOf({ models, base, whole }: Diff): Shown[] {
  const of = (tensor: DiffTensor, model: number) => {
    return tensor.differences.find((each) => each.model === model);
  };
  const against = base === null ? models[0] : base;
  const shown = whole.differences.flatMap(({ model }): Shown[] => {
    const name = models[model];
    const length: Shown = {
      caption: `Relative L2 distance of ${name} from ${against}`,
      value: (tensor) => of(tensor, model)?.relativeL2 ?? null,
    };
    if (base === null) return [length];
    const redundancy: Shown = {
      caption: `Redundancy of the task vector of ${name}`,
      value: (tensor) => of(tensor, model)?.redundancy ?? null,
      most: 1,
    };
    return [length, redundancy];
  });
  if (base === null || models.length < 2) return shown;
  return [
    ...shown,
    {
      caption: "Sign conflicts between the task vectors",
      value: (tensor) => tensor.signConflicts,
      most: 1,
    },
  ];
}

function matrixOf({ models, whole }: Diff): HeatMap {
  const numbered = models.map((_, i) => String(i + 1));
  const rows = models.map((name, i) => `${i + 1}  ${name}`);
  const cells = whole.cosines.flatMap((row, i) => {
    return row.flatMap((value, j) => {
      const place = { row: rows[i], column: numbered[j] };
      return value === null ? [] : [{ ...place, value, text: value.toFixed(3) }];
    });
  });
  const side = { width: 46, height: 30 };
  return { rows, columns: numbered, cells, domain: [-1, 1], diverging: true, side };
}

async function figureOf(caption: string, map: HeatMap, vega: Vega): Promise<string> {
  const svg = await drawHeatMap(map, vega);
  return `<figure>\n<figcaption>${escapeHtml(caption)}</figcaption>\n${svg}\n</figure>`;
}

function summary({ models, base, same, mismatches, tensors }: Diff): string {
  const names = models.map((name) => `<code>${escapeHtml(name)}</code>`).join(", ");
  const what = base === null ? "" : ` as task vectors on <code>${escapeHtml(base)}</code>`;
  const result = same
    ? "They are the same, to the byte."
    : `${tensors.length} tensors; ${mismatches.length} that could not be compared.`;
  return `<p>${names}${what}. ${result}</p>`;
}

function wholeTable({ models, base, whole }: Diff): string {
  const head = ["over all tensors", "equal", "max |Δ|", "mean |Δ|", "rel. L2", "cosine"];
  const rows = whole.differences.map((each) => [
    models[each.model],
    percent(each.equal),
    figure(each.maxDelta),
    figure(each.meanDelta),
    figure(each.relativeL2),
    figure(each.cosine),
    ...(base === null ? [] : [percent(each.redundancy), percent(each.top20)]),
  ]);
  return table([[...head, ...(base === null ? [] : ["redundancy", "top 20 %"])], ...rows]);
}

function tensorTable({ models, base, tensors }: Diff): string {
  const head = [
    "tensor",
    "dtype",
    "shape",
    "model",
    "equal",
    "max |Δ|",
    "mean |Δ|",
    "rel. L2",
    "cosine",
  ];
  const rows = tensors.flatMap(({ tensor, dtype, shape, signConflicts, differences }) => {
    return differences.map((each) => [
      tensor,
      dtype,
      shape.join(" × "),
      models[each.model],
      percent(each.equal),
      figure(each.maxDelta),
      figure(each.meanDelta),
      figure(each.relativeL2),
      figure(each.cosine),
      ...(base === null ? [] : [percent(each.redundancy), percent(signConflicts)]),
    ]);
  });
  return table([[...head, ...(base === null ? [] : ["redundancy", "sign conflicts"])], ...rows]);
}

function mismatchTable({ models, base, mismatches }: Diff): string {
  if (mismatches.length === 0) return "";
  const rows = mismatches.map(({ tensor, model, detail }) => {
    return [tensor, model === null ? (base as string) : models[model], detail];
  });
  return `<h2>Not compared</h2>\n${table([["tensor", "model", "found"], ...rows])}`;
}

const EXPLAINED = `<p>Δ is the difference of an element, in binary32. Relative L2 is the length of all
differences over that of what is compared with.`;
const EXPLAINED_TASK = ` Redundancy: the share of a task vector's elements, smallest first, that could be set
to 0 before 1 % of its squared length is lost; 26 % for normally distributed ones. Top 20 %: the share of the squared
length that the largest fifth holds. Sign conflicts: the share of elements whose task vectors have both signs.`;

/**
 * One self-contained HTML page with a heat map for each figure, by layer and kind of tensor.
 * @throws MergeError MISSING_PACKAGE when vega, which draws them, is not installed
 */
export async function diffPage(diff: Diff, load?: () => Promise<Vega>): Promise<string> {
  const vega = await loadVega(load);
  const grid = gridOf(diff.tensors.map(({ tensor }) => tensor));
  const figures: string[] = [];
  for (const shown of shownOf(diff)) {
    const map = mapOf(diff, grid, shown);
    if (map !== undefined) figures.push(await figureOf(shown.caption, map, vega));
  }
  const between = diff.base === null ? "the models" : "the task vectors";
  const matrix = await figureOf(`Cosines between ${between}`, matrixOf(diff), vega);
  const title = `weightloom diff: ${diff.models.map(escapeHtml).join(", ")}`;
  return [
    `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">`,
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<title>${title}</title>\n<style>${STYLE}</style>\n</head>\n<body>`,
    `<h1>weightloom diff</h1>\n${summary(diff)}`,
    wholeTable(diff),
    `${EXPLAINED}${diff.base === null ? "" : EXPLAINED_TASK}</p>`,
    `<h2>By layer and kind of tensor</h2>\n<div class="maps">\n${figures.join("\n")}\n</div>`,
    `<h2>Cosines</h2>\n${matrix}`,
    mismatchTable(diff),
    `<details>\n<summary>All tensors</summary>\n${tensorTable(diff)}\n</details>`,
    `<p>Made by weightloom ${escapeHtml(version)}.</p>\n</body>\n</html>\n`,
  ].join("\n");
}
