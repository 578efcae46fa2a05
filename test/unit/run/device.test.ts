/** Devices without a GPU: what is found, chosen, bounded and given up; native/test/cuda_mock. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { chooseDevice } from "../../../lib/run/device.ts";
import { mockDriver } from "../../cuda.ts";
import { makeModel, refusal, useFolder } from "../../make.ts";

const PACKAGE = pathToFileURL(join(import.meta.dirname, "../../../dist/index.js")).href;
const CLI = join(import.meta.dirname, "../../../dist/cli.js");
const MIB = 1 << 20;
const folder = useFolder("device");
const driver = mockDriver();

type Environment = Record<string, string>;

function environment(mock: Environment): NodeJS.ProcessEnv {
  return { ...process.env, WEIGHTLOOM_CUDA_DRIVER: driver, ...mock };
}

/** What a script, with all exports as `w`, returns as JSON from a process of its own. */
function jsonFrom(script: string, mock: Environment = {}) {
  const source = `import * as w from "${PACKAGE}";
    console.log(JSON.stringify(await (async () => {${script}})()))`;
  const args = ["--input-type=module", "-e", source];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: environment(mock),
  });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

const INFO = "return w.cudaInfo()";

describe.runIf(driver !== undefined)("what is found", () => {
  test("a GPU with the image of its family", () => {
    expect(jsonFrom(INFO)).toMatchObject({
      available: true,
      driver: "13.0",
      devices: [{ name: "Mock GPU 0", capability: "9.0", memory: 1 << 30, image: "sm_90" }],
    });
  });

  test.each([
    ["80", "sm_80"],
    ["86", "sm_80"],
    ["89", "sm_89"],
    ["103", "sm_100"],
    ["121", "sm_120"],
    ["110", "PTX of sm_80"],
    ["200", "PTX of sm_80"],
  ])("compute capability %s takes %s", (capability, image) => {
    const { devices } = jsonFrom(INFO, { WEIGHTLOOM_MOCK_CAPABILITY: capability });
    expect(devices[0].image).toBe(image);
  });

  test("PTX where the driver refuses the image, with its reason", () => {
    const { devices } = jsonFrom(INFO, { WEIGHTLOOM_MOCK_REFUSE: "cubin" });
    expect(devices[0].image).toBe("PTX of sm_80");
    expect(devices[0].reason).toMatch(/^sm_90: CUDA_ERROR_NO_BINARY_FOR_GPU/);
  });

  test.each<[string, Environment, RegExp]>([
    [
      "no library",
      { WEIGHTLOOM_CUDA_DRIVER: "/nowhere/libcuda.so" },
      /no CUDA driver: .*nowhere.*No such file/,
    ],
    [
      "a library that is no driver",
      { WEIGHTLOOM_CUDA_DRIVER: "libm.so.6" },
      /libm\.so\.6 is too old: it has no cuInit/,
    ],
    [
      "an old driver",
      { WEIGHTLOOM_MOCK_VERSION: "11060" },
      /too old: it is of CUDA 11\.6, and 11\.7/,
    ],
    ["a driver without a GPU", { WEIGHTLOOM_MOCK_DEVICES: "0" }, /finds no GPU/],
    ["a driver that does not start", { WEIGHTLOOM_MOCK_FAIL: "cuInit:1:100" }, /NO_DEVICE/],
  ])("%s is no CUDA, and the reason says so", (_, mock, reason) => {
    const info = jsonFrom(INFO, mock);
    expect(info).toMatchObject({ available: false, devices: [] });
    expect(info.reason).toMatch(reason);
    const script = `try { w.linear([Float32Array.of(1)], { device: "cuda" }); }
      catch ({ code, message }) { return { code, message }; }`;
    const error = jsonFrom(script, mock);
    expect(error.code).toBe("BACKEND");
    expect(error.message).toMatch(reason);
  });

  test.each<[string, Environment, RegExp]>([
    ["a GPU that is too old", { WEIGHTLOOM_MOCK_CAPABILITY: "75" }, /no image fits .* 7\.5/],
    ["one whose images are all refused", { WEIGHTLOOM_MOCK_REFUSE: "cubin,ptx" }, /INVALID_PTX/],
    [
      "one that gives no context",
      { WEIGHTLOOM_MOCK_FAIL: "cuDevicePrimaryCtxRetain:1:2" },
      /memory/,
    ],
  ])("%s cannot be used, and the reason says so", (_, mock, reason) => {
    const info = jsonFrom(INFO, mock);
    expect(info).toMatchObject({ available: false, reason: "no GPU can be used" });
    expect(info.devices[0].image).toBeUndefined();
    expect(info.devices[0].reason).toMatch(reason);
  });

  test("what was begun with a GPU that cannot be used is taken back", () => {
    const info = jsonFrom(INFO, { WEIGHTLOOM_MOCK_FAIL: "cuModuleGetFunction:3:500" });
    expect(info.devices[0].reason).toMatch(/^GPU 0: linear_bf16: /);
  });

  test("doctor tells it", () => {
    const args = [CLI, "doctor"];
    const { stdout, status } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: environment({ WEIGHTLOOM_MOCK_DEVICES: "2" }),
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^weightloom \S+, node v\S+, \S+, \d+ threads\nCPU: native, .*scalar\n/);
    expect(stdout).toContain("CUDA: driver of CUDA 13.0");
    expect(stdout).toContain("GPU 1: Mock GPU 1, compute capability 9.0, 1.07 GB: sm_90\n");
    const json = spawnSync(process.execPath, [...args, "--json"], {
      encoding: "utf8",
      env: environment({}),
    });
    expect(JSON.parse(json.stdout).cuda.devices).toHaveLength(1);
    const mute = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: environment({ WEIGHTLOOM_MOCK_FAIL: "cuDeviceTotalMem_v2:1:999" }),
    });
    expect(mute.stdout).toMatch(/^GPU 0: cannot be used\n {2}GPU 0: its memory: /m);
  });
});

const models = ["base", "a", "b"].map((name) => join(folder, name));
const RECIPE = {
  merge_method: "ties",
  base_model: models[0],
  models: models.slice(1).map((model) => ({ model, parameters: { weight: 0.7, density: 0.4 } })),
};

/** Merges into `name` and returns the result, or the error. */
function merge(name: string, options: object, mock: Environment = {}) {
  const all = { ...options, out: join(folder, name), sync: false, shardSize: 3 * MIB };
  const script = `return await w.merge(${JSON.stringify(RECIPE)}, ${JSON.stringify(all)}).then(
    ({ device, notes }) => ({ device, notes }),
    ({ code, message, hint }) => ({ code, message, hint }))`;
  return jsonFrom(script, mock);
}

/** Digests, as a failing comparison of bytes would take minutes to print. */
function filesOf(name: string): Record<string, string> {
  const path = join(folder, name);
  const names = readdirSync(path).filter((each) => each.endsWith(".safetensors"));
  const digest = (each: string) =>
    createHash("sha256")
      .update(readFileSync(join(path, each)))
      .digest("hex");
  return Object.fromEntries(names.sort().map((each) => [each, digest(each)]));
}

/** What was written of a merge, whole or not. */
function leftOf(name: string): string[] {
  return readdirSync(folder).filter((each) => each.includes(name));
}

describe.runIf(driver !== undefined)("a merge", () => {
  beforeAll(() => {
    models.forEach((path, seed) => {
      makeModel(path, {
        "model.embed.weight": { dtype: "BF16", shape: [900, 700], seed },
        "model.layer.weight": { dtype: "F16", shape: [600, 700], seed },
        "model.norm.weight": { dtype: "F32", shape: [33], seed },
        "model.head.weight": { dtype: "BF16", shape: [1300, 700], seed },
      });
    });
    mkdirSync(join(folder, "logs"));
    expect(merge("cpu", {})).toEqual({ device: "cpu", notes: [] });
  });

  test.each([
    ["on one GPU", {}, {}],
    ["with little memory, reading by pread", { maxDeviceMemory: 4 * MIB, io: "pread" }, {}],
    ["on three GPUs", { threads: 4 }, { WEIGHTLOOM_MOCK_DEVICES: "3" }],
    ["with what is free of a small GPU", {}, { WEIGHTLOOM_MOCK_MEMORY: String(6 * MIB) }],
  ])("has the bytes of the CPU: %s", (how, options, mock) => {
    const name = how.replaceAll(" ", "-");
    const log = join(folder, "logs", name);
    const made = merge(name, { device: "cuda", ...options }, { ...mock, WEIGHTLOOM_MOCK_LOG: log });
    expect(made).toEqual({ device: "cuda", notes: [] });
    expect(filesOf(name)).toEqual(filesOf("cpu"));
    expect(readFileSync(log, "utf8").split("\n").length - 1).toBe(
      Number((mock as Environment).WEIGHTLOOM_MOCK_DEVICES ?? 1),
    );
  });

  test.each([4, 7, 8, 24, 27, 100])("takes no more than %d MiB of a GPU when told so", (mib) => {
    const log = join(folder, "logs", `bound-${mib}`);
    const options = { device: "cuda", maxDeviceMemory: mib * MIB, threads: 4 };
    merge(`bound-${mib}`, options, { WEIGHTLOOM_MOCK_LOG: log });
    const most = Number(readFileSync(log, "utf8").trim().split(" ")[1]);
    expect(most).toBeGreaterThanOrEqual(4 * MIB);
    expect(most).toBeLessThanOrEqual(mib * MIB);
    expect(filesOf(`bound-${mib}`)).toEqual(filesOf("cpu"));
  });

  test("gives everything back when it ends, not when its garbage is collected", () => {
    const log = join(folder, "logs", "two");
    const script = `const { readFileSync } = await import("node:fs");
      const used = [];
      for (const name of ["two-a", "two-b"]) {
        await w.merge(${JSON.stringify(RECIPE)}, {
          out: ${JSON.stringify(folder)} + "/" + name, device: "cuda", sync: false,
          maxDeviceMemory: ${24 * MIB}, onProgress: () => {},
        });
        used.push(readFileSync(${JSON.stringify(log)}, "utf8").trim().split(" ").map(Number));
      }
      return used`;
    for (const [, most, now] of jsonFrom(script, { WEIGHTLOOM_MOCK_LOG: log })) {
      expect(now).toBe(0);
      expect(most).toBeLessThanOrEqual(24 * MIB);
    }
  });

  test("names every GPU that cannot be used", () => {
    const mock = { WEIGHTLOOM_MOCK_DEVICES: "2", WEIGHTLOOM_MOCK_REFUSE: "cubin,ptx" };
    const { code, message } = merge("none-usable", { device: "cuda", threads: 3 }, mock);
    expect(code).toBe("DEVICE");
    expect(message).toMatch(/^GPU 0: no image fits.*; GPU 1: no image fits/);
  });

  test("leaves out a GPU that cannot be used", () => {
    const mock = {
      WEIGHTLOOM_MOCK_DEVICES: "2",
      WEIGHTLOOM_MOCK_FAIL: "cuDevicePrimaryCtxRetain:1:2",
    };
    expect(merge("one-usable", { device: "cuda", threads: 3 }, mock)).toEqual({
      device: "cuda",
      notes: [],
    });
    expect(filesOf("one-usable")).toEqual(filesOf("cpu"));
  });

  test("says that a GPU which has failed for good needs another process", () => {
    const script = `const made = [];
      for (const device of ["cuda", "cuda", "auto"]) {
        made.push(await w.merge(${JSON.stringify(RECIPE)}, {
          out: ${JSON.stringify(join(folder, "sticky"))} + made.length, device, sync: false,
        }).then(({ device }) => device,
          ({ code, hint }) => [code, /process is restarted/.test(hint)]));
      }
      return made`;
    const mock = { WEIGHTLOOM_MOCK_FAIL: "cuLaunchKernel:5:700:sticky" };
    expect(jsonFrom(script, mock)).toEqual([["DEVICE", true], ["DEVICE", true], "cpu"]);
  });

  test("is of the CPU where every step was left to it", () => {
    const recipe = { merge_method: "passthrough", models: [{ model: models[0] }] };
    const out = JSON.stringify(join(folder, "copied"));
    const script = `const { device, notes } = await w.merge(${JSON.stringify(recipe)},
        { out: ${out}, device: "cuda", sync: false });
      return { device, notes }`;
    expect(jsonFrom(script)).toEqual({ device: "cpu", notes: [] });
  });

  test.each(["auto", "cuda"])("%s is charged for lanes as far as there are GPUs", (device) => {
    const script = `const need = async (options, name) => {
        const fits = (maxMemory) => w.merge(${JSON.stringify(RECIPE)}, {
          out: ${JSON.stringify(folder)} + "/budget-" + name, overwrite: true, sync: false,
          threads: 1, maxMemory, ...options,
        });
        const { hint } = await fits(1).then(() => ({}), (error) => error);
        return Number(/needs ([0-9.]+) MB/.exec(hint)[1]);
      };
      const cpu = await need({}, "cpu");
      return (await need({ device: "${device}" }, "${device}")) - cpu`;
    const more = jsonFrom(script);
    if (device === "cuda") expect(more).toBeGreaterThan(30);
    else expect(more).toBeLessThan(20);
  });

  test("goes to the CPU, with all threads that fit there, where a GPU's share does not fit", () => {
    const script = `const options = { sync: false, threads: 1, device: "auto" };
      const { hint } = await w.merge(${JSON.stringify(RECIPE)}, {
        ...options, out: ${JSON.stringify(join(folder, "little"))}, maxMemory: 1,
      }).then(() => ({}), (error) => error);
      const least = Number(/needs ([0-9.]+) MB/.exec(hint)[1]) * 1e6;
      const { device, notes } = await w.merge(${JSON.stringify(RECIPE)}, {
        ...options, out: ${JSON.stringify(join(folder, "little"))}, maxMemory: least + 16e6,
      });
      return { device, notes }`;
    const { device, notes } = jsonFrom(script);
    expect(device).toBe("cpu");
    expect(notes).toEqual([
      expect.stringMatching(/^computed on the CPU: maxMemory leaves no room/),
    ]);
  });

  const FAILURES: [string, object, Environment, string][] = [
    ["too small a bound", { maxDeviceMemory: MIB }, {}, "DEVICE_MEMORY"],
    ["a GPU that is full", {}, { WEIGHTLOOM_MOCK_MEMORY: String(2 * MIB) }, "DEVICE_MEMORY"],
    [
      "no memory for its kernels",
      {},
      { WEIGHTLOOM_MOCK_FAIL: "cuModuleLoadData:1:2" },
      "DEVICE_MEMORY",
    ],
    [
      "no memory after all",
      { maxDeviceMemory: 4 * MIB },
      { WEIGHTLOOM_MOCK_FAIL: "cuMemAlloc_v2:1:2" },
      "DEVICE_MEMORY",
    ],
    ["no pinned memory", {}, { WEIGHTLOOM_MOCK_FAIL: "cuMemHostAlloc:1:2" }, "DEVICE_MEMORY"],
    ["a launch that fails", {}, { WEIGHTLOOM_MOCK_FAIL: "cuLaunchKernel:5:700" }, "DEVICE"],
    ["a late launch", {}, { WEIGHTLOOM_MOCK_FAIL: "cuLaunchKernel:25:700" }, "DEVICE"],
    ["a copy up", {}, { WEIGHTLOOM_MOCK_FAIL: "cuMemcpyHtoDAsync_v2:3:700" }, "DEVICE"],
    ["a copy down", {}, { WEIGHTLOOM_MOCK_FAIL: "cuMemcpyDtoHAsync_v2:3:700" }, "DEVICE"],
    ["a wait", {}, { WEIGHTLOOM_MOCK_FAIL: "cuStreamSynchronize:2:700" }, "DEVICE"],
    ["no image", {}, { WEIGHTLOOM_MOCK_REFUSE: "cubin,ptx" }, "DEVICE"],
    ["no driver", {}, { WEIGHTLOOM_CUDA_DRIVER: "/nowhere/libcuda.so" }, "BACKEND"],
  ];

  test.each(FAILURES)(
    "that meets %s is one error, and leaves nothing",
    (what, more, mock, code) => {
      const name = `failed-${what.replaceAll(" ", "-")}`;
      const error = merge(name, { device: "cuda", ...more }, mock);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(code === "BACKEND" ? /no CUDA driver/ : /GPU 0: /);
      expect(error.hint).toMatch(/doctor|auto/);
      expect(leftOf(name)).toEqual([]);
    },
  );

  test.each(FAILURES)("that meets %s goes on with the CPU when it may", (what, more, mock) => {
    const name = `auto-${what.replaceAll(" ", "-")}`;
    const made = merge(name, { device: "auto", ...more }, mock);
    expect(made.device).toBe("cpu");
    expect(made.notes).toHaveLength(1);
    expect(made.notes[0]).toMatch(/^computed on the CPU: /);
    expect(filesOf(name)).toEqual(filesOf("cpu"));
  });

  test("can be cancelled", () => {
    const name = "cancelled";
    const script = `const abort = new AbortController();
      return await w.merge(${JSON.stringify(RECIPE)}, {
        out: ${JSON.stringify(join(folder, name))}, device: "cuda", signal: abort.signal,
        onProgress: () => abort.abort(),
      }).then(() => "merged", ({ code }) => code)`;
    expect(jsonFrom(script)).toBe("ABORTED");
    expect(leftOf(name)).toEqual([]);
  });

  test("is not asked for a GPU by what only reads", () => {
    const out = join(folder, "cpu");
    const script = `const options = { device: "cuda" };
      const diff = await w.diff([${JSON.stringify(out)}, ${JSON.stringify(out)}], options);
      const verification = await w.verify(${JSON.stringify(out)}, options);
      return [diff.same, verification.same]`;
    const mock = { WEIGHTLOOM_CUDA_DRIVER: "/nowhere/libcuda.so" };
    expect(jsonFrom(script, mock)).toEqual([true, true]);
  });

  test.each([{ device: "gpu" }, { maxDeviceMemory: -1 }])("refuses %o on any backend", (wrong) => {
    for (const backend of ["native", "reference"]) {
      expect(merge("wrong", { ...wrong, backend }).code).toBe("ARGUMENT");
    }
  });

  test("refuses --cuda beside another device", () => {
    const args = [CLI, "merge", join(folder, "recipe.json"), "x", "--cuda", "--device", "cpu"];
    const ended = spawnSync(process.execPath, args, { encoding: "utf8", env: environment({}) });
    expect(ended.stderr).toMatch(/--cuda and --device cpu contradict each other/);
    expect(ended.status).toBe(2);
  });

  test("from the command line takes --cuda", () => {
    const recipe = join(folder, "recipe.json");
    writeFileSync(recipe, JSON.stringify(RECIPE));
    const out = join(folder, "command");
    const args = [CLI, "merge", recipe, out, "--cuda", "--max-device-memory", "8M", "--quiet"];
    const ended = spawnSync(process.execPath, args, { encoding: "utf8", env: environment({}) });
    expect(ended.stderr).toBe("");
    expect(ended.stdout).toMatch(/\(ties, cuda\)\n$/);
    expect(existsSync(join(out, "model.safetensors"))).toBe(true);
  });
});

describe("choices", () => {
  test("the CPU is the default", () => {
    expect(chooseDevice({})).toEqual({ choice: "cpu", maxMemory: 0 });
    expect(chooseDevice({ device: "auto", maxDeviceMemory: 4e9 })).toEqual({
      choice: "auto",
      maxMemory: 4e9,
    });
  });

  test.each([{ device: "gpu" }, { maxDeviceMemory: 0 }, { maxDeviceMemory: Number.NaN }])(
    "%o is refused",
    async (options) => {
      expect((await refusal(() => chooseDevice(options as object))).code).toBe("ARGUMENT");
    },
  );
});
