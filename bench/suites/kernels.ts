/** Every method over memory far larger than the caches, against plain programs over such memory. */
import { deepStrictEqual } from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Plan, plan } from "../../dist/index.js";
import type { Operation, PlanStep } from "../../dist/plan/types.js";
import { chooseBackend } from "../../dist/run/backend.js";
import type { ExecuteOptions, Work } from "../../dist/run/work.js";
import type { Bench, Case, Suite } from "../case.ts";
import { Floor } from "../floor/floor.ts";
import { KERNEL_SHARE } from "../goals.ts";
import { makeSparse } from "../models.ts";
import { modelCount, recipeFor } from "../recipes.ts";
import { Weights } from "../weights.ts";

const WIDTH = 4096;
/** Rows of the matrix on which the answers are compared with the reference's. */
const CHECKED_ROWS = 64;

/** Whether all inputs must be read once before the first output can be known. */
function readsTwice(operation: Operation): boolean {
  switch (operation.op) {
    case "span":
      return operation.axis === "all";
    case "task": {
      const ranked = operation.sparsify.some(({ kind }) => {
        return kind === "magnitude" || kind === "outliers";
      });
      return ranked || operation.rescale;
    }
    case "ram":
      return operation.boost !== null;
    case "sce":
    case "arcee_fusion":
      return true;
    default:
      return false;
  }
}

/** The method's step for one matrix of so many rows, as the planner makes it. */
async function stepOf(bench: Bench, method: string, rows: number): Promise<PlanStep> {
  const tensors = [{ name: "model.norm.weight", shape: [rows, WIDTH] }];
  const folder = join(bench.folder, "kernel");
  try {
    const folders = Array.from({ length: modelCount(method) }, (_, i) => {
      return makeSparse(join(folder, `model-${i}`), [tensors]);
    });
    const made: Plan = await plan(recipeFor(method, folders));
    return made.steps[0];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The step over the first bytes of the arrays. */
function workOver(step: PlanStep, arrays: readonly Uint16Array[], out: Uint8Array): Work {
  const bytes = 2 * step.count;
  const inputs = step.inputs.map(({ source, dtype }) => ({ source, offset: 0, dtype }));
  return {
    sources: step.inputs.map((_, i) => ({ memory: new Uint8Array(arrays[i].buffer, 0, bytes) })),
    outputs: [{ memory: out.subarray(0, bytes) }],
    steps: [{ ...step, output: 0, offset: 0, inputs }],
  };
}

function optionsOf({ threads }: Bench): ExecuteOptions {
  return { threads, isa: "", sync: false, io: "mmap" };
}

async function checkKernel(bench: Bench, method: string, arrays: Uint16Array[]): Promise<void> {
  const step = await stepOf(bench, method, CHECKED_ROWS);
  const [native, reference] = (["native", "reference"] as const).map((name) => {
    const out = new Uint8Array(2 * step.count);
    chooseBackend(name).executeSync(workOver(step, arrays, out), optionsOf(bench));
    return out;
  });
  deepStrictEqual(native, reference, method);
}

async function kernelCase(
  bench: Bench,
  floor: Floor,
  method: string,
  { arrays, out }: { arrays: Uint16Array[]; out: Uint8Array },
): Promise<Case> {
  const step = await stepOf(bench, method, Math.ceil(arrays[0].length / WIDTH));
  const work = workOver(step, arrays, out);
  const count = step.inputs.length;
  const bytes = 2 * step.count;
  const twice = readsTwice(step.operation);
  const moved = bytes * (count + 1 + (twice ? count : 0));
  const { threads } = bench;
  const reading = async () => (twice ? floor.sum(threads, bytes * count) : 0);
  const kernel = () => {
    const started = performance.now();
    chooseBackend("native").executeSync(work, optionsOf(bench));
    return (performance.now() - started) / 1000;
  };
  return {
    name: method,
    sides: {
      kernel,
      copy: async () => (await reading()) + (await floor.copy(threads, (bytes * (count + 1)) / 2)),
      map: async () => (await reading()) + (await floor.map(threads, bytes, count)),
    },
    figures: [
      { name: "kernel", unit: "s", of: (round) => round.kernel },
      { name: "bandwidth", unit: "GB/s", of: (round) => moved / round.kernel / 1e9 },
      {
        name: "of copy",
        unit: "×",
        of: (round) => round.copy / round.kernel,
        goal: KERNEL_SHARE[method],
      },
      { name: "of plain map", unit: "×", of: (round) => round.map / round.kernel },
    ],
    check: async () => {
      await checkKernel(bench, method, arrays);
      kernel();
    },
  };
}

export const kernels: Suite = {
  name: "kernels",
  about: "methods in memory, against a copy (and a map of as many inputs) that moves as many bytes",
  async *cases(bench) {
    const rows = Math.max(CHECKED_ROWS, Math.ceil(bench.size / 2 / WIDTH));
    const arrays = Array.from({ length: 3 }, (_, seed) => {
      const array = new Uint16Array(rows * WIDTH);
      new Weights(seed).fill(array);
      return array;
    });
    const memory = { arrays, out: new Uint8Array(2 * rows * WIDTH).fill(1) };
    const floor = new Floor();
    try {
      for (const method of bench.methods) yield kernelCase(bench, floor, method, memory);
    } finally {
      floor.close();
    }
  },
};
