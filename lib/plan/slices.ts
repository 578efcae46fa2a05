/** From a recipe's body to slices of opened models. */
import { formatReference, sameReference } from "../config/reference.ts";
import type { ModelReference, Parameters, Recipe, RecipeModel } from "../config/types.ts";
import { type Place, type Problem, printable, problem } from "../errors.ts";
import type { Model } from "../format/model.ts";
import type { Method } from "../methods/types.ts";
import { findBase, layerCounts, type Slice, type SliceSource } from "./layers.ts";
import type { Scope, ScopedBody } from "./modules.ts";
import type { OpenedModels } from "./sources.ts";

/** Models in recipe order; a slice's source refers to one by position. */
export class ModelList {
  readonly references: ModelReference[] = [];

  /** Position of a whole-model entry: every listing counts, also of the same model. */
  add(reference: ModelReference): number {
    return this.references.push(reference) - 1;
  }

  /** Position of a model that several slices share. */
  share(reference: ModelReference): number {
    const at = this.references.findIndex((each) => sameReference(each, reference));
    return at < 0 ? this.add(reference) : at;
  }
}

interface Surroundings {
  recipe: Recipe;
  method: Method;
  opened: OpenedModels;
  list: ModelList;
  problems: Problem[];
}

type Entry = RecipeModel & { layerRange?: readonly [number, number] };

function toSource(entry: Entry, position: number, { opened }: Surroundings): SliceSource {
  const model = opened.get(formatReference(entry.model)) as Model;
  const { parameters, place } = entry;
  return { model, position, parameters, place, range: entry.layerRange ?? null };
}

/** The listed models, with a base that is not listed at the end when the method takes one. */
function withBase(models: readonly RecipeModel[], around: Surroundings): Entry[] {
  const base = around.recipe.baseModel;
  if (base === undefined || around.method.base === "ignored") return [...models];
  if (models.some(({ model }) => sameReference(model, base))) return [...models];
  const place = around.recipe.places.base_model;
  return [...models, { model: base, parameters: {}, place }];
}

function baseAmong(
  entries: readonly Entry[],
  base: ModelReference | undefined,
): number | undefined {
  return findBase(
    entries.map(({ model }) => ({ reference: model })),
    base,
  );
}

/** Slices of one body. Layer ranges that a model does not have become problems. */
export function makeSlices({ body, scope }: ScopedBody, around: Surroundings): Slice[] {
  const { list, recipe } = around;
  const levels: Parameters[] = [body.parameters];
  if (body.models !== undefined) {
    const entries = withBase(body.models, around);
    const sources = entries.map((entry) => toSource(entry, list.add(entry.model), around));
    return [{ sources, base: baseAmong(entries, recipe.baseModel), levels }];
  }
  return body.slices.map((slice) => {
    const base = slice.baseModel ?? recipe.baseModel;
    const sources = slice.sources.map((entry) => toSource(entry, list.share(entry.model), around));
    for (const { model, layerRange, place } of slice.sources) {
      const opened = around.opened.get(formatReference(model)) as Model;
      checkRange(opened, layerRange, place, { scope, problems: around.problems });
    }
    return { sources, base: baseAmong(slice.sources, base), levels: [slice.parameters, ...levels] };
  });
}

function checkRange(
  model: Model,
  range: readonly [number, number],
  place: Place,
  { scope, problems }: { scope: Scope; problems: Problem[] },
): void {
  const layers = Math.max(0, ...layerCounts(model, scope).values());
  if (range[1] <= layers) return;
  const message = `layer_range [${range.join(", ")}] leaves ${printable(model.path)}, which has layers 0 to ${layers - 1}`;
  const hint = `the end is exclusive: [0, ${layers}] takes all`;
  problems.push(problem("LAYER_RANGE", message, hint, place));
}
