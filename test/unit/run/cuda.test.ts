/**
 * Devices in this process, with the driver of native/test/cuda_mock: device.test.ts has more, in
 * processes of their own.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  defineMethod,
  linear,
  type MergeOptions,
  merge,
  type RecipeObject,
} from "../../../lib/index.ts";
import { cudaInfo } from "../../../lib/run/device.ts";
import { nativeBackend } from "../../../lib/run/native.ts";
import { mockDriver } from "../../cuda.ts";
import { makeModel, refusal, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "../cli/streams.ts";

const MIB = 1 << 20;
const folder = useFolder("cuda");
const driver = mockDriver();
if (driver !== undefined) process.env.WEIGHTLOOM_CUDA_DRIVER = driver;

const models = ["a", "b"].map((name) => join(folder, name));
const RECIPE: RecipeObject = {
  merge_method: "linear",
  models: models.map((model) => ({ model, parameters: { weight: 0.5 } })),
};

function mergeInto(name: string, options: Partial<MergeOptions>, recipe = RECIPE) {
  return merge(recipe, { out: join(folder, name), sync: false, threads: 1, ...options });
}

function bytesOf(name: string): Buffer {
  return readFileSync(join(folder, name, "model.safetensors"));
}

describe.runIf(driver !== undefined)("with a GPU", () => {
  beforeAll(async () => {
    models.forEach((path, seed) => {
      makeModel(path, { "model.norm.weight": { dtype: "BF16", shape: [300, 700], seed } });
    });
    await mergeInto("cpu", {});
  });

  test("doctor names it", async () => {
    const { code, out } = await runLine("doctor");
    expect(code).toBe(0);
    expect(out[1]).toMatch(/^CPU: native, .*scalar$/);
    expect(out[2]).toContain("CUDA: driver of CUDA 13.0");
    expect(out[3]).toBe("GPU 0: Mock GPU 0, compute capability 9.0, 1.07 GB: sm_90");
    expect(jsonOf(await runLine("doctor", "--json")).cuda).toEqual(cudaInfo());
  });

  test("a merge has the bytes of the CPU, and says where it was made", async () => {
    const { device, notes } = await mergeInto("gpu", { device: "cuda", maxDeviceMemory: 8 * MIB });
    expect([device, notes]).toEqual(["cuda", []]);
    expect(bytesOf("gpu").equals(bytesOf("cpu"))).toBe(true);
  });

  test("the command line takes one, and says so", async () => {
    const recipe = join(folder, "cpu", "mergekit_config.yml");
    const line = ["merge", recipe, join(folder, "line"), "--no-sync", "--quiet", "--cuda"];
    const { code, out, error } = await runLine(...line, "--max-device-memory", "8M");
    expect([code, error]).toEqual([0, []]);
    expect(out[0]).toMatch(/\(linear, cuda\)$/);
    const both = await runLine(...line, "--device", "cpu");
    expect(both.error[0]).toContain("--cuda and --device cpu contradict each other");
    const same = await runLine(...line, "--overwrite", "--device", "cuda");
    expect(same.code).toBe(0);
  });

  test("auto goes on with the CPU, with the reason; cuda does not", async () => {
    const little = { maxDeviceMemory: 1 };
    const told: number[] = [];
    const { device, notes } = await mergeInto("auto", {
      ...little,
      device: "auto",
      onProgress: ({ bytesDone }) => told.push(bytesDone),
    });
    expect([device, notes.length]).toEqual(["cpu", 1]);
    expect(notes[0]).toMatch(/^computed on the CPU: /);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(bytesOf("auto").equals(bytesOf("cpu"))).toBe(true);
    const error = await refusal(() => mergeInto("refused", { ...little, device: "cuda" }));
    expect(error.code).toBe("DEVICE_MEMORY");
  });

  test("auto does not hide what is wrong with the merge", async () => {
    const onProgress = () => {
      throw new Error("told");
    };
    await expect(mergeInto("thrown", { device: "auto", onProgress })).rejects.toThrow("told");
  });

  test("arrays are computed on one, or on the CPU instead", () => {
    const arrays = [1, 2].map((value) => new Float32Array(70_000).fill(value));
    for (const options of [{}, { maxDeviceMemory: 1 }]) {
      const made = linear(arrays, { device: "auto", ...options });
      expect([made[0], made[69_999]]).toEqual([1.5, 1.5]);
    }
  });

  test("arrays that the CPU refuses as well are refused", async () => {
    const dtype = "I32" as const;
    const memory = [0, 1].map((value) => ({ memory: new Uint8Array(4).fill(value) }));
    const inputs = [0, 1].map((source) => ({ source, offset: 0, dtype }));
    const step = { tensor: "t", dtype, count: 1, output: 0, offset: 0, inputs };
    const work = {
      sources: memory,
      outputs: [{ memory: new Uint8Array(4) }],
      steps: [{ ...step, operation: { op: "same" as const } }],
    };
    const device = { choice: "auto" as const, maxMemory: 0 };
    const options = { threads: 1, isa: "", sync: false, io: "mmap" as const, device };
    const { code } = await refusal(() => nativeBackend.executeSync(work, options));
    expect(code).toBe("TENSOR_DIFFERS");
  });

  test("maxMemory counts what a GPU is reached through", async () => {
    const { hint } = await refusal(() => mergeInto("none", { device: "auto", maxMemory: 1 }));
    const least = Number(/needs ([0-9.]+) MB/.exec(`${hint}`)?.[1]) * 1e6;
    const tight = await mergeInto("tight", { device: "auto", maxMemory: least + 16e6 });
    expect(tight.notes[0]).toContain("maxMemory leaves no room");
    const error = await refusal(() => {
      return mergeInto("small", { device: "cuda", maxMemory: least + 16e6 });
    });
    expect(error.code).toBe("MEMORY_BUDGET");
    const roomy = await mergeInto("roomy", { device: "cuda", maxMemory: least + 200e6 });
    expect(roomy.device).toBe("cuda");
  });

  test("custom methods and the reference need none", async () => {
    const own = defineMethod({ name: "own", combine: () => {} });
    const recipe = { ...RECIPE, merge_method: "own" };
    const options: Partial<MergeOptions> = { device: "cuda", methods: [own] };
    const custom = await refusal(() => mergeInto("own", options, recipe));
    expect(custom.message).toContain("custom methods run on the CPU");
    const reference = await refusal(() => {
      return mergeInto("reference", { device: "cuda", backend: "reference" });
    });
    expect(reference.message).toContain("device cuda needs the native backend");
  });
});
