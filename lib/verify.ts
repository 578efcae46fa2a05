/** Whether a merged model is still what its merge wrote, and whether merging again gives the same. */
import { type Manifest, type ManifestTensor, readManifest } from "./assets/read_manifest.ts";
import { MergeError } from "./errors.ts";
import { type OpenFile, readHeaderFile } from "./format/header.ts";
import type { CustomMethod } from "./methods/custom.ts";
import { type Progress, type Watched, watch } from "./progress.ts";
import { chooseBackend, type ReadingOptions, readingOptions } from "./run/backend.ts";
import { onlyCpu } from "./run/device.ts";
import { throwIfAborted } from "./run/perform.ts";
import type { Backend } from "./run/work.ts";
import {
  bytesOf,
  digestTensors,
  misfit,
  type OutputFileState,
  openOutputs,
} from "./verify/outputs.ts";
import { isPassing, replay } from "./verify/replay.ts";

export interface VerifyOptions extends ReadingOptions {
  /** Merge again from the inputs, without writing, and compare that too; default false. */
  replay?: boolean;
  /** Functions of custom methods, for a replay of their merges. */
  methods?: readonly CustomMethod[];
  /** Called a few times a second; an exception it throws cancels the work and is passed on. */
  onProgress?: (progress: Progress) => void;
}

/** One tensor of a verified model. */
export interface VerifiedTensor {
  tensor: string;
  /** `changed`: other bytes, dtype or shape than recorded. */
  state: "same" | "changed" | "missing";
  /** What was found instead, when the header shows it already. */
  found: string | null;
  /** Digests: as recorded, of the stored bytes, and of the replay. */
  recorded: string;
  stored: string | null;
  replayed: string | null;
}

export interface Verification {
  path: string;
  /** Version that merged, its method, and the hash of its plan. */
  version: string;
  method: string;
  planHash: string;
  /**
   * Nothing differs: all outputs are as recorded, a replay made the same, and every input that is
   * still there has the recorded size and header.
   */
  same: boolean;
  outputs: readonly { name: string; problem: string | null }[];
  /** `missing` is no difference; `passing` models lay there only while they were needed. */
  inputs: readonly { path: string; state: "same" | "changed" | "missing" | "passing" }[];
  tensors: readonly VerifiedTensor[];
}

type Input = Verification["inputs"][number] & { file: OpenFile | undefined };

function inputOf({ path, size, headerHash }: Manifest["inputs"][number]): Input {
  if (isPassing(path)) return { path, state: "passing", file: undefined };
  try {
    const file = readHeaderFile(path);
    const same = file.size === size && file.header.hash === headerHash;
    return { path, state: same ? "same" : "changed", file: same ? file : undefined };
  } catch (error) {
    const missing = error instanceof MergeError && error.code === "MODEL_NOT_FOUND";
    return { path, state: missing ? "missing" : "changed", file: undefined };
  }
}

/**
 * Compares a model with the manifest that its merge wrote: digests every tensor again, and looks at
 * the size and header of every input. With `replay` the merge runs once more, from its inputs and
 * the operations that the manifest records, and its tensors' digests are compared as well. Nothing
 * is written, but where models in between are made again from the recipe, which needs room beside
 * the model. Digests are XXH64: they show accidents, not forgery.
 * @param path folder that a merge wrote
 * @throws MergeError MANIFEST without a proper manifest; UNSUPPORTED when a replay is not possible
 * @example if (!(await verify("merged", { replay: true })).same) process.exitCode = 1;
 */
export function verify(path: string, options: VerifyOptions = {}): Watched<Verification> {
  return watch((onProgress) => run(path, { ...options, onProgress }), options.onProgress);
}

async function run(path: string, options: VerifyOptions): Promise<Verification> {
  const execute = readingOptions(options);
  const backend = chooseBackend(options.backend, options.device);
  throwIfAborted(options.signal);
  const manifest = readManifest(path);
  const { states, files } = openOutputs(path, manifest);
  const inputs = manifest.inputs.map(inputOf);
  const wrong = manifest.tensors.map((each) => misfit(each, files.get(each.shard)));
  const there = manifest.tensors.filter((_, i) => wrong[i] === undefined);
  const total = bytesOf(there) + (options.replay ? bytesOf(manifest.tensors) : 0);
  const from = (before: number) => ({
    ...execute,
    onBytes: (done: number) => {
      const tensor = manifest.tensors[0]?.tensor ?? "";
      options.onProgress?.({ bytesDone: before + done, bytesTotal: total, tensor });
    },
  });
  const found = await digestTensors(there, files, backend, onlyCpu(from(0)));
  const stored = new Map(there.map(({ tensor }, i) => [tensor, found[i]]));
  const again = options.replay
    ? await replay({
        folder: path,
        manifest,
        inputs: inputs.map(({ file }) => file),
        methods: options.methods ?? [],
        backend: replayBackend(manifest, backend),
        execute: from(bytesOf(there)),
      })
    : undefined;
  from(total).onBytes(0);
  const tensors = manifest.tensors.map((tensor, i) => {
    return verified(tensor, wrong[i], stored.get(tensor.tensor), again?.[i]);
  });
  return result(path, manifest, states, inputs, tensors);
}

function result(
  path: string,
  { version, method, planHash }: Manifest,
  states: readonly OutputFileState[],
  inputs: readonly Input[],
  tensors: readonly VerifiedTensor[],
): Verification {
  const same =
    states.every(({ problem }) => problem === undefined) &&
    inputs.every(({ state }) => state !== "changed") &&
    tensors.every(isSame);
  return {
    path,
    version,
    method,
    planHash,
    same,
    outputs: states.map(({ name, problem }) => ({ name, problem: problem ?? null })),
    inputs: inputs.map(({ path: input, state }) => ({ path: input, state })),
    tensors,
  };
}

function replayBackend({ tensors }: Manifest, backend: Backend): Backend {
  return tensors.some(({ operation }) => operation.op === "custom")
    ? chooseBackend("reference")
    : backend;
}

function verified(
  { tensor, digest }: ManifestTensor,
  wrong: string | undefined,
  stored: string | undefined,
  again: string | undefined,
): VerifiedTensor {
  const missing = wrong === "missing";
  const state = missing ? "missing" : stored === digest ? "same" : "changed";
  const found = missing ? null : (wrong ?? null);
  return {
    tensor,
    state,
    found,
    recorded: digest,
    stored: stored ?? null,
    replayed: again ?? null,
  };
}

/** Whether a tensor's bytes are as recorded, and its replay too. */
export function isSame({ state, recorded, replayed }: VerifiedTensor): boolean {
  return state === "same" && (replayed === null || replayed === recorded);
}
