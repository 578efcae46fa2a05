/** The tensors of a model as spans of its files. */
import type { Dtype } from "./dtype.ts";
import type { OpenFile } from "./header.ts";

/** A tensor of a model, as a span of one of its files. */
export interface ModelTensor {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  /** Elements, the product of the shape. */
  count: number;
  /** Position among the model's tensors. */
  position: number;
  /** Position in `Model.files`. */
  file: number;
  /** Absolute byte offset in that file. */
  offset: number;
  bytes: number;
}

/** By file, then by offset. */
export function gatherTensors(files: readonly OpenFile[]): ReadonlyMap<string, ModelTensor> {
  const tensors = new Map<string, ModelTensor>();
  files.forEach(({ header }, file) => {
    for (const { name, dtype, shape, count, begin, end } of header.tensors.values()) {
      const offset = header.dataStart + begin;
      const position = tensors.size;
      tensors.set(name, { name, dtype, shape, count, position, file, offset, bytes: end - begin });
    }
  });
  return tensors;
}
