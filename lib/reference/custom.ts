/** Runs a method written by the user over decoded blocks. */
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

/** The function of a method, which the caller has handed in with the work. */
export function combineOf(
  operation: CustomOperation,
  functions: ReadonlyMap<string, Combine> | undefined,
): Combine {
  return functions?.get(operation.method) as Combine;
}
