/** Makes a Plan from a recipe and the headers of its models. Reads no tensor byte. */
import { createHash } from "node:crypto";
import { formatReference } from "../config/reference.ts";
import type { Recipe, RecipeBody } from "../config/types.ts";
import { MergeError, type Problem, printable, problem, throwProblems } from "../errors.ts";
import type { Dtype } from "../format/dtype.ts";
import type { Model, ModelTensor } from "../format/model.ts";
import { METHODS } from "../methods/index.ts";
import type { Method } from "../methods/types.ts";
import { type Aligned, align } from "./align.ts";
import { layerCounts, type Slice, type Wanted, wantLayers, wantOutside } from "./layers.ts";
import { layOut } from "./layout.ts";
import { type Lowering, lower } from "./lower.ts";
import { isVocabularyTensor } from "./names.ts";
import { ModelList, makeSlices } from "./slices.ts";
import { openModels } from "./sources.ts";
import { assignDraws } from "./torch_order.ts";
import { Tally } from "./tally.ts";
import type {
  Dropped,
  Operation,
  Plan,
  PlanAssets,
  PlanInput,
  PlanSource,
  PlanStep,
} from "./types.ts";

export interface PlanOptions {
  /** Folder of the recipe file, where model paths are looked for after the working directory. */
  recipeFolder?: string | undefined;
  /** Seed of random choices; default 0. */
  seed?: bigint;
  /** Source of random numbers; default philox. */
  random?: "philox" | "torch-cpu";
  /** Most bytes of tensors in one output file; 0 for a single file. Default 5,000,000,000. */
  shardSize?: number;
}

/** mergekit's default. */
const SHARD_SIZE = 5_000_000_000;

/** A tensor that is to be made, before it has a place. */
interface Item {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  count: number;
  operation: Operation;
  aligned: Aligned;
}

/**
 * Plans a merge. All problems that headers can show are found and thrown together.
 * @throws MergeError with the problem's code, or SEVERAL_PROBLEMS
 */
export function makePlan(recipe: Recipe, options: PlanOptions = {}): Plan {
  const problems: Problem[] = [];
  const method = METHODS.get(recipe.mergeMethod);
  if (method === undefined) throw new MergeError("UNKNOWN_METHOD", recipe.mergeMethod);
  refuseLater(recipe, problems);
  const opened = openModels(recipe, options.recipeFolder, problems);
  throwProblems(problems, "the recipe cannot be planned");
  const list = new ModelList();
  const slices = bodiesOf(recipe).map((body) =>
    makeSlices(body, { recipe, method, opened, list, problems }),
  );
  throwProblems(problems, "the recipe cannot be planned");
  const seed = options.seed ?? 0n;
  const wanted = slices.flatMap((each) => [...want(each, problems)]);
  const chance = { seed, random: options.random ?? "philox" } as const;
  const items = assignDraws(lowerAll(wanted, { recipe, method, chance }, problems));
  throwProblems(problems, "the recipe cannot be planned");
  if (items.length === 0) throw new MergeError("NO_TENSORS", "the recipe yields no tensor");
  return assemble({ recipe, method, seed, list, slices, items, opened }, options);
}

function bodiesOf(recipe: Recipe): RecipeBody[] {
  return recipe.body === undefined ? Object.values(recipe.modules ?? {}) : [recipe.body];
}

/** What the language has and this version does not build yet. */
function refuseLater(recipe: Recipe, problems: Problem[]): void {
  const later: [unknown, string][] = [
    [recipe.modules, "modules"],
    [recipe.tokenizer, "tokenizer"],
    [recipe.tokenizerSource, "tokenizer_source"],
    [recipe.chatTemplate, "chat_template"],
  ];
  for (const [value, key] of later) {
    if (value === undefined) continue;
    const message = `${key} is understood but not built yet`;
    problems.push(problem("UNSUPPORTED", message, `remove ${key}`, recipe.places[key]));
  }
}

/** All output tensors of the slices of one body. */
function* want(slices: readonly Slice[], problems: Problem[]): Generator<Wanted> {
  const prefixes = new Set<string>();
  for (const { sources } of slices) {
    for (const { model } of sources) for (const each of layerCounts(model).keys()) prefixes.add(each);
  }
  const cut = slices.some(({ sources }) => sources.some(({ range }) => range !== null));
  if (cut && prefixes.size > 1) {
    const found = [...prefixes].map((prefix) => printable(`${prefix}N`)).join(", ");
    problems.push(
      problem("UNSUPPORTED", `slices need one series of layers; the models have ${found}`),
    );
    return;
  }
  if (!cut && !sameDepths(slices, problems)) return;
  for (const prefix of prefixes) {
    let start = 0;
    for (const slice of slices) {
      yield* wantLayers(slice, prefix, start);
      const [range] = slice.sources.map((source) => source.range);
      start += range === null ? 0 : range[1] - range[0];
    }
  }
  yield* wantOutside(slices[0], slices[slices.length - 1]);
}

/** Whole models must have the same number of layers; false when a problem was reported. */
function sameDepths(slices: readonly Slice[], problems: Problem[]): boolean {
  const before = problems.length;
  for (const { sources } of slices) {
    const depths = sources.map(({ model }) => [...layerCounts(model).values()].join(" and "));
    const odd = depths.findIndex((depth) => depth !== depths[0]);
    if (odd < 0) continue;
    const [a, b] = [sources[0], sources[odd]].map(({ model }) => printable(model.path));
    const message = `${a} has ${depths[0]} layers, ${b} has ${depths[odd]}`;
    const hint = "use slices to say which layers go together";
    problems.push(problem("LAYER_RANGE", message, hint, sources[odd].place));
  }
  return problems.length === before;
}

function lowerAll(
  wanted: readonly Wanted[],
  lowering: Lowering,
  problems: Problem[],
): Item[] {
  const items: Item[] = [];
  const tally = new Tally();
  const names = new Set<string>();
  for (const each of wanted) {
    if (names.has(each.name)) {
      tally.add("twice", "DUPLICATE_OUTPUT", `${printable(each.name)} would be written twice`);
    }
    names.add(each.name);
    const aligned = align(each, tally);
    if (aligned === undefined) continue;
    const { shape, count } = aligned;
    try {
      items.push({ name: each.name, shape, count, aligned, ...lower(aligned, lowering) });
    } catch (error) {
      if (!(error instanceof MergeError)) throw error;
      const known = [each.name, ...each.sourceNames].map(printable);
      const cause = known.reduce((text, name) => text.replaceAll(name, ""), error.message);
      tally.add(`${error.code} ${cause}`, error.code, error.message, error.hint, error.place);
    }
  }
  problems.push(...tally.problems());
  return items;
}

interface Parts {
  recipe: Recipe;
  method: Method;
  seed: bigint;
  list: ModelList;
  slices: readonly (readonly Slice[])[];
  items: readonly Item[];
  opened: ReadonlyMap<string, Model>;
}

/** Numbers the source files as steps come to use them. */
class SourceList {
  readonly sources: PlanSource[] = [];
  readonly #positions = new Map<string, number>();

  position(model: Model, tensor: ModelTensor): number {
    const file = model.files[tensor.file];
    const known = this.#positions.get(file.path);
    if (known !== undefined) return known;
    const { path, size, identity, header } = file;
    const position = this.sources.push({ path, size, headerHash: header.hash, identity }) - 1;
    this.#positions.set(path, position);
    return position;
  }
}

function inputsOf({ wanted, tensors }: Aligned, list: SourceList): PlanInput[] {
  return tensors.map((tensor, s) => {
    const { model, position } = wanted.slice.sources[s];
    const source = list.position(model, tensor);
    const { offset, dtype, name } = tensor;
    return { source, offset, dtype, model: position, tensor: name };
  });
}

function assemble(parts: Parts, options: PlanOptions): Plan {
  const { recipe, method, seed, list, items } = parts;
  const layout = layOut(items, options.shardSize ?? SHARD_SIZE);
  const sources = new SourceList();
  const steps: PlanStep[] = layout.placed.map(({ item, shard, offset }) => {
    const { name, dtype, shape, count, operation, aligned } = item;
    const inputs = inputsOf(aligned, sources);
    return { tensor: name, dtype, shape, count, shard, offset, inputs, operation };
  });
  const plan: Plan = {
    format: 1,
    method: method.name,
    seed: seed.toString(),
    models: list.references.map(formatReference),
    sources: sources.sources,
    shards: layout.shards,
    steps,
    dropped: droppedOf(parts),
    notes: notesOf(items),
    assets: assetsOf(recipe, parts),
    hash: "",
  };
  plan.hash = hashPlan(plan);
  return plan;
}

/** Tensors of the models that no step reads. */
function droppedOf({ slices, items }: Parts): Dropped[] {
  const used = new Map<string, Set<string>>();
  for (const { aligned } of items) {
    aligned.wanted.slice.sources.forEach(({ model }, s) => {
      const names = used.get(model.path) ?? new Set();
      used.set(model.path, names.add(aligned.tensors[s].name));
    });
  }
  const dropped: Dropped[] = [];
  const seen = new Set<Model>();
  for (const { sources } of slices.flat()) {
    for (const { model, position } of sources) {
      if (seen.has(model)) continue;
      seen.add(model);
      for (const tensor of model.tensors.keys()) {
        if (used.get(model.path)?.has(tensor) === true) continue;
        dropped.push({ model: position, tensor, reason: "outside the slices" });
      }
    }
  }
  return dropped;
}

function notesOf(items: readonly Item[]): string[] {
  const cut = items.filter(({ aligned }) => aligned.cut);
  return cut.map(({ name, shape }) => {
    return `${printable(name)}: vocabularies differ; cut to the first ${shape[0]} rows`;
  });
}

/** Source layer of every output layer, from the first source of each slice. */
function layersOf(slices: readonly Slice[]): number[] | null {
  const ranges = slices.map(({ sources }) => sources[0].range);
  if (ranges.some((range) => range === null)) return null;
  return ranges.flatMap((range) => {
    const [from, to] = range as readonly [number, number];
    return Array.from({ length: to - from }, (_, i) => from + i);
  });
}

function assetsOf(recipe: Recipe, { slices, items, opened, list }: Parts): PlanAssets {
  const donor = opened.get(formatReference(recipe.baseModel ?? list.references[0])) as Model;
  const dtypes = new Set(items.map(({ dtype }) => dtype));
  const floats = [...dtypes].filter((dtype) => ["F32", "F16", "BF16"].includes(dtype));
  const table = items.find(({ name, shape, aligned }) => {
    return aligned.cut && isVocabularyTensor(name, shape.length);
  });
  return {
    donor: donor.directory,
    dtype: recipe.outDtype ?? recipe.dtype ?? (floats.length === 1 ? floats[0] : null),
    layers: layersOf(slices.flat()),
    vocabSize: table === undefined ? null : table.shape[0],
  };
}

/** SHA-256 over what decides the output's bytes. */
function hashPlan({ format, method, seed, sources, shards, steps }: Plan): string {
  const hash = createHash("sha256");
  const files = sources.map(({ size, headerHash }) => ({ size, headerHash }));
  hash.update(JSON.stringify({ format, method, seed, files, shards }));
  for (const step of steps) hash.update(JSON.stringify(step));
  return hash.digest("hex");
}
