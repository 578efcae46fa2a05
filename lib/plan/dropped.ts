import type { Model } from "../format/model.ts";
import type { ModelTensor } from "../format/tensors.ts";
import type { Item, Parts } from "./items.ts";
import type { Dropped } from "./types.ts";

/** Tensors of the models that no step reads, each with the reason why. */
export function droppedOf({ bodies, items, reasons }: Parts): Dropped[] {
  const used = usedOf(items);
  const dropped: Dropped[] = [];
  const seen = new Set<Model>();
  for (const { sources } of bodies.flatMap(({ slices }) => slices)) {
    for (const { model, position } of sources) {
      if (seen.has(model)) continue;
      seen.add(model);
      for (const tensor of model.tensors.values()) {
        if (used.get(model)?.has(tensor)) continue;
        const { name } = tensor;
        const reason = reasons.of(model, name) ?? "outside the slices";
        dropped.push({ model: position, tensor: name, reason });
      }
    }
  }
  return dropped;
}

/** The tensors of each model that a step reads; models may share the objects. */
function usedOf(items: readonly Item[]): ReadonlyMap<Model, ReadonlySet<ModelTensor>> {
  const used = new Map<Model, Set<ModelTensor>>();
  for (const { wanted, tensors, origins } of items.map(({ aligned }) => aligned)) {
    for (const [s, tensor] of tensors.entries()) {
      const { model } = wanted.slice.sources[origins[s]];
      const known = used.get(model);
      if (known === undefined) used.set(model, new Set([tensor]));
      else known.add(tensor);
    }
  }
  return used;
}
