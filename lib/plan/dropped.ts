import type { Model } from "../format/model.ts";
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
      const read = used.get(model);
      for (const { name, position: at } of model.tensors.values()) {
        if (read?.[at] === 1) continue;
        const reason = reasons.of(model, name) ?? "outside the slices";
        dropped.push({ model: position, tensor: name, reason });
      }
    }
  }
  return dropped;
}

/** For each model and each position among its tensors, 1 where a step reads the tensor. */
function usedOf(items: readonly Item[]): ReadonlyMap<Model, Uint8Array> {
  const used = new Map<Model, Uint8Array>();
  for (const { aligned } of items) {
    const { wanted, tensors, origins } = aligned;
    for (let s = 0; s < tensors.length; s++) {
      const { model } = wanted.slice.sources[origins[s]];
      const known = used.get(model) ?? new Uint8Array(model.tensors.size);
      known[tensors[s].position] = 1;
      used.set(model, known);
    }
  }
  return used;
}
