/** The files of a published model against what its merge recorded of them. */
import { join } from "node:path";
import type { Manifest, ManifestTensor } from "../assets/read_manifest.ts";
import type { MergeError } from "../errors.ts";
import { byteLength } from "../format/dtype.ts";
import { type OpenFile, readHeaderFile, type TensorEntry } from "../format/header.ts";
import type { Backend, ExecuteOptions, Work } from "../run/work.ts";

/** What has become of one file of the output. */
export interface OutputFileState {
  name: string;
  /** Undefined when header and size are as they should be; else what is wrong, for people. */
  problem: string | undefined;
}

/** Files of the output: what is wrong with each, and those that can be read. */
export function openOutputs(
  folder: string,
  { outputs, tensors }: Manifest,
): { states: OutputFileState[]; files: Map<string, OpenFile> } {
  const files = new Map<string, OpenFile>();
  const states = outputs.map(({ name, size }): OutputFileState => {
    try {
      const file = readHeaderFile(join(folder, name));
      files.set(name, file);
      const problem =
        file.size === size ? extra(file, name, tensors) : `${file.size} bytes, not ${size}`;
      return { name, problem };
    } catch (error) {
      return { name, problem: (error as MergeError).message };
    }
  });
  return { states, files };
}

/** Says when a file holds tensors that were not written to it. */
function extra(
  { header }: OpenFile,
  name: string,
  tensors: readonly ManifestTensor[],
): string | undefined {
  const recorded = new Set(
    tensors.filter(({ shard }) => shard === name).map((each) => each.tensor),
  );
  const found = [...header.tensors.keys()].filter((each) => !recorded.has(each));
  return found.length === 0 ? undefined : `${found.length} tensors that were not written`;
}

/** Why a tensor's bytes cannot be what was recorded; undefined when only its bytes can tell. */
export function misfit(tensor: ManifestTensor, file: OpenFile | undefined): string | undefined {
  const found = file?.header.tensors.get(tensor.tensor);
  if (file === undefined || found === undefined) return "missing";
  const shape = `[${found.shape.join(", ")}]`;
  if (found.dtype !== tensor.dtype || found.shape.join() !== tensor.shape.join()) {
    return `${found.dtype} ${shape}, not ${tensor.dtype} [${tensor.shape.join(", ")}]`;
  }
  return undefined;
}

/** Digests of tensors as they lie in their files. */
export async function digestTensors(
  tensors: readonly ManifestTensor[],
  files: ReadonlyMap<string, OpenFile>,
  backend: Backend,
  options: ExecuteOptions,
): Promise<string[]> {
  const names = [...files.keys()];
  const opened = [...files.values()];
  const work: Work = {
    sources: opened.map(({ path, size }) => ({ path, size })),
    outputs: opened.map(({ size }) => ({ nowhere: true, size })),
    steps: tensors.map(({ tensor, dtype, count, shard }) => {
      const source = names.indexOf(shard);
      const { header } = opened[source];
      const { begin } = header.tensors.get(tensor) as TensorEntry;
      const offset = header.dataStart + begin;
      const inputs = [{ source, offset, dtype }];
      const operation = { op: "copy", input: 0 } as const;
      return { tensor, dtype, count, output: source, offset, inputs, operation };
    }),
  };
  return (await backend.execute(work, options)).map(({ digest }) => digest);
}

export function bytesOf(tensors: readonly ManifestTensor[]): number {
  return tensors.reduce((sum, { dtype, count }) => sum + byteLength(dtype, count), 0);
}
