/** Finds a wanted tensor in every source of its slice, and makes their shapes agree. */
import { printable } from "../errors.ts";
import type { ModelTensor } from "../format/tensors.ts";
import { positionsOf, type Wanted } from "./layers.ts";
import { isVocabularyTensor } from "./names.ts";
import { isBuffer, type Policies, policyFor, type Reasons, type Remarks } from "./policies.ts";
import type { Tally } from "./tally.ts";
import { embeddingOf, isHead, tieFlag } from "./tying.ts";

/** A wanted tensor with what the sources hold of it. */
export interface Aligned {
  /** Its slice has only the sources that take part. */
  wanted: Wanted;
  tensors: readonly ModelTensor[];
  /** The source that each tensor is from: its own, or the base's where that stands in. */
  origins: readonly number[];
  shape: readonly number[];
  count: number;
  /** Rows were cut to those that all have. */
  cut: boolean;
  /** Sources were left out, so that fewer may be left than the method needs. */
  reduced: boolean;
}

/** What aligning needs to know, and where it tells what it did. */
export interface Alignment {
  policies: Policies;
  tally: Tally;
  remarks: Remarks;
  reasons: Reasons;
}

/** The sources that take part so far, before shapes are looked at. */
type Held = Pick<Aligned, "wanted" | "tensors" | "origins" | "reduced">;

/** The tensor, or for an absent output head the embedding it is tied to. */
function findTensor({ slice, sourceNames }: Wanted, source: number): ModelTensor | undefined {
  const { model } = slice.sources[source];
  const own = model.tensors.get(sourceNames[source]);
  if (own !== undefined || !isHead(sourceNames[source])) return own;
  return tieFlag(model) === false ? undefined : embeddingOf(model);
}

/** The tensor in every source; those that share their tensors, of one family, are asked once. */
function findTensors(wanted: Wanted): (ModelTensor | undefined)[] {
  const { slice, sourceNames } = wanted;
  const found: (ModelTensor | undefined)[] = [];
  for (let s = 0; s < sourceNames.length; s++) {
    const shared = s > 0 && slice.sources[s].model.tensors === slice.sources[s - 1].model.tensors;
    const known = shared && sourceNames[s] === sourceNames[s - 1] ? found[s - 1] : undefined;
    found.push(known ?? findTensor(wanted, s));
  }
  return found;
}

/** The same tensor, wanted from some of its sources only. */
function keepSources({ tensors, origins, wanted }: Held, kept: readonly number[]): Held {
  const { slice, sourceNames } = wanted;
  const base = slice.base === undefined ? -1 : kept.indexOf(slice.base);
  const sources = kept.map((s) => slice.sources[s]);
  return {
    wanted: {
      ...wanted,
      slice: { ...slice, sources, base: base < 0 ? undefined : base },
      sourceNames: kept.map((s) => sourceNames[s]),
    },
    tensors: kept.map((s) => tensors[s]),
    origins: kept.map((s) => kept.indexOf(origins[s])),
    reduced: true,
  };
}

/** The same tensor with the base's in place of those of some sources. */
function standIn(held: Held, sources: readonly number[], base: number): Held {
  const at = (s: number) => (sources.includes(s) ? base : s);
  const all = held.wanted.slice.sources.map((_, s) => s);
  return {
    ...held,
    tensors: all.map((s) => held.tensors[at(s)]),
    origins: all.map((s) => held.origins[at(s)]),
  };
}

function pathsOf({ slice }: Wanted, sources: readonly number[]): string {
  return sources.map((s) => printable(slice.sources[s].model.path)).join(", ");
}

function reportMissing(wanted: Wanted, source: number, tally: Tally, hint: string): void {
  const { model, place } = wanted.slice.sources[source];
  const name = printable(wanted.sourceNames[source]);
  tally.add(
    `missing ${source} ${model.path}`,
    "MISSING_TENSOR",
    `${printable(model.path)} has no tensor ${name}, which the output needs`,
    hint,
    place,
  );
}

/** Settles what happens where sources lack the tensor; undefined when it is not made. */
function settleMissing(wanted: Wanted, around: Alignment): Held | undefined {
  const all = positionsOf(wanted.slice);
  const found = findTensors(wanted);
  const tensors = found as ModelTensor[];
  const held: Held = { wanted, tensors, origins: all, reduced: false };
  if (!found.includes(undefined)) return held;
  const missing = all.filter((s) => found[s] === undefined);
  const present = all.filter((s) => found[s] !== undefined);
  const policy = policyFor(around.policies.onMissing, wanted.name);
  if (policy === undefined && isBuffer(wanted.name, tensors[present[0]].shape.length)) {
    for (const s of present) dropBuffer(wanted, tensors[s], s, around.reasons);
    return undefined;
  }
  if (policy === "skip") {
    const cause = `on_missing: skip, merged without ${pathsOf(wanted, missing)}`;
    around.remarks.add(wanted.name, cause);
    return keepSources(held, present);
  }
  const { base } = wanted.slice;
  if (policy === "base" && base !== undefined && found[base] !== undefined) {
    around.remarks.add(wanted.name, `on_missing: base, in place of ${pathsOf(wanted, missing)}`);
    return standIn(held, missing, base);
  }
  const hint =
    policy === "base"
      ? "on_missing: base needs it in the base model, which must be one of the merged ones"
      : "merge models of one architecture, check the layer ranges, or set on_missing";
  for (const s of missing) reportMissing(wanted, s, around.tally, hint);
  return undefined;
}

function dropBuffer(wanted: Wanted, { name }: ModelTensor, s: number, reasons: Reasons): void {
  const reason = "a buffer that is computed on loading, and that not every model stores";
  reasons.add(wanted.slice.sources[s].model, name, reason);
}

function sameShape(a: ModelTensor, b: ModelTensor): boolean {
  if (a.shape === b.shape) return true;
  return a.shape.length === b.shape.length && a.shape.every((axis, i) => axis === b.shape[i]);
}

/** The shape with the fewest rows, when shapes differ in their rows only. */
function commonRows(tensors: readonly ModelTensor[]): readonly number[] | undefined {
  const [first] = tensors;
  const [, ...rest] = first.shape;
  if (tensors.some(({ shape }) => shape.slice(1).join() !== rest.join())) return undefined;
  if (tensors.some(({ shape }) => shape.length !== first.shape.length)) return undefined;
  return [Math.min(...tensors.map(({ shape }) => shape[0])), ...rest];
}

function finish(held: Held, shape: readonly number[]): Aligned {
  const count = shape.reduce((product, axis) => product * axis, 1);
  const { wanted, tensors, origins, reduced } = held;
  const cut = tensors.some((tensor) => tensor.count !== count);
  return { wanted, tensors, origins, reduced, shape, count, cut };
}

/** Settles what happens where shapes differ; undefined when a problem was reported. */
function settleShapes(held: Held, around: Alignment): Aligned | undefined {
  const { wanted, tensors } = held;
  const lead = wanted.slice.base ?? 0;
  if (tensors.every((tensor) => sameShape(tensor, tensors[lead]))) {
    return finish(held, tensors[lead].shape);
  }
  const odd = tensors.flatMap((tensor, s) => (sameShape(tensor, tensors[lead]) ? [] : [s]));
  const rows = commonRows(tensors);
  const tables = tensors.every(({ shape }) => isVocabularyTensor(wanted.name, shape.length));
  const { onMismatch, embeddingRows } = around.policies;
  if (tables && rows !== undefined) {
    if (embeddingRows === "cut") return finish(held, rows);
    return reportShapes(held, around.tally, "embedding_rows: cut takes the rows that all have");
  }
  const policy = policyFor(onMismatch, wanted.name);
  if (policy === "cut" && rows !== undefined) return finish(held, rows);
  if (policy === "skip") {
    const cause = `on_mismatch: skip, merged without ${pathsOf(wanted, odd)}`;
    around.remarks.add(wanted.name, cause);
    const kept = tensors.flatMap((_, s) => (odd.includes(s) ? [] : [s]));
    return finish(keepSources(held, kept), tensors[lead].shape);
  }
  if (policy === "base" && wanted.slice.base !== undefined) {
    around.remarks.add(wanted.name, `on_mismatch: base, in place of ${pathsOf(wanted, odd)}`);
    return finish(standIn(held, odd, wanted.slice.base), tensors[lead].shape);
  }
  return reportShapes(held, around.tally, HINTS[policy ?? "error"]);
}

const HINTS = {
  error: "merge models of one size and architecture, or set on_mismatch",
  skip: "",
  base: "on_mismatch: base needs the base model among the merged ones",
  cut: "on_mismatch: cut shortens the first axis only, and other axes differ",
} as const;

function reportShapes({ wanted, tensors }: Held, tally: Tally, hint: string): undefined {
  const shapes = tensors.map((tensor, s) => {
    return `[${tensor.shape.join(", ")}] in ${printable(wanted.slice.sources[s].model.path)}`;
  });
  const cause = `shape ${tensors.map(({ shape }) => shape.join()).join(";")}`;
  const message = `${printable(wanted.name)} has different shapes: ${shapes.join(", ")}`;
  tally.add(cause, "SHAPE_MISMATCH", message, hint);
}

/** Aligns one wanted tensor; undefined when it is dropped, or a problem was reported instead. */
export function align(wanted: Wanted, around: Alignment): Aligned | undefined {
  const held = settleMissing(wanted, around);
  return held === undefined ? undefined : settleShapes(held, around);
}
