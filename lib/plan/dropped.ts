import type { Model } from "../format/model.ts";
import type { Parts } from "./items.ts";
import type { Dropped } from "./types.ts";

/** Tensors of the models that no step reads, each with the reason why. */
export function droppedOf({ bodies, items, reasons }: Parts): Dropped[] {
  const used = new Map<string, Set<string>>();
  for (const { aligned } of items) {
    const { sources } = aligned.wanted.slice;
    aligned.tensors.forEach(({ name }, s) => {
      const { path } = sources[aligned.origins[s]].model;
      used.set(path, (used.get(path) ?? new Set()).add(name));
    });
  }
  const dropped: Dropped[] = [];
  const seen = new Set<Model>();
  for (const { sources } of bodies.flatMap(({ slices }) => slices)) {
    for (const { model, position } of sources) {
      if (seen.has(model)) continue;
      seen.add(model);
      for (const tensor of model.tensors.keys()) {
        if (used.get(model.path)?.has(tensor) === true) continue;
        const reason = reasons.of(model, tensor) ?? "outside the slices";
        dropped.push({ model: position, tensor, reason });
      }
    }
  }
  return dropped;
}
