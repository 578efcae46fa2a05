/**
 * What a stage knows of its whole shards. A record is written when a shard is complete and synced;
 * it is bound to the plan, the inputs as they were, and the version. A record is never trusted: the
 * shard's bytes are digested again before it is reused.
 */
import { createHash } from "node:crypto";
import type { Plan, PlanSource } from "../plan/types.ts";
import { version } from "../version.ts";
import type { StepResult } from "./work.ts";

/** Positions in the plan of the steps of a shard. */
export function stepsOf(plan: Plan, shard: number): number[] {
  return plan.steps.flatMap((step, i) => (step.shard === shard ? [i] : []));
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A merge as its records know it: the plan, and the files that are read. */
export interface RecordedMerge {
  plan: Plan;
  sources: readonly PlanSource[];
}

/** Equal for two merges exactly when one may go on with the shards of the other. */
function bindingOf({ plan: { hash }, sources }: RecordedMerge): string {
  const inputs = sources.map(({ size, headerHash, identity }) => ({ size, headerHash, identity }));
  return digest(JSON.stringify({ version, hash, inputs }));
}

/** Text of a record: a digest of the rest, and on the next line the rest as JSON. */
export function writeRecord(
  merge: RecordedMerge,
  shard: number,
  results: readonly StepResult[],
): string {
  const body = JSON.stringify({ binding: bindingOf(merge), shard, results });
  return `${digest(body)}\n${body}\n`;
}

/** The results of a shard's steps; `damaged`, or `foreign` when it belongs to another merge. */
export function readRecord(
  merge: RecordedMerge,
  shard: number,
  text: string,
): StepResult[] | "damaged" | "foreign" {
  const [check, body = "", ...rest] = text.split("\n");
  if (check !== digest(body) || rest.join("") !== "") return "damaged";
  const record = JSON.parse(body) as { binding: string; shard: number; results: StepResult[] };
  if (record.binding !== bindingOf(merge)) return "foreign";
  const fits =
    record.shard === shard && record.results.length === stepsOf(merge.plan, shard).length;
  return fits ? record.results : "damaged";
}
