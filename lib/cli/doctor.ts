import { availableParallelism } from "node:os";
import { printable } from "../errors.ts";
import { formatBytes } from "../plan/explain.ts";
import { type BackendInfo, backendInfo } from "../run/backend.ts";
import { type CudaDevice, type CudaInfo, cudaInfo } from "../run/device.ts";
import { version } from "../version.ts";
import { parse } from "./options.ts";
import type { Streams } from "./run.ts";

/** `weightloom doctor` */
export async function doctorCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { values } = parse(args, { json: { type: "boolean" } }, []);
  const backend = backendInfo();
  const cuda = cudaInfo();
  const machine = {
    version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    threads: availableParallelism(),
  };
  if (values.json === true) streams.out(JSON.stringify({ ...machine, ...backend, cuda }, null, 2));
  else for (const line of asText(machine, backend, cuda)) streams.out(line);
  return 0;
}

interface Machine {
  version: string;
  node: string;
  platform: string;
  threads: number;
}

/** What is known of it; nothing where the driver tells nothing. */
function describeGpu({ name, capability, memory }: CudaDevice): string {
  if (name === "") return "";
  return `${printable(name)}, compute capability ${capability}, ${formatBytes(memory)}: `;
}

function* asText(machine: Machine, backend: BackendInfo, cuda: CudaInfo): Generator<string> {
  const { version: own, node, platform, threads } = machine;
  yield `weightloom ${own}, node ${node}, ${platform}, ${threads} threads`;
  const { targets, reason } = backend;
  yield reason === undefined
    ? `CPU: native, ${targets.join(", ")}`
    : `CPU: the TypeScript reference; ${printable(reason)}`;
  if (cuda.driver !== "") yield `CUDA: driver of CUDA ${cuda.driver} (${printable(cuda.library)})`;
  if (cuda.reason !== undefined) yield `CUDA: not available: ${printable(cuda.reason)}`;
  for (const [i, device] of cuda.devices.entries()) {
    yield `GPU ${i}: ${describeGpu(device)}${device.image ?? "cannot be used"}`;
    if (device.reason !== undefined) yield `  ${printable(device.reason)}`;
  }
}
