/** The statistics of `compare`, on every target of this machine, against the reference. */
import { describe, expect, test } from "vitest";
import type { FloatDtype } from "../../lib/format/dtype.ts";
import { numbersOf } from "../../lib/reference/compare.ts";
import { referenceBackend } from "../../lib/reference/index.ts";
import { loadAddon } from "../../lib/run/addon.ts";
import { nativeBackend } from "../../lib/run/native.ts";
import type { Backend, ExecuteOptions, Work } from "../../lib/run/work.ts";
import { bytesOf, type Tensor } from "../../lib/tensor.ts";
import { makeTensor, Random } from "./values.ts";

const LENGTHS = [0, 1, 15, 16, 17, 33, 65, 1000, 4097, 65_537, 150_003];
const MIXED: readonly FloatDtype[] = ["BF16", "F32", "F16", "F8_E4M3", "F8_E5M2"];
const targets = loadAddon().addon?.targets ?? [];
const options = (isa: string, threads: number): ExecuteOptions => ({
  isa,
  threads,
  sync: false,
  io: "mmap",
});

function workOf(tensors: readonly Tensor[], task: boolean, memory: Uint8Array): Work {
  const [{ dtype, shape }] = tensors;
  const step = {
    tensor: "w",
    dtype,
    count: shape[0],
    output: 0,
    offset: 8,
    inputs: tensors.map((each, source) => ({ source, offset: 0, dtype: each.dtype })),
    operation: { op: "compare", task } as const,
  };
  const sources = tensors.map((each) => ({ memory: bytesOf(each) }));
  return { sources, outputs: [{ memory }], steps: [step] };
}

function run(backend: Backend, tensors: readonly Tensor[], task: boolean, with_: ExecuteOptions) {
  const memory = new Uint8Array(8 * (numbersOf(tensors.length - 1) + 2)).fill(0xee);
  backend.executeSync(workOf(tensors, task, memory), with_);
  return [...new BigUint64Array(memory.buffer)].map((word) => word.toString(16));
}

const CASES = ["F32", "F16", "BF16", "F8_E5M2", "mixed"].flatMap((dtype) => {
  return [1, 3].flatMap((models) => {
    return [false, true].flatMap((task) =>
      [false, true].map((odd) => ({ dtype, models, task, odd })),
    );
  });
});

describe.each(CASES)("$dtype, $models others, task $task, odd values $odd", (of) => {
  test.each(LENGTHS)("%i elements", (length) => {
    const random = new Random(length + of.models);
    const tensors = Array.from({ length: of.models + 1 }, (_, i) => {
      const dtype = of.dtype === "mixed" ? MIXED[i % MIXED.length] : (of.dtype as FloatDtype);
      return makeTensor(dtype, length, random, i + 1, of.odd);
    });
    const want = run(referenceBackend, tensors, of.task, options("", 1));
    expect(want.at(-1)).toBe("eeeeeeeeeeeeeeee");
    for (const isa of targets) {
      for (const threads of length > 5000 ? [1, 3] : [1]) {
        const got = run(nativeBackend, tensors, of.task, options(isa, threads));
        // Without elements the engine has nothing to run, and writes nothing.
        if (length > 0) expect(got, `${isa}, ${threads} threads`).toEqual(want);
      }
    }
  });
});

test("bytes that are not floats are counted where they are equal", () => {
  const bytes = (...of: number[]) => ({ dtype: "U8", bytes: Uint8Array.from(of) }) as const;
  const tensors = [bytes(1, 2, 3, 4), bytes(1, 2, 0, 4), bytes(0, 0, 0, 0)];
  for (const backend of [referenceBackend, nativeBackend]) {
    const memory = new Uint8Array(8 * numbersOf(2));
    const work: Work = {
      sources: tensors.map((each) => ({ memory: each.bytes })),
      outputs: [{ memory }],
      steps: [
        {
          tensor: "w",
          dtype: "U8",
          count: 4,
          output: 0,
          offset: 0,
          inputs: tensors.map(({ dtype }, source) => ({ source, offset: 0, dtype })),
          operation: { op: "compare", task: false },
        },
      ],
    };
    backend.executeSync(work, options("", 1));
    const numbers = [...new Float64Array(memory.buffer)];
    expect([numbers[5], numbers[13]]).toEqual([3, 0]);
    expect(numbers.filter((each) => each !== 0)).toEqual([3]);
  }
});
