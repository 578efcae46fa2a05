/** What the tests of mergekit's quirks need: small tensors, their values, and recipes as text. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MergeTensorsOptions } from "../../lib/array-types.ts";
import { mergeTensors } from "../../lib/arrays.ts";
import type { FloatDtype } from "../../lib/format/dtype.ts";
import type { Plan, PlanStep } from "../../lib/plan/types.ts";
import { bitsOf, decode, encode } from "../../lib/reference/codec.ts";
import { bytesOf, elementCount, emptyTensor, type Tensor } from "../../lib/tensor.ts";

export type BackendName = "native" | "reference";
export { BACKENDS } from "../backends.ts";

/** A tensor of one axis, or of the shape given. */
export function make(
  dtype: FloatDtype,
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): Tensor {
  const made = emptyTensor(dtype, shape);
  encode(dtype, Uint32Array.from(values, bitsOf), bytesOf(made), 0);
  return made;
}

export function f32(...values: number[]): Tensor {
  return make("F32", values);
}

/** The numbers that a tensor holds. */
export function read(of: Tensor): number[] {
  const bits = new Uint32Array(elementCount(of));
  decode(of.dtype, bytesOf(of), 0, bits);
  return [...new Float32Array(bits.buffer)];
}

/** A number as a dtype stores it. */
export function stored(dtype: FloatDtype, value: number): number {
  return read(make(dtype, [value]))[0];
}

/** The merged tensor's numbers. */
export function merged(
  method: string,
  models: readonly Tensor[],
  options: MergeTensorsOptions,
): number[] {
  return read(mergeTensors(method, models, { threads: 1, ...options }) as Tensor);
}

/** Writes a recipe's text to a new file of the folder. */
export function yamlWriter(folder: string): (text: string) => string {
  let count = 0;
  return (text) => {
    const path = join(folder, `recipe-${count++}.yml`);
    writeFileSync(path, text);
    return path;
  };
}

/** The plan's step for an output tensor. */
export function stepOf(plan: Plan, name: string): PlanStep {
  const step = plan.steps.find(({ tensor }) => tensor === name);
  if (step === undefined) throw new Error(`no step makes ${name}`);
  return step;
}

/** `path:name` of each input of an output tensor. */
export function originsOf(plan: Plan, name: string): string[] {
  return stepOf(plan, name).inputs.map(({ model, tensor }) => `${plan.models[model]}:${tensor}`);
}
