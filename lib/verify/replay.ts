/** A recorded merge run again, without writing it: only its digests are wanted. */
import type { Manifest } from "../assets/read_manifest.ts";
import { MergeError, printable } from "../errors.ts";
import type { OpenFile } from "../format/header.ts";
import type { CustomMethod } from "../methods/custom.ts";
import type { Operation, Plan } from "../plan/types.ts";
import { fuse } from "../run/fuse.ts";
import { checkInputs } from "../run/identity.ts";
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
      return { ...step, shard: positions.get(shard) ?? 0, operation: restored(operation) };
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

/**
 * Digests of all tensors of a recorded merge, made anew from its inputs.
 * @throws MergeError UNSUPPORTED when an intermediate model or a custom method would be needed
 */
export async function replay(
  manifest: Manifest,
  inputs: readonly (OpenFile | undefined)[],
  methods: readonly CustomMethod[],
  backend: Backend,
  options: ExecuteOptions,
): Promise<string[]> {
  const passing = manifest.inputs.find(({ path }) => isPassing(path));
  if (passing !== undefined) {
    refuse("it was made from models in between", "merge its recipe again, and `diff` the results");
  }
  const absent = inputs.indexOf(undefined);
  if (absent !== -1) {
    refuse(
      `${printable(manifest.inputs[absent].path)} is missing or differs`,
      "restore the inputs",
    );
  }
  const functions = new Map(methods.map(({ name, combine }) => [name, combine]));
  for (const { operation } of manifest.tensors) {
    if (operation.op !== "custom" || functions.has(operation.method)) continue;
    refuse(`no method ${printable(operation.method)} was given`, "give it in `methods`");
  }
  const plan = planOf(manifest, inputs as readonly OpenFile[]);
  const { work, order } = workOf(plan, fuse(plan, new Map()), [], new Map());
  checkInputs(plan.sources, "opening");
  const results = await backend.execute(
    { ...work, outputs: plan.shards.map(({ size }) => ({ nowhere: true, size })) },
    { ...options, functions, onOpened: () => checkInputs(plan.sources, "opening") },
  );
  checkInputs(plan.sources, "after");
  return inPlanOrder(plan, results, order, new Map()).map(({ digest }) => digest);
}
