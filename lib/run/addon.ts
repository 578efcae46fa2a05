/** Finds and types the native addon; nothing else in the package may load it. */
import { createRequire } from "node:module";
import { packageRoot } from "../root.ts";
import { version } from "../version.ts";

/**
 * What a finished job reports: five words a step and how many steps GPUs made, or why it failed.
 */
export type Outcome =
  | { results: BigUint64Array; accelerated: number }
  | { code: string; message: string; step: number };

export interface JobOptions {
  threads: number;
  isa: string;
  map: boolean;
  sync: boolean;
  /** Bytes for masks that are kept between phases of a step, not made again. */
  spare: number;
  /** Most bytes of device memory, 0 for no bound; undefined computes on the CPU. */
  cuda?: number | undefined;
}

/** What native code says of CUDA; lib/run/device.ts makes a CudaInfo of it. */
export interface AddonCuda {
  library: string;
  version: number;
  reason?: string;
  devices: readonly {
    name?: string;
    capability?: number;
    memory?: number;
    image?: string;
    passedOver?: string;
    reason?: string;
  }[];
}

/** A path, the memory itself, or null for nowhere: for each source and then each output of a wire. */
export type AddonPlace = string | Uint8Array | null;

export interface JobHandle {
  promise: Promise<Outcome>;
  /** Bytes of output finished so far. */
  progress(): number;
  /** Outputs that are whole and the results of all steps so far, if more than `known` are whole. */
  whole(known: number): { outputs: readonly number[]; results: BigUint64Array } | undefined;
  cancel(): void;
}

/** The addon's exports; native/addon/addon.cpp. */
export interface Addon {
  version: string;
  /** Targets this machine can run, best first. */
  targets: readonly string[];
  start(wire: Uint8Array, places: readonly AddonPlace[], options: JobOptions): JobHandle;
  run(wire: Uint8Array, places: readonly AddonPlace[], options: JobOptions): Outcome;
  reserve(path: string, size: number): undefined | { code: string; message: string };
  /** Lets two paths change places in one step; false where the system cannot. */
  exchange(a: string, b: string): boolean | { code: string; message: string };
  cuda(): AddonCuda;
}

/** The addon, or why there is none. */
export type Loaded = { addon: Addon; reason?: undefined } | { addon?: undefined; reason: string };

let loaded: Loaded | undefined;

/** The addon, or the reason why there is none. Tried once for each process. */
export function loadAddon(): Loaded {
  loaded ??= tryLoad();
  return loaded;
}

function tryLoad(): Loaded {
  if (process.env.WEIGHTLOOM_BACKEND === "reference") {
    return { reason: "WEIGHTLOOM_BACKEND=reference" };
  }
  const require = createRequire(import.meta.url);
  try {
    const load = require("node-gyp-build") as (folder: string) => Addon;
    const addon = load(packageRoot());
    if (addon.version === version) return { addon };
    return { reason: `the binary found is of version ${addon.version}, not ${version}` };
  } catch (error) {
    const [line] = String((error as Error).message).split("\n");
    return { reason: `no native binary for ${process.platform}-${process.arch}: ${line}` };
  }
}
