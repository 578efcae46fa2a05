import type { Model, ModelTensor } from "../format/model.ts";
import type { Parts } from "./items.ts";
import type { Dropped } from "./types.ts";

/** Tensors of the models that no step reads, each with the reason why. */
export function droppedOf({ bodies, items, reasons }: Parts): Dropped[] {
  const used = new Set<ModelTensor>();
  for (const { aligned } of items) for (const tensor of aligned.tensors) used.add(tensor);
  const dropped: Dropped[] = [];
  const seen = new Set<Model>();
  for (const { sources } of bodies.flatMap(({ slices }) => slices)) {
    for (const { model, position } of sources) {
      if (seen.has(model)) continue;
      seen.add(model);
      for (const tensor of model.tensors.values()) {
        if (used.has(tensor)) continue;
        const { name } = tensor;
        const reason = reasons.of(model, name) ?? "outside the slices";
        dropped.push({ model: position, tensor: name, reason });
      }
    }
  }
  return dropped;
}
