import { basename } from "node:path";
import { MergeError } from "../errors.ts";
import type { Operation, Plan, PlanInput, PlanStep } from "../plan/types.ts";
import type { StepResult } from "../run/work.ts";
import { items, members, membersByName, sections } from "./lines.ts";

/** Name of the file. */
export const MANIFEST = "weightloom.manifest.json";

const DIGEST = "xxh64 of the XXH64 digests of blocks of 65,536 elements";

/**
 * Text of `weightloom.manifest.json`: what was merged, how each tensor was made, and what came
 * out. Everything but its last section, `paths`, is the same on every machine and backend. `results`
 * are those of the plan's steps, in their order.
 */
export function manifest(plan: Plan, results: readonly StepResult[], version: string): string {
  if (results.length !== plan.steps.length) {
    const message = `${plan.steps.length} steps have ${results.length} results`;
    throw new MergeError("INTERNAL", message);
  }
  const operations = new Map<Operation, string>();
  for (const { operation } of plan.steps) {
    if (!operations.has(operation)) operations.set(operation, ordered(operation));
  }
  const tensors = plan.steps.map((step, i) => {
    const operation = operations.get(step.operation) as string;
    return [step.tensor, describeTensor(plan, step, operation, results[i])] as const;
  });
  const { donor } = plan.assets;
  const inputs = plan.sources.map(({ path }) => path);
  return sections([
    ["format", "1"],
    ["weightloom", JSON.stringify(version)],
    ["plan", JSON.stringify(plan.hash)],
    ["digest", JSON.stringify(DIGEST)],
    ["recipe", members(describeRecipe(plan))],
    ["inputs", items(plan.sources.map(describeSource))],
    ["outputs", items(plan.shards.map(({ name, size }) => ({ name, size })))],
    ...trimsOf(plan),
    ["tensors", membersByName(tensors)],
    ["paths", members({ models: plan.models, donor, inputs })],
  ]);
}

/** Selections over whole models, which a replay needs. */
function trimsOf({ trims }: Plan): [string, string][] {
  if (trims === undefined) return [];
  return [["trims", items(trims.map(({ model, count, keep }) => ({ model, count, keep })))]];
}

function describeRecipe({ method, seed, random, models, assets, dropped }: Plan) {
  const { dtype, layers, vocabSize, modules } = assets;
  return {
    method,
    seed,
    ...(random === undefined ? {} : { random }),
    models: models.length,
    dtype,
    layers,
    vocabSize,
    ...(modules === undefined ? {} : { modules }),
    dropped: dropped.map(({ model, tensor, reason }) => ({ model, tensor, reason })),
  };
}

function describeSource({ path, size, headerHash }: Plan["sources"][number]) {
  return { name: basename(path), size, headerHash };
}

function describeTensor(
  { shards }: Plan,
  step: PlanStep,
  operation: string,
  result: StepResult,
): string {
  const { dtype, shape, shard, offset, inputs } = step;
  const nonfinite = countNonfinite(result);
  const counted = nonfinite === undefined ? "" : `"nonfinite":${JSON.stringify(nonfinite)},`;
  const place = `"shard":${JSON.stringify(shards[shard].name)},"offset":${offset}`;
  const made = `"dtype":"${dtype}","shape":[${shape.join()}],${place},"digest":"${result.digest}"`;
  const from = inputs.map(describeInput).join();
  return `{${made},${counted}"operation":${operation},"inputs":[${from}]}`;
}

function describeInput({ model, source, tensor, dtype, offset }: PlanInput): string {
  const name = JSON.stringify(tensor);
  return `{"model":${model},"source":${source},"tensor":${name},"dtype":"${dtype}","offset":${offset}}`;
}

/** Counts that are not zero, or undefined when all are. */
function countNonfinite(result: StepResult): Record<string, number> | undefined {
  const { nanFromInput, nanBorn, overflowFromInput, overflowBorn } = result;
  if (nanFromInput + nanBorn + overflowFromInput + overflowBorn === 0) return undefined;
  const counts = { nanFromInput, nanBorn, overflowFromInput, overflowBorn };
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

/** JSON of a value whose keys are put in order, those that tell kinds apart first. */
function ordered(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(ordered).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const rank = (key: string) => (key === "op" || key === "kind" ? `0${key}` : `1${key}`);
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  const sorted = entries.toSorted(([a], [b]) => (rank(a) < rank(b) ? -1 : 1));
  const members = sorted.map(([key, member]) => `${JSON.stringify(key)}:${ordered(member)}`);
  return `{${members.join()}}`;
}
