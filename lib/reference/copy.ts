import { MergeError } from "../errors.ts";
import type { StepIo } from "./step.ts";

/** copy: the bytes of one input. same: the same, once all inputs have been found identical. */
export function* copy(io: StepIo, input: number, others: readonly number[]): Generator<void> {
  for (const range of io.ranges()) {
    const stored = io.stored(input, range);
    for (const other of others) {
      if (Buffer.compare(stored, io.stored(other, range)) !== 0) {
        throw new MergeError("TENSOR_DIFFERS", `tensor ${io.step.tensor}: input ${other}`);
      }
    }
    io.writeCopy(range, stored);
    yield;
  }
}
