/** Runs the comparisons of matched tensors in one pass over the files. */
import { byteLength, isFloatDtype } from "../format/dtype.ts";
import type { Model } from "../format/model.ts";
import type { ModelTensor } from "../format/tensors.ts";
import { SourceList } from "../plan/source_list.ts";
import { numbersOf } from "../reference/compare.ts";
import { checkInputs } from "../run/identity.ts";
import type { Backend, ExecuteOptions, Work, WorkInput, WorkStep } from "../run/work.ts";
import { readSums, type Sums } from "./numbers.ts";
import type { Matched } from "./pairs.ts";

function inputOf(model: Model, tensor: ModelTensor, list: SourceList): WorkInput {
  return { source: list.position(model, tensor), offset: tensor.offset, dtype: tensor.dtype };
}

/** Bytes that a comparison reads. */
export function bytesRead(matched: readonly Matched[]): number {
  return matched.reduce((total, { reference, others }) => {
    if (others.length === 0) return total;
    return others.reduce((sum, { tensor }) => sum + tensor.bytes, total + reference.bytes);
  }, 0);
}

function stepOf(
  { name, reference, others }: Matched,
  models: { reference: Model; others: readonly Model[] },
  offset: number,
  task: boolean,
  list: SourceList,
): WorkStep {
  const { dtype, count } = reference;
  const floats = isFloatDtype(dtype);
  const inputs = [
    inputOf(models.reference, reference, list),
    ...others.map(({ model, tensor }) => inputOf(models.others[model], tensor, list)),
  ];
  const bytes = inputs.map((input) => ({ ...input, dtype: "U8" }) as const);
  return {
    tensor: name,
    dtype: floats ? dtype : "U8",
    count: floats ? count : byteLength(dtype, count),
    output: 0,
    offset,
    inputs: floats ? inputs : bytes,
    operation: { op: "compare", task: task && floats },
  };
}

/** Sums of every matched tensor, in their order; undefined for those that no other model has. */
export async function compareTensors(
  matched: readonly Matched[],
  models: { reference: Model; others: readonly Model[] },
  task: boolean,
  backend: Backend,
  options: ExecuteOptions,
): Promise<(Sums | undefined)[]> {
  const list = new SourceList();
  let words = 0;
  const places = matched.map(({ others }) => {
    const first = words;
    if (others.length > 0) words += numbersOf(others.length);
    return first;
  });
  const steps = matched.flatMap((each, i) => {
    return each.others.length === 0 ? [] : [stepOf(each, models, 8 * places[i], task, list)];
  });
  const memory = new Uint8Array(8 * words);
  const sources = list.sources.map(({ path, size }) => ({ path, size }));
  const work: Work = { sources, outputs: [{ memory }], steps };
  const check = () => checkInputs(list.sources, "opening");
  check();
  if (steps.length > 0) await backend.execute(work, { ...options, onOpened: check });
  checkInputs(list.sources, "after");
  const numbers = new Float64Array(memory.buffer);
  let at = 0;
  return matched.map(({ others }, i) => {
    if (others.length === 0) return undefined;
    const { count } = steps[at++];
    return readSums(numbers.subarray(places[i]), others.length, count);
  });
}
