/** How models differ: tensor by tensor, and as wholes. */
import {
  addSums,
  differenceOf,
  noSums,
  type Sums,
  type TensorDifference,
  type TensorTogether,
  togetherOf,
} from "./diff/numbers.ts";
import { type Matched, matchTensors, type Unmatched } from "./diff/pairs.ts";
import { bytesRead, compareTensors } from "./diff/run.ts";
import { MergeError } from "./errors.ts";
import { type Dtype, isFloatDtype } from "./format/dtype.ts";
import type { Model } from "./format/model.ts";
import { Readings } from "./format/readings.ts";
import { sameBytes } from "./format/same_bytes.ts";
import { openNamed } from "./hub/models.ts";
import { type HubModelOptions, hubOptionsOf } from "./hub/options.ts";
import { type Progress, type Watched, watch } from "./progress.ts";
import { chooseBackend, type ReadingOptions, readingOptions } from "./run/backend.ts";
import { onlyCpu } from "./run/device.ts";
import { throwIfAborted } from "./run/perform.ts";

export interface DiffOptions extends ReadingOptions, Omit<HubModelOptions, "signal"> {
  /**
   * A model that all others were trained from. They are compared with it, as task vectors
   * x − base; without it, they are compared with the first of them.
   */
  base?: string;
  /** Called a few times a second; an exception it throws cancels the work and is passed on. */
  onProgress?: (progress: Progress) => void;
}

/** One tensor of the reference. */
export interface DiffTensor extends TensorTogether {
  tensor: string;
  /** Of the reference. */
  dtype: Dtype;
  shape: readonly number[];
  /** One for each model that has a tensor of this name and shape. */
  differences: readonly TensorDifference[];
}

/** A tensor that could not be compared in one of the models. */
export interface DiffMismatch {
  tensor: string;
  /** Position in `Diff.models`; null for the base. */
  model: number | null;
  reason: "missing" | "shape" | "dtype";
  /** What was found, in words. */
  detail: string;
}

export interface Diff {
  /** As they were given. */
  models: readonly string[];
  base: string | null;
  /** All models hold the same tensors as the reference, to the byte. */
  same: boolean;
  /** In the order of the reference's bytes. */
  tensors: readonly DiffTensor[];
  mismatches: readonly DiffMismatch[];
  /**
   * The same figures over all float tensors that every model has: each of the other models against
   * the reference, shares as means over all elements.
   */
  whole: TensorTogether & { differences: readonly Omit<TensorDifference, "identical">[] };
}

/** Models at a time: sums are kept for every pair of them and every block of a tensor. */
const MOST = 32;

interface Comparing {
  reference: Model;
  others: readonly Model[];
  /** Positions of the others in `Diff.models`. */
  positions: readonly number[];
  task: boolean;
  size: number;
}

async function open(paths: readonly string[], options: DiffOptions): Promise<Comparing> {
  const { base } = options;
  const least = base === undefined ? 2 : 1;
  if (!Array.isArray(paths) || paths.length < least || paths.length > MOST) {
    const message = `models: the paths of ${least} to ${MOST} models were expected`;
    throw new MergeError("ARGUMENT", message, {
      hint: least === 2 ? "one model can be compared with a `base`" : undefined,
    });
  }
  const opened: Model[] = [];
  const readings = new Readings();
  // One after the other, as a merge does it: a model that is named twice is downloaded once.
  for (const path of [...(base === undefined ? [] : [base]), ...paths]) {
    opened.push(await openNamed(path, hubOptionsOf(options), readings));
  }
  const [reference, ...rest] = opened;
  const task = base !== undefined;
  const positions = rest.map((_, i) => (task ? i : i + 1));
  return { reference, others: rest, positions, task, size: paths.length };
}

/** NaN of different bits may decode to the same: only then the stored bytes are looked at. */
function isIdentical(
  sums: Sums,
  m: number,
  { reference, others }: Matched,
  models: Comparing,
): boolean {
  const { model, tensor } = others[m];
  if (tensor.dtype !== reference.dtype || sums.others[m].equal !== sums.count) return false;
  if (sums.nonfinite === 0) return true;
  return sameBytes(models.reference, reference, models.others[model], tensor);
}

function tensorOf(each: Matched, sums: Sums | undefined, models: Comparing): DiffTensor {
  const { name, reference, others } = each;
  const { task, size, positions } = models;
  const floats = isFloatDtype(reference.dtype);
  const at = others.map(({ model }) => positions[model]);
  const found = sums ?? noSums(others.length);
  return {
    tensor: name,
    dtype: reference.dtype,
    shape: reference.shape,
    ...togetherOf(found, task && floats, at, size),
    differences: others.map((_, m) => {
      const identical = isIdentical(found, m, each, models);
      const figures = differenceOf(found, m, task);
      const none = { maxDelta: null, meanDelta: null, relativeL2: null, cosine: null };
      return { model: at[m], identical, ...figures, ...(floats ? {} : none) };
    }),
  };
}

function mismatchOf({ tensor, model, reason, detail }: Unmatched, models: Comparing): DiffMismatch {
  const first = models.task ? null : 0;
  return { tensor, model: model === -1 ? first : models.positions[model], reason, detail };
}

function wholeOf(
  matched: readonly Matched[],
  sums: readonly (Sums | undefined)[],
  { others, positions, task, size }: Comparing,
): Diff["whole"] {
  const total = noSums(others.length);
  matched.forEach(({ reference, others: fitting }, i) => {
    const own = sums[i];
    const all = own !== undefined && fitting.length === others.length;
    if (all && isFloatDtype(reference.dtype)) addSums(total, own);
  });
  const differences = positions.map((model, m) => ({ model, ...differenceOf(total, m, task) }));
  return { ...togetherOf(total, task, positions, size), differences };
}

/**
 * Compares the tensors of models by name, in one streaming pass with memory that does not grow with
 * them. With a base the models are looked at as task vectors.
 * @param models folders, `.safetensors` files or names on the hub: two to 32, or with a base one to
 *   32
 * @throws MergeError ARGUMENT; INPUT_CHANGED; what opening a model throws
 * @example
 * const { same, tensors } = await diff(["models/a", "models/b"], { base: "models/base" });
 */
export function diff(models: readonly string[], options: DiffOptions = {}): Watched<Diff> {
  return watch((onProgress) => run(models, { ...options, onProgress }), options.onProgress);
}

async function run(paths: readonly string[], options: DiffOptions): Promise<Diff> {
  const { signal, base, onProgress } = options;
  const execute = onlyCpu(readingOptions(options));
  const backend = chooseBackend(options.backend, options.device);
  throwIfAborted(signal);
  const models = await open(paths, options);
  const { matched, unmatched } = matchTensors(models.reference, models.others);
  const bytesTotal = bytesRead(matched);
  const tensor = matched[0]?.name ?? "";
  const onBytes = (bytesDone: number) => onProgress?.({ bytesDone, bytesTotal, tensor });
  const sums = await compareTensors(matched, models, models.task, backend, { ...execute, onBytes });
  onBytes(bytesTotal);
  const tensors = matched.map((each, i) => tensorOf(each, sums[i], models));
  const identical = tensors.every(({ differences }) => differences.every((d) => d.identical));
  return {
    models: paths,
    base: base ?? null,
    same: unmatched.length === 0 && identical,
    tensors,
    mismatches: unmatched.map((each) => mismatchOf(each, models)),
    whole: wholeOf(matched, sums, models),
  };
}
