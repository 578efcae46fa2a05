/**
 * Every method with `device: "cuda"` against the CPU: equal bits. Without a GPU the kernels are
 * those of native/test/cuda_mock, compiled for the host; with WEIGHTLOOM_TEST_CUDA=1 the machine's
 * GPU computes, and more lengths are taken.
 */
import { describe, expect, test } from "vitest";
import type { FloatDtype } from "../../lib/format/dtype.ts";
import { cudaInfo } from "../../lib/run/device.ts";
import { bytesOf, type Tensor } from "../../lib/tensor.ts";
import { realCuda, takeTestDriver } from "../cuda.ts";
import { CASES, type Case } from "./cases.ts";
import { makeTensor, Random } from "./values.ts";

const there = takeTestDriver();
const LENGTHS = realCuda
  ? [0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000, 65_535, 65_536, 65_537, 200_003, 3_000_001]
  : [0, 1, 9, 1000, 65_537, 131_073];
const DTYPES: readonly (FloatDtype | "mixed")[] = ["F32", "F16", "BF16", "mixed"];
const MIXED: readonly FloatDtype[] = ["BF16", "F32", "F16", "F8_E4M3", "F8_E5M2"];
const MIB = 1 << 20;

function inputs(dtype: FloatDtype | "mixed", length: number, count: number): Tensor[] {
  const random = new Random(length * 37 + count);
  return Array.from({ length: count }, (_, i) =>
    makeTensor(dtype === "mixed" ? MIXED[i % MIXED.length] : dtype, length, random, i + 1),
  );
}

/** Where two results first differ; "" when they do not. */
function difference(got: Tensor, want: Tensor): string {
  const [x, y] = [bytesOf(got), bytesOf(want)];
  if (Buffer.compare(x, y) === 0) return "";
  const at = x.findIndex((byte, i) => byte !== y[i]);
  return `byte ${at} of ${x.length}: ${x[at]} against ${y[at]}`;
}

function compare(each: Case, dtype: FloatDtype | "mixed", length: number): string[] {
  const models = inputs(dtype, length, each.models + 1);
  const want = each.run(models, { backend: "native" }) as Tensor;
  const wrong: string[] = [];
  for (const [threads, maxDeviceMemory] of [
    [1, 4 * MIB],
    [3, 96 * MIB],
  ]) {
    const got = each.run(models, { device: "cuda", threads, maxDeviceMemory }) as Tensor;
    const found = difference(got, want);
    if (found !== "") wrong.push(`${threads} threads: ${found}`);
  }
  return wrong;
}

describe.runIf(there)("on a GPU", () => {
  test("there is one", () => {
    expect(cudaInfo()).toMatchObject({ available: true });
  });

  describe.each(CASES)("$name", (each) => {
    test.each(DTYPES)("%s", (dtype) => {
      for (const length of LENGTHS) {
        expect({ length, wrong: compare(each, dtype, length) }).toEqual({ length, wrong: [] });
      }
    });
  });
});
