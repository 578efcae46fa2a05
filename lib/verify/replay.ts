/** A recorded merge run again, without writing it: only its digests are wanted. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Manifest, readManifest } from "../assets/read_manifest.ts";
import { MergeError, printable } from "../errors.ts";
import { byteLength } from "../format/dtype.ts";
import type { OpenFile } from "../format/header.ts";
import { merge } from "../merge.ts";
import type { Combine, CustomMethod } from "../methods/custom.ts";
import type { Operation, Plan } from "../plan/types.ts";
import { fuse } from "../run/fuse.ts";
import { checkInputs } from "../run/identity.ts";
import { claim } from "../run/lock.ts";
import { inPlanOrder, workOf } from "../run/perform.ts";
import type { Backend, ExecuteOptions } from "../run/work.ts";

/** A model that lay beside the output only while it was merged. */
const PASSING = /\.weightloom-parts-[^/\\]+[/\\]/;

export function isPassing(path: string): boolean {
  return PASSING.test(path);
}

/** JSON has no NaN: an absent parameter of a custom method stands as null. */
function restored(operation: Operation): Operation {
  if (operation.op !== "custom") return operation;
  const numbers = <T>(of: T): T => {
    return JSON.parse(JSON.stringify(of), (_, value) => (value === null ? Number.NaN : value));
  };
  const { parameters, modelParameters } = operation;
  return {
    ...operation,
    parameters: numbers(parameters),
    modelParameters: numbers(modelParameters),
  };
}

/** The plan that a manifest records, over its inputs as they are now. */
function planOf(manifest: Manifest, inputs: readonly OpenFile[]): Plan {
  const { method, seed, models, outputs, tensors, trims, planHash } = manifest;
  const shards = outputs.map(({ name, size }) => ({ name, size, header: "" }));
  const positions = new Map(shards.map(({ name }, i) => [name, i]));
  return {
    format: 1,
    method,
    seed,
    models,
    sources: inputs.map(({ path, size, header, identity }) => {
      return { path, size, headerHash: header.hash, identity };
    }),
    shards,
    steps: tensors.map(({ shard, operation, digest: _, ...step }) => {
      return { ...step, shard: positions.get(shard) as number, operation: restored(operation) };
    }),
    ...(trims === undefined ? {} : { trims }),
    dropped: [],
    notes: [],
    assets: { donor: "", dtype: null, layers: null, vocabSize: null },
    hash: planHash,
  };
}

function refuse(message: string, hint: string): never {
  throw new MergeError("UNSUPPORTED", `the merge cannot be replayed: ${message}`, { hint });
}

/** What a replay is given. */
export interface Replaying {
  /** Folder of the model. */
  folder: string;
  manifest: Manifest;
  /** As they are now; undefined for those that are missing or have changed. */
  inputs: readonly (OpenFile | undefined)[];
  /** Custom methods that the merge may have used. */
  methods: readonly CustomMethod[];
  backend: Backend;
  execute: ExecuteOptions;
}

/**
 * Digests of all tensors of a recorded merge, made anew from its inputs: by its operations, and
 * where it was made from models in between, by its recipe.
 * @throws MergeError UNSUPPORTED when an input, the recipe or a custom method is missing
 */
export async function replay(replaying: Replaying): Promise<string[]> {
  const { manifest, inputs, methods } = replaying;
  if (manifest.inputs.some(({ path }) => isPassing(path))) return await replayRecipe(replaying);
  const absent = inputs.indexOf(undefined);
  if (absent !== -1) {
    const path = printable(manifest.inputs[absent].path);
    refuse(`${path} is missing or differs`, "restore the inputs");
  }
  const functions = new Map(methods.map(({ name, combine }) => [name, combine]));
  for (const { operation } of manifest.tensors) {
    if (operation.op !== "custom" || functions.has(operation.method)) continue;
    refuse(`no method ${printable(operation.method)} was given`, "give it in `methods`");
  }
  return await replayOperations(replaying, inputs as readonly OpenFile[], functions);
}

async function replayOperations(
  { manifest, backend, execute }: Replaying,
  inputs: readonly OpenFile[],
  functions: ReadonlyMap<string, Combine>,
): Promise<string[]> {
  const plan = planOf(manifest, inputs);
  const { work, order } = workOf(plan, fuse(plan, new Map()), [], new Map());
  checkInputs(plan.sources, "opening");
  const results = await backend.execute(
    { ...work, outputs: plan.shards.map(({ size }) => ({ nowhere: true, size })) },
    { ...execute, functions, onOpened: () => checkInputs(plan.sources, "opening") },
  );
  checkInputs(plan.sources, "after");
  return inPlanOrder(plan, results, order, new Map()).map(({ digest }) => digest);
}

/** Merges the recipe that lies beside the model to a folder that is removed again. */
async function replayRecipe({
  folder,
  manifest,
  methods,
  backend,
  execute,
}: Replaying): Promise<string[]> {
  const recipe = join(folder, "mergekit_config.yml");
  if (!existsSync(recipe)) {
    refuse("it was made from models in between, and has no recipe", "merge its recipe again");
  }
  const { threads, io, signal, onBytes } = execute;
  const bytes = manifest.tensors.reduce(
    (sum, { dtype, count }) => sum + byteLength(dtype, count),
    0,
  );
  const place = mkdtempSync(`${resolve(folder)}.weightloom-parts-`);
  try {
    claim(place);
    const out = join(place, "replay");
    await merge(recipe, {
      out,
      seed: BigInt(manifest.seed),
      // Of the whole recipe: it may be that only a model in between drew from the stream.
      random: manifest.random ?? "philox",
      shardSize: 0,
      sync: false,
      modelCard: false,
      copyTokenizer: false,
      methods,
      backend: backend.name,
      threads,
      io,
      ...(execute.isa === "" ? {} : { isa: execute.isa }),
      ...(signal === undefined ? {} : { signal }),
      onProgress: ({ bytesDone, bytesTotal }) => {
        onBytes?.(Math.floor((bytes * bytesDone) / Math.max(1, bytesTotal)));
      },
    });
    const made = new Map(readManifest(out).tensors.map((each) => [each.tensor, each.digest]));
    return manifest.tensors.map(({ tensor }) => made.get(tensor) ?? "");
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
