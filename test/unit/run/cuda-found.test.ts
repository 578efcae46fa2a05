/** What the addon says of GPUs, in the words of cudaInfo and doctor. */
import { beforeEach, expect, test, vi } from "vitest";
import type { Addon } from "../../../lib/run/addon.ts";
import { chooseBackend } from "../../../lib/run/backend.ts";
import { cudaInfo } from "../../../lib/run/device.ts";
import { refusal } from "../../make.ts";
import { runLine } from "../cli/streams.ts";

type Found = ReturnType<Addon["cuda"]>;

const state = vi.hoisted(() => ({ found: undefined as unknown }));

vi.mock("../../../lib/run/addon.ts", () => {
  const addon = { cuda: () => state.found, targets: ["scalar"] };
  const missing = { addon: undefined, reason: "not built" };
  return { loadAddon: () => (state.found === undefined ? missing : { addon }) };
});

beforeEach(() => {
  state.found = undefined;
});

async function doctor(found: Found | undefined): Promise<string[]> {
  state.found = found;
  const { code, out } = await runLine("doctor");
  expect(code).toBe(0);
  return out.slice(1);
}

test("without the addon there is no GPU, and the reason is the addon's", async () => {
  expect(cudaInfo()).toEqual({
    available: false,
    library: "",
    driver: "",
    devices: [],
    reason: "there is no native addon: not built",
  });
  expect(await doctor(undefined)).toEqual([
    "CPU: the TypeScript reference; not built",
    "CUDA: not available: there is no native addon: not built",
  ]);
});

test("without a driver there is no version", async () => {
  const lines = await doctor({ library: "libcuda.so.1", version: 0, devices: [], reason: "none" });
  expect(lines).toEqual(["CPU: native, scalar", "CUDA: not available: none"]);
});

test("a driver whose GPUs cannot be used is as good as none", async () => {
  const devices = [{ reason: "too old" }];
  const lines = await doctor({ library: "libcuda.so.1", version: 12_040, devices });
  expect(lines[2]).toBe("CUDA: not available: no GPU can be used");
});

test("device cuda needs the addon", async () => {
  const { code, hint } = await refusal(() => chooseBackend("auto", "cuda"));
  expect([code, hint]).toEqual(["BACKEND", "not built"]);
});

test("of a GPU is told what is known", async () => {
  const devices = [
    { name: "A", capability: 86, memory: 2e9, image: "PTX of sm_80", passedOver: "sm_80: refused" },
    { reason: "its name: CUDA_ERROR_UNKNOWN" },
  ];
  const lines = await doctor({ library: "libcuda.so.1", version: 12_040, devices });
  expect(lines.slice(1)).toEqual([
    "CUDA: driver of CUDA 12.4 (libcuda.so.1)",
    "GPU 0: A, compute capability 8.6, 2.00 GB: PTX of sm_80",
    "  sm_80: refused",
    "GPU 1: cannot be used",
    "  its name: CUDA_ERROR_UNKNOWN",
  ]);
  const [, unknown] = cudaInfo().devices;
  expect(unknown).toEqual({ name: "", capability: "", memory: 0, reason: devices[1].reason });
});
