/** Where a tensor stands in a grid of layers and kinds. */
import { compareNames, isBeforeLayers, splitLayer } from "../plan/names.ts";

/** A place in the grid; `layer` is null outside of the layers. */
export interface Place {
  kind: string;
  layer: number | null;
}

/** The kinds of tensors, and the layers, of a list of names. */
export interface Grid {
  /** Kinds before the layers, in them, and after them. */
  kinds: readonly string[];
  layers: readonly number[];
  places: ReadonlyMap<string, Place>;
}

/** Experts and other numbered parts of a layer are one kind. */
function kindOf(text: string): string {
  return text
    .replace(/^\./, "")
    .replace(/\.weight$/, "")
    .replaceAll(/(^|\.)\d+(?=\.|$)/g, "$1*");
}

/** Part of a prefix that tells layers apart, when a model has several kinds of them. */
function shortened(prefix: string): string {
  return prefix.replace(/^model\./, "").replace(/\.?(layers|blocks|h)\.$/, "");
}

export function gridOf(names: readonly string[]): Grid {
  const split = names.map((name) => ({ name, at: splitLayer(name) }));
  const prefixes = new Set(split.flatMap(({ at }) => (at === undefined ? [] : [at.prefix])));
  const places = new Map<string, Place>();
  for (const { name, at } of split) {
    if (at === undefined) {
      places.set(name, { kind: kindOf(name), layer: null });
    } else {
      const before = prefixes.size > 1 ? `${shortened(at.prefix)}: ` : "";
      places.set(name, { kind: `${before}${kindOf(at.suffix)}`, layer: at.layer });
    }
  }
  const rank = (name: string, { layer }: Place) => {
    return layer !== null ? 1 : isBeforeLayers(name) ? 0 : 2;
  };
  const ranks = new Map<string, number>();
  for (const [name, place] of places) ranks.set(place.kind, rank(name, place));
  const kinds = [...ranks].sort(([a, x], [b, y]) => x - y || compareNames(a, b));
  const layers = [...places.values()].flatMap(({ layer }) => (layer === null ? [] : [layer]));
  return {
    kinds: kinds.map(([kind]) => kind),
    layers: [...new Set(layers)].sort((a, b) => a - b),
    places,
  };
}
