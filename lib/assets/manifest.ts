import { basename } from "node:path";
import { MergeError } from "../errors.ts";
import type { Operation, Plan, PlanInput } from "../plan/types.ts";
import type { StepResult } from "../run/work.ts";
import { closing, items, members, opening } from "./lines.ts";
import { TextBytes } from "./text.ts";

/** Name of the file. */
export const MANIFEST = "weightloom.manifest.json";

const DIGEST = "xxh64 of the XXH64 digests of blocks of 65,536 elements";

/** As long as every digest, in whose place it stands in a draft. */
const UNKNOWN = ".".repeat(16);

/** Bytes of a line, about: of a tensor, and of each of its inputs. */
const LINE = 320;
const INPUT = 160;

/** Characters after which lines are written. */
const BATCH = 1 << 15;

/**
 * `weightloom.manifest.json`: what was merged, how each tensor was made, and what came out.
 * Everything but its last section, `paths`, is the same on every machine and backend. It is drafted
 * from the plan, while the tensors are being made, and filled with what became of them.
 */
export class ManifestDraft {
  readonly #plan: Plan;
  readonly #version: string;
  /** Positions of the steps by name of their tensors. */
  readonly #order: readonly number[];
  /** Where the digests of these begin. */
  readonly #digests: number[] = [];
  readonly #bytes: Buffer;

  constructor(plan: Plan, version: string) {
    this.#plan = plan;
    this.#version = version;
    const { steps } = plan;
    const order = steps.map((_, i) => i);
    this.#order = order.sort((a, b) => (steps[a].tensor < steps[b].tensor ? -1 : 1));
    this.#bytes = this.#write(undefined);
  }

  /** The file, once; `results` are those of the plan's steps, in their order. */
  fill(results: readonly StepResult[]): Uint8Array {
    const { steps } = this.#plan;
    if (results.length !== steps.length) {
      throw new MergeError("INTERNAL", `${steps.length} steps have ${results.length} results`);
    }
    if (!results.every(isPlain)) return this.#write(results);
    this.#order.forEach((step, i) => {
      this.#bytes.write(results[step].digest, this.#digests[i], "latin1");
    });
    return this.#bytes;
  }

  #write(results: readonly StepResult[] | undefined): Buffer {
    const plan = this.#plan;
    const { donor } = plan.assets;
    const inputs = plan.sources.map(({ path }) => path);
    const before = opening([
      ["format", "1"],
      ["weightloom", JSON.stringify(this.#version)],
      ["plan", JSON.stringify(plan.hash)],
      ["digest", JSON.stringify(DIGEST)],
      ["recipe", members(describeRecipe(plan))],
      ["inputs", items(plan.sources.map(describeSource))],
      ["outputs", items(plan.shards.map(({ name, size }) => ({ name, size })))],
      ...trimsOf(plan),
    ]);
    const most = plan.steps.reduce((sum, step) => sum + LINE + INPUT * step.inputs.length, 0);
    const text = new TextBytes(before.length + most);
    text.add(`${before}  "tensors": `);
    this.#addTensors(text, results);
    text.add(closing([["paths", members({ models: plan.models, donor, inputs })]]));
    return text.bytes();
  }

  #addTensors(text: TextBytes, results: readonly StepResult[] | undefined): void {
    const lines = new TensorLines(this.#plan);
    let separator = "{\n";
    let batch = "";
    let marks: number[] = [];
    const write = () => {
      for (const at of text.add(batch, marks)) this.#digests.push(at);
      batch = "";
      marks = [];
    };
    for (const step of this.#order) {
      const name = JSON.stringify(this.#plan.steps[step].tensor);
      batch += separator + lines.toDigest(step, name);
      marks.push(batch.length);
      batch += lines.fromDigest(step, name, results?.[step]);
      separator = ",\n";
      if (batch.length > BATCH) write();
    }
    batch += this.#order.length === 0 ? "{}" : "\n  }";
    write();
  }
}

function isPlain(result: StepResult): boolean {
  return result.digest.length === UNKNOWN.length && countNonfinite(result) === undefined;
}

/** Writes what was done for each tensor: the part of its line before the digest, and that from it. */
class TensorLines {
  readonly #plan: Plan;
  readonly #shards: readonly string[];
  readonly #operations = new Map<Operation, string>();
  /** By source: what an input's description begins with, of the model that had the source last. */
  readonly #heads: { model: number; text: string }[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#shards = plan.shards.map(({ name }) => `"shard":${JSON.stringify(name)},"offset":`);
  }

  toDigest(at: number, name: string): string {
    const { dtype, shape, shard, offset } = this.#plan.steps[at];
    const place = `"dtype":"${dtype}","shape":[${shape.join()}],${this.#shards[shard]}${offset}`;
    return `    ${name}: {${place},"digest":"`;
  }

  fromDigest(at: number, name: string, result: StepResult | undefined): string {
    const { tensor, inputs, operation } = this.#plan.steps[at];
    const nonfinite = result && countNonfinite(result);
    const counted = nonfinite === undefined ? "" : `"nonfinite":${JSON.stringify(nonfinite)},`;
    let text = `${result?.digest ?? UNKNOWN}",${counted}${this.#operation(operation)},"inputs":[`;
    let separator = "";
    for (const input of inputs) {
      const own = input.tensor === tensor ? name : JSON.stringify(input.tensor);
      text += `${separator}${this.#head(input)}${own},"dtype":"${input.dtype}","offset":${input.offset}}`;
      separator = ",";
    }
    return `${text}]}`;
  }

  #head({ model, source }: PlanInput): string {
    const known = this.#heads[source];
    if (known?.model === model) return known.text;
    const text = `{"model":${model},"source":${source},"tensor":`;
    this.#heads[source] = { model, text };
    return text;
  }

  #operation(operation: Operation): string {
    const known = this.#operations.get(operation);
    if (known !== undefined) return known;
    const text = `"operation":${ordered(operation)}`;
    this.#operations.set(operation, text);
    return text;
  }
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
