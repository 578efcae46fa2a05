/** What a model holds, from its headers. */
import type { Dtype } from "./format/dtype.ts";
import { openNamed } from "./hub/models.ts";
import { type HubModelOptions, hubOptionsOf } from "./hub/options.ts";
import { type Tie, Ties } from "./plan/tying.ts";

/** One tensor of an inspected model. */
export interface InspectedTensor {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  /** Elements, the product of the shape. */
  count: number;
  /** Path of its file, and the absolute byte offset there. */
  file: string;
  offset: number;
  bytes: number;
}

/** What a model holds. */
export interface Inspection {
  path: string;
  files: readonly { path: string; size: number; tensors: number }[];
  /** By dtype, in the order of their first tensors. */
  totals: readonly { dtype: Dtype; tensors: number; bytes: number }[];
  /** Elements and bytes of all tensors. */
  parameters: number;
  bytes: number;
  /**
   * How the output head stands to the token embedding: `absent` (the embedding serves as head),
   * `headless` (config.json says that it does not), `twice` (stored with equal bytes),
   * `contradiction` (config.json says tied, the bytes differ), `apart`. Null without an embedding.
   */
  tying: Tie | null;
  /** From config.json: null where it does not say. */
  architecture: string | null;
  modelType: string | null;
  /** Name of the quantisation that config.json declares. */
  quantization: string | null;
  /** `__metadata__` of all files; the first file that has a key gives its value. */
  metadata: Readonly<Record<string, string>>;
  /** By file, then by offset. */
  tensors: readonly InspectedTensor[];
}

/** Value at a path of nested records, when it is a text. */
function textAt(value: unknown, ...path: readonly (string | number)[]): string | null {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return null;
    at = (at as Record<string | number, unknown>)[key];
  }
  return typeof at === "string" ? at : null;
}

/**
 * Lists a model's tensors, files and metadata. Reads headers and config.json; tensor bytes only to
 * compare an output head with the embedding, where config.json does not tell them apart. A model of
 * the hub comes from the cache, or is downloaded into it as for a merge.
 * @param path a `.safetensors` file, a folder with one or with shards and their index, or
 *   `name[@revision]` on the hub
 * @throws MergeError MODEL_NOT_FOUND, or the code of the first rule that a file breaks;
 *   NOT_IN_CACHE, HUB_UNAVAILABLE
 * @example const { tensors, tying } = await inspect("models/a");
 */
export async function inspect(path: string, options: HubModelOptions = {}): Promise<Inspection> {
  const model = await openNamed(path, hubOptionsOf(options));
  const tensors = [...model.tensors.values()].map((tensor) => {
    const { name, dtype, shape, count, file, offset, bytes } = tensor;
    return { name, dtype, shape, count, file: model.files[file].path, offset, bytes };
  });
  const config = model.config?.value;
  const { files, metadata } = model;
  return {
    path,
    files: files.map(({ path: file, size, header }) => {
      return { path: file, size, tensors: header.tensors.size };
    }),
    totals: totalsOf(tensors),
    parameters: tensors.reduce((sum, { count }) => sum + count, 0),
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    tying: new Ties().of(model) ?? null,
    architecture: textAt(config, "architectures", 0),
    modelType: textAt(config, "model_type"),
    quantization: textAt(config, "quantization_config", "quant_method"),
    metadata: Object.fromEntries(metadata),
    tensors,
  };
}

function totalsOf(tensors: readonly InspectedTensor[]): Inspection["totals"] {
  const rows = new Map<Dtype, { dtype: Dtype; tensors: number; bytes: number }>();
  for (const { dtype, bytes } of tensors) {
    const row = rows.get(dtype) ?? { dtype, tensors: 0, bytes: 0 };
    row.tensors++;
    row.bytes += bytes;
    rows.set(dtype, row);
  }
  return [...rows.values()];
}
