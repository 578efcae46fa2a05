/**
 * Which tensors the output has, and which tensors of which sources each is made from: slices of
 * layers, renumbered, and everything outside the layers.
 */
import { sameReference } from "../config/reference.ts";
import type { ModelReference, Parameters } from "../config/types.ts";
import type { Place } from "../errors.ts";
import type { Model } from "../format/model.ts";
import type { Scope } from "./modules.ts";
import { isBeforeLayers, joinLayer, type LayeredName, splitLayer } from "./names.ts";

/** One model taking part in a slice. */
export interface SliceSource {
  model: Model;
  /** Position in the plan's list of models. */
  position: number;
  parameters: Parameters;
  place: Place | undefined;
  /** First layer taken, and how many; null takes every layer the model has. */
  range: readonly [number, number] | null;
}

/** A slice with its models opened. `base` is the position in `sources`, if a base takes part. */
export interface Slice {
  sources: readonly SliceSource[];
  base: number | undefined;
  /** Parameters of the slice, then of its module, in order of precedence. */
  levels: readonly Parameters[];
}

/** One output tensor before alignment. */
export interface Wanted {
  name: string;
  /** Name in each source of the slice. */
  sourceNames: readonly string[];
  slice: Slice;
  /** Position in the slice for gradients, from 0 to 1. */
  t: number;
}

/** The suffixes of every layer. */
type Series = ReadonlyMap<number, readonly string[]>;

/** The names of a model's tensors: series of layers by their prefix, and all others. */
interface Names {
  series: ReadonlyMap<string, Series>;
  outside: readonly string[];
}

const NO_LAYERS: Series = new Map();
const known = new WeakMap<Model, Names>();

/** Splits every name of a model, once. */
function namesOf(model: Model): Names {
  const before = known.get(model);
  if (before !== undefined) return before;
  const series = new Map<string, Map<number, string[]>>();
  const outside: string[] = [];
  for (const name of model.tensors.keys()) {
    const split = splitLayer(name);
    if (split === undefined) outside.push(name);
    else addLayer(series, split);
  }
  const names = { series, outside };
  known.set(model, names);
  return names;
}

function addLayer(
  series: Map<string, Map<number, string[]>>,
  { prefix, layer, suffix }: LayeredName,
): void {
  const layers = series.get(prefix);
  if (layers === undefined) {
    series.set(prefix, new Map([[layer, [suffix]]]));
    return;
  }
  const suffixes = layers.get(layer);
  if (suffixes === undefined) layers.set(layer, [suffix]);
  else suffixes.push(suffix);
}

/** How many layers follow each `model.layers.`-like prefix that belongs to the scope. */
export function layerCounts(model: Model, scope: Scope): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [prefix, layers] of namesOf(model).series) {
    if (scope.hasSeries(prefix)) counts.set(prefix, depthOf(layers));
  }
  return counts;
}

/** Position of layer `i` of `n`: mergekit's, where a single layer stands at 1. */
function positionOf(i: number, n: number): number {
  return n > 1 ? i / (n - 1) : 1;
}

function depthOf(layers: Series): number {
  let depth = 0;
  for (const layer of layers.keys()) depth = Math.max(depth, layer + 1);
  return depth;
}

/** What is in any of the lists, in the order of meeting it. */
function union(lists: readonly (readonly string[])[]): Iterable<string> {
  const [first, ...others] = lists;
  const same = (other: readonly string[]) => {
    return other.length === first.length && other.every((each, i) => each === first[i]);
  };
  return others.every(same) ? first : new Set(lists.flat());
}

/** Output tensors of one run of layers; its first output layer is `start`. */
export function* wantLayers(slice: Slice, prefix: string, start: number): Generator<Wanted> {
  const bySource = slice.sources.map(({ model }) => {
    return namesOf(model).series.get(prefix) ?? NO_LAYERS;
  });
  const ranges = slice.sources.map(({ range }, s) => {
    return range ?? ([0, depthOf(bySource[s])] as const);
  });
  const count = Math.max(...ranges.map(([from, to]) => to - from));
  for (let i = 0; i < count; i++) {
    const held = bySource.map((layers, s) => layers.get(ranges[s][0] + i) ?? []);
    for (const suffix of union(held)) {
      const name = joinLayer(prefix, start + i, suffix);
      const sourceNames = ranges.map(([from]) => {
        return from === start ? name : joinLayer(prefix, from + i, suffix);
      });
      yield { name, sourceNames, slice, t: positionOf(i, count) };
    }
  }
}

/** Output tensors outside the layers: those before them from the first slice, others the last. */
export function* wantOutside(first: Slice, last: Slice, scope: Scope): Generator<Wanted> {
  for (const slice of new Set([first, last])) {
    const names = new Set<string>();
    for (const { model } of slice.sources) {
      for (const name of namesOf(model).outside) names.add(name);
    }
    for (const name of names) {
      if (!scope.hasOutside(name)) continue;
      if (first !== last && isBeforeLayers(name) !== (slice === first)) continue;
      yield { name, sourceNames: slice.sources.map(() => name), slice, t: 0 };
    }
  }
}

/** Position of the first source that is the base model. */
export function findBase(
  sources: readonly { reference: ModelReference }[],
  base: ModelReference | undefined,
): number | undefined {
  if (base === undefined) return undefined;
  const at = sources.findIndex(({ reference }) => sameReference(reference, base));
  return at < 0 ? undefined : at;
}
