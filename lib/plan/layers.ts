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

const positions = new WeakMap<Slice, readonly number[]>();

/** 0, 1, ... for the sources of a slice. */
export function positionsOf(slice: Slice): readonly number[] {
  const known = positions.get(slice);
  if (known !== undefined) return known;
  const made = slice.sources.map((_, s) => s);
  positions.set(slice, made);
  return made;
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

/** A layer's tensors: what follows the layer's number in their names, and the whole names. */
interface Layer {
  suffixes: readonly string[];
  names: readonly string[];
}

type Series = ReadonlyMap<number, Layer>;

/** The same while it is filled. */
type Filling = Map<string, Map<number, { suffixes: string[]; names: string[] }>>;

/** The names of a model's tensors: series of layers by their prefix, and all others. */
interface Names {
  series: ReadonlyMap<string, Series>;
  outside: readonly string[];
}

const NO_LAYERS: Series = new Map();
const NO_LAYER: Layer = { suffixes: [], names: [] };
const known = new WeakMap<Model["tensors"], Names>();

/** Splits every name of a model, once; models may share their tensors. */
function namesOf({ tensors }: Model): Names {
  const before = known.get(tensors);
  if (before !== undefined) return before;
  const series: Filling = new Map();
  const outside: string[] = [];
  for (const name of tensors.keys()) {
    const split = splitLayer(name);
    if (split === undefined) outside.push(name);
    else addLayer(series, split, name);
  }
  const names = { series, outside };
  known.set(tensors, names);
  return names;
}

function addLayer(series: Filling, { prefix, layer, suffix }: LayeredName, name: string): void {
  const layers = series.get(prefix);
  const first = () => ({ suffixes: [suffix], names: [name] });
  if (layers === undefined) {
    series.set(prefix, new Map([[layer, first()]]));
    return;
  }
  const held = layers.get(layer);
  if (held === undefined) layers.set(layer, first());
  else {
    held.suffixes.push(suffix);
    held.names.push(name);
  }
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

function sameSuffixes(layers: readonly Layer[]): boolean {
  const [{ suffixes }] = layers;
  return layers.every((other) => {
    if (other.suffixes.length !== suffixes.length) return false;
    return other.suffixes.every((each, i) => each === suffixes[i]);
  });
}

/** A layer of the output: its series and number, and what each source's layer `from` holds. */
interface WantedLayer {
  prefix: string;
  to: number;
  from: readonly number[];
  held: readonly Layer[];
  slice: Slice;
  t: number;
}

/** Where all sources have the same tensors in a layer: names are strings that are there already. */
function wantAlike({ prefix, to, from, held, slice, t }: WantedLayer, wanted: Wanted[]): void {
  const [{ suffixes }] = held;
  const at = from.indexOf(to);
  for (let i = 0; i < suffixes.length; i++) {
    const name = at < 0 ? joinLayer(prefix, to, suffixes[i]) : held[at].names[i];
    wanted.push({ name, sourceNames: held.map(({ names }) => names[i]), slice, t });
  }
}

/** Where they differ: what any of them has, in the order of meeting it. */
function wantUnion({ prefix, to, from, held, slice, t }: WantedLayer, wanted: Wanted[]): void {
  for (const suffix of new Set(held.flatMap(({ suffixes }) => suffixes))) {
    const sourceNames = from.map((layer) => joinLayer(prefix, layer, suffix));
    wanted.push({ name: joinLayer(prefix, to, suffix), sourceNames, slice, t });
  }
}

/** Adds the output tensors of one run of layers; its first output layer is `start`. */
export function wantLayers(slice: Slice, prefix: string, start: number, wanted: Wanted[]): void {
  const bySource = slice.sources.map(({ model }) => {
    return namesOf(model).series.get(prefix) ?? NO_LAYERS;
  });
  const ranges = slice.sources.map(({ range }, s) => {
    return range ?? ([0, depthOf(bySource[s])] as const);
  });
  const count = Math.max(...ranges.map(([from, to]) => to - from));
  for (let i = 0; i < count; i++) {
    const from = ranges.map(([first]) => first + i);
    const held = bySource.map((layers, s) => layers.get(from[s]) ?? NO_LAYER);
    const layer = { prefix, to: start + i, from, held, slice, t: positionOf(i, count) };
    if (sameSuffixes(held)) wantAlike(layer, wanted);
    else wantUnion(layer, wanted);
  }
}

/** Adds those outside the layers: those before them from the first slice, others the last. */
export function wantOutside(first: Slice, last: Slice, scope: Scope, wanted: Wanted[]): void {
  for (const slice of new Set([first, last])) {
    const names = new Set<string>();
    for (const { model } of slice.sources) {
      for (const name of namesOf(model).outside) names.add(name);
    }
    for (const name of names) {
      if (!scope.hasOutside(name)) continue;
      if (first !== last && isBeforeLayers(name) !== (slice === first)) continue;
      wanted.push({ name, sourceNames: slice.sources.map(() => name), slice, t: 0 });
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
