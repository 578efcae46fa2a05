import { basename } from "node:path";
import { MergeError } from "../errors.ts";
import type { Operation, Plan, PlanInput } from "../plan/types.ts";
import type { StepResult } from "../run/work.ts";
import { closing, items, members, opening } from "./lines.ts";

/** Name of the file. */
export const MANIFEST = "weightloom.manifest.json";

const DIGEST = "xxh64 of the XXH64 digests of blocks of 65,536 elements";

/** A digest that is not known yet, as it stands in a draft; no name can hold such quotes. */
const UNKNOWN = ".".repeat(16);
const BEFORE = '"digest":"';
const HOLE = BEFORE + UNKNOWN;

/** Lines that are made bytes at a time. */
const LINES = 512;

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
    let at = 0;
    for (const i of this.#order) {
      at = this.#bytes.indexOf(HOLE, at, "latin1") + BEFORE.length;
      this.#bytes.write(results[i].digest, at, "latin1");
    }
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
    const after = closing([["paths", members({ models: plan.models, donor, inputs })]]);
    const tensors = this.#tensors(results);
    return Buffer.concat([Buffer.from(`${before}  "tensors": `), ...tensors, Buffer.from(after)]);
  }

  /** Members of the section of tensors. */
  #tensors(results: readonly StepResult[] | undefined): Buffer[] {
    const order = this.#order;
    if (order.length === 0) return [Buffer.from("{}")];
    const writer = new TensorLines(this.#plan);
    const chunks: Buffer[] = [];
    for (let at = 0; at < order.length; at += LINES) {
      const lines = order.slice(at, at + LINES).map((i) => writer.line(i, results?.[i]));
      chunks.push(Buffer.from((at === 0 ? "{\n" : ",\n") + lines.join(",\n")));
    }
    return [...chunks, Buffer.from("\n  }")];
  }
}

function isPlain(result: StepResult): boolean {
  return result.digest.length === UNKNOWN.length && countNonfinite(result) === undefined;
}

/** Writes what was done for each tensor; what many lines have in common is made text once. */
class TensorLines {
  readonly #plan: Plan;
  readonly #shards: readonly string[];
  readonly #operations = new Map<Operation, string>();

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#shards = plan.shards.map(({ name }) => `"shard":${JSON.stringify(name)}`);
  }

  line(at: number, result: StepResult | undefined): string {
    const { tensor, dtype, shape, shard, offset, inputs, operation } = this.#plan.steps[at];
    const name = JSON.stringify(tensor);
    const place = `"dtype":"${dtype}","shape":[${shape.join()}],${this.#shards[shard]}`;
    const digest = `"offset":${offset},${BEFORE}${result?.digest ?? UNKNOWN}",`;
    const nonfinite = result && countNonfinite(result);
    const counted = nonfinite === undefined ? "" : `"nonfinite":${JSON.stringify(nonfinite)},`;
    let from = "";
    for (const input of inputs) {
      const own = input.tensor === tensor ? name : JSON.stringify(input.tensor);
      from += `${from === "" ? "" : ","}${describeInput(input, own)}`;
    }
    const made = `${counted}${this.#operation(operation)},"inputs":[${from}]`;
    return `    ${name}: {${place},${digest}${made}}`;
  }

  #operation(operation: Operation): string {
    const known = this.#operations.get(operation);
    if (known !== undefined) return known;
    const text = `"operation":${ordered(operation)}`;
    this.#operations.set(operation, text);
    return text;
  }
}

function describeInput({ model, source, dtype, offset }: PlanInput, name: string): string {
  return `{"model":${model},"source":${source},"tensor":${name},"dtype":"${dtype}","offset":${offset}}`;
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
