/** Runs a method written by the user over decoded blocks. */
import { MergeError } from "../errors.ts";
import type { Combine } from "../methods/custom.ts";
import type { Operation } from "../plan/types.ts";
import type { StepIo } from "./step.ts";

type CustomOperation = Extract<Operation, { op: "custom" }>;

export function* custom(io: StepIo, operation: CustomOperation, combine: Combine): Generator<void> {
  const { shape, parameters, modelParameters } = operation;
  for (const range of io.ranges()) {
    const tiles = operation.inputs.map((input) => io.tile(input, range));
    const base = operation.base === null ? undefined : io.tile(operation.base, range);
    const out = new Float32Array(range.count);
    combine({
      tensor: io.step.tensor,
      shape,
      first: range.first,
      inputs: tiles.map(({ values }) => values),
      base: base?.values,
      out,
      parameters,
      modelParameters,
    });
    io.writeTile(range, out, base === undefined ? tiles : [base, ...tiles]);
    yield;
  }
}

/** The function of a method, which the caller must have handed in. */
export function combineOf(
  operation: CustomOperation,
  functions: ReadonlyMap<string, Combine> | undefined,
): Combine {
  const found = functions?.get(operation.method);
  if (found !== undefined) return found;
  throw new MergeError("UNKNOWN_METHOD", `no function for the method ${operation.method}`, {
    hint: "pass it in the option `methods`",
  });
}
