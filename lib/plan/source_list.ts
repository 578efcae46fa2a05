import type { Model } from "../format/model.ts";
import type { ModelTensor } from "../format/tensors.ts";
import type { PlanSource } from "./types.ts";

/** Numbers the files of models as inputs come to use them. */
export class SourceList {
  readonly sources: PlanSource[] = [];
  readonly #positions = new Map<string, number>();

  position(model: Model, tensor: ModelTensor): number {
    const file = model.files[tensor.file];
    const known = this.#positions.get(file.path);
    if (known !== undefined) return known;
    const { path, size, identity, header } = file;
    const position = this.sources.push({ path, size, headerHash: header.hash, identity }) - 1;
    this.#positions.set(path, position);
    return position;
  }
}
