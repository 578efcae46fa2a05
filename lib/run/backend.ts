import { availableParallelism } from "node:os";
import { MergeError } from "../errors.ts";
import { referenceBackend } from "../reference/index.ts";
import { loadAddon } from "./addon.ts";
import { chooseDevice, type DeviceChoice, type DeviceOptions } from "./device.ts";
import { nativeBackend } from "./native.ts";
import type { Backend, ExecuteOptions } from "./work.ts";

/** Which backend to take: `auto` is native where its binary loads, else the reference. */
export type BackendChoice = "auto" | "native" | "reference";

/** Options that every call which computes has in common. */
export interface ComputeOptions extends DeviceOptions {
  backend?: BackendChoice;
  /** Native target: avx512, avx2, neon or scalar. Default: WEIGHTLOOM_ISA, else the best. */
  isa?: string;
  /** Worker threads; default: what the system offers this process. */
  threads?: number;
}

/** The backend for a choice. @throws MergeError BACKEND when it cannot be had. */
export function chooseBackend(choice: BackendChoice = "auto", device?: DeviceChoice): Backend {
  const backend = backendFor(choice);
  if (device !== "cuda" || backend === nativeBackend) return backend;
  throw new MergeError("BACKEND", "device cuda needs the native backend", {
    hint: choice === "reference" ? "leave out the backend" : `${loadAddon().reason}`,
  });
}

function backendFor(choice: BackendChoice): Backend {
  if (choice === "reference") return referenceBackend;
  if (choice !== "auto" && choice !== "native") {
    throw new MergeError(
      "BACKEND",
      `backend: auto, native or reference was expected, not ${choice}`,
    );
  }
  if (loadAddon().addon !== undefined) return nativeBackend;
  if (choice === "auto") return referenceBackend;
  throw new MergeError("BACKEND", `the native backend is not available: ${loadAddon().reason}`, {
    hint: 'use backend "auto" or "reference", or build the addon with `npm run build:native`',
  });
}

/** The target to force: the option, else WEIGHTLOOM_ISA, else "" for the best. */
export function chooseIsa(isa: string | undefined): string {
  const wanted = isa ?? process.env.WEIGHTLOOM_ISA ?? "";
  const { addon } = loadAddon();
  const known = addon?.targets ?? ["avx512", "avx2", "neon", "scalar"];
  if (wanted === "" || known.includes(wanted)) return wanted;
  throw new MergeError("BACKEND", `this machine cannot run the target ${wanted}`, {
    hint: `it can run: ${known.join(", ")}`,
  });
}

/** Number of threads. @throws MergeError ARGUMENT unless an integer from 1 to 1024. */
export function chooseThreads(threads: number | undefined): number {
  const count = threads ?? Math.min(availableParallelism(), 1024);
  if (Number.isInteger(count) && count >= 1 && count <= 1024) return count;
  throw new MergeError("ARGUMENT", `threads: an integer from 1 to 1024 was expected, not ${count}`);
}

/** The seed as an integer. @throws MergeError ARGUMENT unless one of 64 bits */
export function chooseSeed(seed: number | bigint = 0n): bigint {
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  const value = whole ? BigInt(seed) : -1n;
  if (value >= 0n && value < 2n ** 64n) return value;
  const found = String(seed);
  throw new MergeError(
    "ARGUMENT",
    `seed: an integer from 0 to 2^64 - 1 was expected, not ${found}`,
  );
}

/** The source of random numbers. @throws MergeError ARGUMENT */
export function chooseRandom(random: "philox" | "torch-cpu" = "philox"): "philox" | "torch-cpu" {
  if (random === "philox" || random === "torch-cpu") return random;
  const found = String(random);
  throw new MergeError("ARGUMENT", `random: philox or torch-cpu was expected, not ${found}`);
}

/** The signal itself. @throws MergeError ARGUMENT unless an AbortSignal, or none */
export function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new MergeError("ARGUMENT", "signal: an AbortSignal was expected");
}

/** How inputs are read; `auto` maps them. @throws MergeError ARGUMENT */
export function chooseIo(io: "auto" | "mmap" | "pread" = "auto"): "mmap" | "pread" {
  if (io === "pread") return io;
  if (io === "auto" || io === "mmap") return "mmap";
  throw new MergeError("ARGUMENT", `io: auto, mmap or pread was expected, not ${io}`);
}

/** Options of work that reads files and writes none. */
export interface ReadingOptions extends ComputeOptions {
  /** How files are read: mapped (the default) or by positioned reads. */
  io?: "auto" | "mmap" | "pread";
  /** Cancels; the code is ABORTED. */
  signal?: AbortSignal;
}

/** How such work is executed. @throws MergeError ARGUMENT; BACKEND for a target */
export function readingOptions(options: ReadingOptions): ExecuteOptions {
  const { threads, isa, io, signal } = options;
  return {
    threads: chooseThreads(threads),
    isa: chooseIsa(isa),
    sync: false,
    io: chooseIo(io),
    device: chooseDevice(options),
    signal: checkSignal(signal),
  };
}

/** What can compute here. */
export interface BackendInfo {
  backend: "native" | "reference";
  /** Native targets of this machine, best first; empty without the addon. */
  targets: readonly string[];
  /** Why there is no native backend. */
  reason?: string;
}

/** Which backend `auto` takes on this machine, and why not the native one. */
export function backendInfo(): BackendInfo {
  const { addon, reason } = loadAddon();
  if (addon !== undefined) return { backend: "native", targets: addon.targets };
  return { backend: "reference", targets: [], reason };
}
