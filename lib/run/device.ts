/** Where a job computes: on the CPU, or on GPUs through the CUDA driver. */
import { MergeError } from "../errors.ts";
import { loadAddon } from "./addon.ts";

/** `auto` takes a GPU where one can be used, and else the CPU. */
export type DeviceChoice = "cpu" | "cuda" | "auto";

/** Options about the device. */
export interface DeviceOptions {
  /** `cpu` (the default), `cuda`, or `auto`: a GPU where one can be used. The bytes are the same. */
  device?: DeviceChoice;
  /** Most bytes of each GPU's memory to take; default four fifths of what is free. */
  maxDeviceMemory?: number;
}

/** A checked choice. */
export interface Device {
  choice: DeviceChoice;
  /** 0: no bound. */
  maxMemory: number;
}

/** @throws MergeError ARGUMENT */
export function chooseDevice({ device = "cpu", maxDeviceMemory }: DeviceOptions): Device {
  if (device !== "cpu" && device !== "cuda" && device !== "auto") {
    throw new MergeError("ARGUMENT", `device: cpu, cuda or auto was expected, not ${device}`);
  }
  if (maxDeviceMemory !== undefined && !(Number(maxDeviceMemory) >= 1)) {
    const message = `maxDeviceMemory: a number of bytes was expected, not ${maxDeviceMemory}`;
    throw new MergeError("ARGUMENT", message);
  }
  const bound = Math.min(Math.floor(Number(maxDeviceMemory ?? 0)), Number.MAX_SAFE_INTEGER);
  return { choice: device, maxMemory: bound };
}

/** A GPU cannot do the work, so that the CPU may. */
export class DeviceError extends MergeError {}

/** Options of work that only reads and digests, of which nothing runs on a GPU. */
export function onlyCpu<T extends { device?: Device | undefined }>(options: T): T {
  return { ...options, device: undefined };
}

/** One GPU. */
export interface CudaDevice {
  /** Empty where not even that can be asked. */
  name: string;
  /** Compute capability, such as "9.0"; "" when unknown. */
  capability: string;
  /** Bytes. */
  memory: number;
  /** The kernels that are used, such as "sm_90", or "PTX of sm_80"; undefined when none can be. */
  image?: string;
  /** Why no better image is used, or why none. */
  reason?: string;
}

/** What there is of CUDA on this machine. */
export interface CudaInfo {
  /** Whether `device: "cuda"` works. */
  available: boolean;
  /** The driver's library, as it was looked for. */
  library: string;
  /** CUDA version of the driver, such as "13.0"; "" without one. */
  driver: string;
  devices: readonly CudaDevice[];
  /** Why it is not available. */
  reason?: string;
}

function capabilityText(capability: number | undefined): string {
  if (capability === undefined) return "";
  return `${Math.floor(capability / 10)}.${capability % 10}`;
}

/**
 * What was found of CUDA, which kernels each GPU takes, and why not. Makes the GPUs ready, which
 * may take seconds the first time.
 * @example if (cudaInfo().available) await merge("ties.yml", { out: "merged", device: "cuda" });
 */
export function cudaInfo(): CudaInfo {
  const { addon, reason } = loadAddon();
  if (addon === undefined) {
    const missing = `there is no native addon: ${reason}`;
    return { available: false, library: "", driver: "", devices: [], reason: missing };
  }
  const found = addon.cuda();
  const devices = found.devices.map((each): CudaDevice => {
    const why = each.reason ?? each.passedOver;
    return {
      name: each.name ?? "",
      capability: capabilityText(each.capability),
      memory: each.memory ?? 0,
      ...(each.image === undefined ? {} : { image: each.image }),
      ...(why === undefined ? {} : { reason: why }),
    };
  });
  const { library, version } = found;
  const driver = version === 0 ? "" : `${Math.floor(version / 1000)}.${(version % 1000) / 10}`;
  const usable = devices.some(({ image }) => image !== undefined);
  const why = usable ? undefined : (found.reason ?? "no GPU can be used");
  const info = { available: usable, library, driver, devices };
  return why === undefined ? info : { ...info, reason: why };
}
