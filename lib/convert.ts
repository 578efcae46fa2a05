/** A model in another dtype, or in files of another size. */
import { MergeError, printable } from "./errors.ts";
import { DTYPES } from "./format/dtype.ts";
import { type Inspection, inspect } from "./inspect.ts";
import { type MergeOptions, type MergeResult, merge, run } from "./merge.ts";
import { type Watched, watch } from "./progress.ts";
import type { OutputDtype } from "./recipe-object.ts";

/** A dtype to write, in any of its usual spellings. */
export type DtypeName = OutputDtype | "fp32" | "f32" | "fp16" | "f16" | "bf16";

const DTYPE_NAMES: Readonly<Record<DtypeName, OutputDtype>> = {
  float32: "float32",
  fp32: "float32",
  f32: "float32",
  float16: "float16",
  fp16: "float16",
  f16: "float16",
  bfloat16: "bfloat16",
  bf16: "bfloat16",
};

/** The recipe's word for a dtype. @throws MergeError UNKNOWN_DTYPE */
export function toOutputDtype(name: string): OutputDtype {
  const known = name.toLowerCase();
  if (Object.hasOwn(DTYPE_NAMES, known)) return DTYPE_NAMES[known as DtypeName];
  throw new MergeError("UNKNOWN_DTYPE", `dtype: no output dtype is named ${printable(name)}`, {
    hint: "float32, float16 or bfloat16",
  });
}

/** What all commands that write a model from models have in common. */
export type WriteOptions = Omit<
  MergeOptions,
  "methods" | "seed" | "random" | "intermediateDir" | "modelCard"
>;

export interface ConvertOptions extends WriteOptions {
  /** Dtype of every float tensor of the output. */
  dtype: DtypeName;
}

/**
 * Writes a model with its float tensors in another dtype, each value rounded once, to nearest even.
 * Integers, and dtypes that are not arithmetic's (F64, packed ones), are copied; `notes` names them.
 * @param model folder, `.safetensors` file, or name on the hub
 * @throws MergeError UNKNOWN_DTYPE; UNSUPPORTED for a quantised model; what `merge` throws
 * @example await convert("models/a", { dtype: "bf16", out: "a-bf16" });
 */
export function convert(model: string, options: ConvertOptions): Watched<MergeResult> {
  return watch(async (onProgress) => {
    const dtype = toOutputDtype(String(options?.dtype));
    const kept = copiedDtypes(await inspect(model, options));
    const recipe = { merge_method: "passthrough", models: [{ model }], dtype };
    const result = await merge(recipe, { ...options, modelCard: false, onProgress });
    return { ...result, notes: [...result.notes, ...kept] };
  }, options?.onProgress);
}

/** Notes on tensors that keep their dtype. @throws MergeError UNSUPPORTED when quantised */
function copiedDtypes({ path, totals, quantization }: Inspection): string[] {
  const packed = totals.some(({ dtype }) => DTYPES[dtype].bits <= 8);
  if (quantization !== null && packed) {
    const message = `${printable(path)} is quantised (${printable(quantization)})`;
    throw new MergeError("UNSUPPORTED", `${message}: its values need scales to be converted`, {
      hint: "convert the model that it was made from",
    });
  }
  const kept = totals.filter(({ dtype }) => DTYPES[dtype].kind === "opaque");
  return kept.map(({ dtype, tensors }) => `${tensors} tensors of dtype ${dtype} were copied`);
}

export interface ReshardOptions extends WriteOptions {
  /** Most bytes of tensors in one output file; 0 for a single file. Default 5,000,000,000. */
  shardSize?: number;
}

/**
 * Writes the same tensors, byte for byte, in files of at most `shardSize` bytes with their index.
 * Every file has the `__metadata__` of all files that were read; the first that has a key gives its
 * value.
 * @param model folder, `.safetensors` file, or name on the hub
 * @throws MergeError what `merge` throws
 * @example await reshard("models/a", { shardSize: 2e9, out: "a-2gb" });
 */
export function reshard(model: string, options: ReshardOptions): Watched<MergeResult> {
  const recipe = { merge_method: "passthrough", models: [{ model }] };
  return watch((onProgress) => {
    return run(recipe, { ...options, modelCard: false }, onProgress, { keepMetadata: true });
  }, options?.onProgress);
}
