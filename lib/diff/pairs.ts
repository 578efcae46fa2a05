/** Which tensors of several models belong together, and which cannot be compared. */
import { printable } from "../errors.ts";
import { isFloatDtype } from "../format/dtype.ts";
import type { Model } from "../format/model.ts";
import type { ModelTensor } from "../format/tensors.ts";
import { compareNames } from "../plan/names.ts";

/** A tensor of the model that others are compared with, and those of the others that fit it. */
export interface Matched {
  name: string;
  reference: ModelTensor;
  /** By position of the model among the others. */
  others: readonly { model: number; tensor: ModelTensor }[];
}

/** Why a model's tensor cannot be compared. */
export interface Unmatched {
  tensor: string;
  /** Position among the others; -1 for the one that they are compared with. */
  model: number;
  reason: "missing" | "shape" | "dtype";
  /** In words, for people. */
  detail: string;
}

function show({ dtype, shape }: ModelTensor): string {
  return `${dtype} [${shape.join(", ")}]`;
}

function misfit(a: ModelTensor, b: ModelTensor): "shape" | "dtype" | undefined {
  if (a.shape.join() !== b.shape.join()) return "shape";
  if (a.dtype === b.dtype || (isFloatDtype(a.dtype) && isFloatDtype(b.dtype))) return undefined;
  return "dtype";
}

/** Pairs the tensors of models by name, in the order of the reference's bytes. */
export function matchTensors(
  reference: Model,
  others: readonly Model[],
): { matched: Matched[]; unmatched: Unmatched[] } {
  const unmatched: Unmatched[] = [];
  const matched: Matched[] = [];
  for (const own of reference.tensors.values()) {
    const fitting: { model: number; tensor: ModelTensor }[] = [];
    others.forEach((model, i) => {
      const tensor = model.tensors.get(own.name);
      const reason = tensor === undefined ? "missing" : misfit(own, tensor);
      if (tensor !== undefined && reason === undefined) fitting.push({ model: i, tensor });
      if (reason === undefined) return;
      const detail = tensor === undefined ? "missing" : `${show(tensor)}, not ${show(own)}`;
      unmatched.push({ tensor: own.name, model: i, reason, detail });
    });
    matched.push({ name: own.name, reference: own, others: fitting });
  }
  const extra = new Set(reference.tensors.keys());
  for (const { path, tensors } of others) {
    for (const name of tensors.keys()) {
      if (extra.has(name)) continue;
      extra.add(name);
      const detail = `missing, but there in ${printable(path)}`;
      unmatched.push({ tensor: name, model: -1, reason: "missing", detail });
    }
  }
  return { matched, unmatched: unmatched.sort((a, b) => compareNames(a.tensor, b.tensor)) };
}
