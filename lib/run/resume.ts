/** Which shards of an interrupted merge the next one goes on with. */
import { closeSync, lstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { MergeError } from "../errors.ts";
import type { Plan } from "../plan/types.ts";
import { onlyCpu } from "./device.ts";
import { type RecordedMerge, readRecord, stepsOf } from "./journal.ts";
import { recordName, type Stage } from "./publish.ts";
import type { Backend, ExecuteOptions, StepResult, Work } from "./work.ts";

/** Results of the steps of whole shards, by the shard's position in the plan. */
export type WholeShards = ReadonlyMap<number, readonly StepResult[]>;

export interface Resumed {
  shards: WholeShards;
  /** What was found, for the user. */
  notes: string[];
}

/** Why a plan cannot be resumed, though its stage may hold whole shards. */
function obstacle({ steps }: Plan): string | undefined {
  if (steps.some(({ operation }) => operation.op === "custom")) {
    return "the function of a custom method may have changed";
  }
  // Its numbers come in one stream over all tensors.
  const torch = steps.some(({ operation }) => operation.op === "task" && operation.torch !== null);
  return torch ? "random torch-cpu is drawn from the start" : undefined;
}

/** Whether a shard is a file of the planned size that begins with the planned header. */
function hasHeader(path: string, { size, header }: Plan["shards"][number]): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile() || stat.size !== size) return false;
  const wanted = Buffer.from(header, "base64");
  const found = Buffer.alloc(wanted.length);
  const descriptor = openSync(path, "r");
  try {
    return readSync(descriptor, found, 0, found.length, 0) === found.length && found.equals(wanted);
  } finally {
    closeSync(descriptor);
  }
}

/** A Work whose results are the digests of what the shards hold. */
function digestWork(plan: Plan, shards: readonly number[], folder: string): Work {
  const places = shards.map((shard) => plan.shards[shard]);
  const steps = shards.flatMap((shard, source) => {
    return stepsOf(plan, shard).map((i) => {
      const { tensor, dtype, count, offset } = plan.steps[i];
      const inputs = [{ source, offset, dtype }];
      const operation = { op: "copy", input: 0 } as const;
      return { tensor, dtype, count, output: source, offset, inputs, operation };
    });
  });
  return {
    sources: places.map(({ name, size }) => ({ path: join(folder, name), size })),
    outputs: places.map(({ size }) => ({ nowhere: true, size })),
    steps,
  };
}

/** Those of the recorded shards that hold what their records say. */
async function verify(
  plan: Plan,
  recorded: WholeShards,
  folder: string,
  backend: Backend,
  options: ExecuteOptions,
): Promise<WholeShards> {
  const shards = [...recorded.keys()];
  try {
    const found = await backend.execute(digestWork(plan, shards, folder), onlyCpu(options));
    let at = 0;
    const same = shards.filter((shard) => {
      const results = recorded.get(shard) as readonly StepResult[];
      const digests = found.slice(at, at + results.length).map(({ digest }) => digest);
      at += results.length;
      return results.every(({ digest }, i) => digest === digests[i]);
    });
    return new Map(same.map((shard) => [shard, recorded.get(shard) as readonly StepResult[]]));
  } catch (error) {
    if (error instanceof MergeError && error.code === "ABORTED") throw error;
    return new Map();
  }
}

function describe(all: number, whole: number, damaged: number, foreign: number): string[] {
  const notes = [];
  if (foreign > 0) {
    notes.push(
      "an interrupted merge was not resumed: its inputs or the version have changed since; started over",
    );
  }
  if (damaged > 0)
    notes.push(`damaged and made again: ${damaged} of ${all} shards of an interrupted merge`);
  if (whole > 0) notes.push(`resumed: ${whole} of ${all} shards were whole`);
  return notes;
}

/**
 * Looks for whole shards in the stage of an interrupted merge, and clears it of all else; without
 * `resume`, of everything.
 */
export async function resume(
  merge: RecordedMerge & { resume: boolean },
  stage: Stage,
  backend: Backend,
  execute: ExecuteOptions,
): Promise<Resumed> {
  const { plan } = merge;
  if (!stage.interrupted || !merge.resume) {
    stage.clear(new Set());
    return { shards: new Map(), notes: [] };
  }
  const recorded = new Map<number, readonly StepResult[]>();
  let [damaged, foreign] = [0, 0];
  for (const shard of plan.shards.keys()) {
    const text = stage.readRecord(shard);
    if (text === undefined) continue;
    const record = readRecord(merge, shard, text);
    if (record === "foreign") foreign++;
    else if (record === "damaged") damaged++;
    else if (hasHeader(join(stage.path, plan.shards[shard].name), plan.shards[shard])) {
      recorded.set(shard, record);
    } else damaged++;
  }
  const why = obstacle(plan);
  if (why !== undefined && recorded.size > 0) {
    stage.clear(new Set());
    return { shards: new Map(), notes: [`an interrupted merge was not resumed: ${why}`] };
  }
  const shards =
    recorded.size === 0 ? recorded : await verify(plan, recorded, stage.path, backend, execute);
  damaged += recorded.size - shards.size;
  const keep = [...shards.keys()].flatMap((i) => [plan.shards[i].name, recordName(i)]);
  stage.clear(new Set(keep));
  return { shards, notes: describe(plan.shards.length, shards.size, damaged, foreign) };
}
