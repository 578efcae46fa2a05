/** Makes a Plan from a recipe and the headers of its models. */
import { createHash, type Hash } from "node:crypto";
import { formatReference } from "../config/reference.ts";
import type { Recipe } from "../config/types.ts";
import { MergeError, type Problem, printable, throwProblems } from "../errors.ts";
import type { Model } from "../format/model.ts";
import type { Method } from "../methods/types.ts";
import { type Aligned, type Alignment, align } from "./align.ts";
import { assetsOf } from "./assets.ts";
import { droppedOf } from "./dropped.ts";
import type { Item, Parts } from "./items.ts";
import type { Wanted } from "./layers.ts";
import { layOut } from "./layout.ts";
import { type Lowering, lower } from "./lower.ts";
import { scopeBodies } from "./modules.ts";
import { isVocabularyTensor } from "./names.ts";
import { SharedOperations, textOfOperation } from "./operations.ts";
import { inDocumentOrder } from "./order.ts";
import { policiesOf, Reasons, Remarks } from "./policies.ts";
import type { ResolvedTensor } from "./resolved.ts";
import { ModelList, makeSlices } from "./slices.ts";
import { SourceList } from "./source_list.ts";
import { type LocatedModels, openModels } from "./sources.ts";
import { Tally } from "./tally.ts";
import { settleTokens } from "./tokens.ts";
import { assignDraws } from "./torch_order.ts";
import { assignTrims } from "./trims.ts";
import { isHead, Ties } from "./tying.ts";
import type { Plan, PlanInput, PlanStep } from "./types.ts";
import { want } from "./wanted.ts";

export interface PlanOptions {
  /** Folder of the recipe file, where model paths are looked for after the working directory. */
  recipeFolder?: string | undefined;
  /** Known methods, with the recipe's. */
  methods: ReadonlyMap<string, Method>;
  /** Seed of random choices. */
  seed: bigint;
  /** Source of random numbers. */
  random: "philox" | "torch-cpu";
  /** Most bytes of tensors in one output file; 0 for a single file. Default 5,000,000,000. */
  shardSize?: number;
  /** Models that were found before planning, by `path[@revision]`; others are local paths. */
  located?: LocatedModels | undefined;
  /** Hashes of the plans whose results are among the models. */
  uses: readonly string[];
  /** Whether the output has the `__metadata__` of the model that it is made from. */
  keepMetadata?: boolean | undefined;
  /** Told the resolved parameters of every tensor. */
  trace?: ((resolved: ResolvedTensor) => void) | undefined;
}

/** mergekit's default. */
const SHARD_SIZE = 5_000_000_000;

const CANNOT = "the recipe cannot be planned";

/**
 * Plans a merge. All problems that headers can show are found and thrown together. The bytes of an
 * output head and an embedding are compared where config.json leaves open whether they are one.
 * @throws MergeError with the problem's code, or SEVERAL_PROBLEMS
 */
export function makePlan(recipe: Recipe, options: PlanOptions): Plan {
  const problems: Problem[] = [];
  const { seed, random } = options;
  const settle = () => throwProblems(inDocumentOrder(problems, recipe), CANNOT);
  const method = options.methods.get(recipe.mergeMethod) as Method;
  const opened = openModels(recipe, options, problems);
  settle();
  const scoped = scopeBodies(recipe, opened.values(), problems);
  settle();
  const list = new ModelList();
  const around = { recipe, method, opened, list, problems };
  const bodies = scoped.map((each) => ({ slices: makeSlices(each, around), scope: each.scope }));
  const donor = opened.get(formatReference(recipe.baseModel ?? list.references[0])) as Model;
  const tokens = settleTokens(recipe, { donor, opened, list, problems });
  settle();
  const wanted = bodies.flatMap(({ slices, scope }) => want(slices, scope, problems));
  const chance = { seed, random };
  const [remarks, reasons, tally] = [new Remarks(), new Reasons(), new Tally()];
  const alignment = { policies: policiesOf(recipe), tally, remarks, reasons };
  const lowering = { recipe, method, chance, trace: options.trace };
  const lowered = assignDraws(lowerAll(wanted, lowering, alignment));
  problems.push(...tally.problems());
  settle();
  if (lowered.length === 0) throw new MergeError("NO_TENSORS", "the recipe yields no tensor");
  const { items, trims } = assignTrims(lowered);
  const ties = new Ties();
  const parts = { recipe, method, seed, list, bodies, items, trims, opened, donor, tokens, ties };
  return assemble({ ...parts, remarks, reasons }, options);
}

function lowerAll(wanted: readonly Wanted[], lowering: Lowering, alignment: Alignment): Item[] {
  const items: Item[] = [];
  const operations = new SharedOperations();
  const { tally } = alignment;
  for (const each of wanted) {
    const aligned = align(each, alignment);
    if (aligned === undefined) continue;
    const { shape, count } = aligned;
    try {
      const { dtype, operation } = lower(aligned, lowering);
      const shared = operations.share(operation);
      items.push({ name: each.name, dtype, shape, count, operation: shared, aligned });
    } catch (error) {
      if (!(error instanceof MergeError)) throw error;
      const known = [each.name, ...each.sourceNames].map(printable);
      const cause = known.reduce((text, name) => text.replaceAll(name, ""), error.message);
      tally.add(`${error.code} ${cause}`, error.code, error.message, error.hint, error.place);
    }
  }
  return items;
}

function inputsOf({ wanted, tensors, origins }: Aligned, list: SourceList): PlanInput[] {
  return tensors.map((tensor, s) => {
    const { model, position } = wanted.slice.sources[origins[s]];
    const source = list.position(model, tensor);
    const { offset, dtype, name } = tensor;
    return { source, offset, dtype, model: position, tensor: name };
  });
}

function assemble(parts: Parts, options: PlanOptions): Plan {
  const { method, seed, list, items, trims } = parts;
  const { random } = options;
  const metadata = options.keepMetadata === true ? parts.donor.metadata : undefined;
  const layout = layOut(items, options.shardSize ?? SHARD_SIZE, metadata);
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
    ...(random === "philox" ? {} : { random }),
    models: list.references.map(formatReference),
    sources: sources.sources,
    shards: layout.shards,
    steps,
    ...(trims.length === 0 ? {} : { trims }),
    dropped: droppedOf(parts),
    notes: notesOf(parts),
    assets: assetsOf(parts),
    hash: "",
  };
  plan.hash = hashPlan(plan, options.uses);
  return plan;
}

function notesOf({ items, bodies, remarks, tokens, ties }: Parts): string[] {
  const cut = items.filter(({ aligned }) => aligned.cut);
  const sources = bodies.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  const models = sources.map(({ model }) => model);
  const writes = items.some(({ name }) => isHead(name));
  return [
    ...cut.map(({ name, shape }) => {
      const what = isVocabularyTensor(name, shape.length) ? "vocabularies" : "shapes";
      return `${printable(name)}: ${what} differ; cut to the first ${shape[0]} rows`;
    }),
    ...remarks.lines(),
    ...ties.notes(models, writes),
    ...tokens.notes,
  ];
}

/** Numbers that are handed to the hash at a time. */
const HASHED = 4096;

/**
 * What steps add to headers, where those of sources tell the dtypes of inputs and those of shards
 * the rest: by step its operation's number and its inputs' places, as binary64; then the operations
 * in the order of their numbers, as JSON.
 */
function hashSteps(hash: Hash, steps: readonly PlanStep[]): void {
  const operations = new Map<string, number>();
  const numbers: number[] = [];
  const flush = () => {
    hash.update(new Uint8Array(Float64Array.from(numbers).buffer));
    numbers.length = 0;
  };
  for (const { inputs, operation } of steps) {
    const text = textOfOperation(operation);
    if (!operations.has(text)) operations.set(text, operations.size);
    numbers.push(operations.get(text) as number, inputs.length);
    for (const { source, offset } of inputs) numbers.push(source, offset);
    if (numbers.length > HASHED) flush();
  }
  flush();
  hash.update(`[${[...operations.keys()].join()}]`);
}

/** SHA-256 over what decides the output's bytes. */
function hashPlan(plan: Plan, uses: readonly string[]): string {
  const { format, method, seed, sources, shards, steps, trims } = plan;
  const hash = createHash("sha256");
  const files = sources.map(({ size, headerHash }) => ({ size, headerHash }));
  const outputs = shards.map(({ name, size }) => ({ name, size }));
  hash.update(JSON.stringify({ format, method, seed, files, outputs }));
  for (const { header } of shards) hash.update(header, "latin1");
  hashSteps(hash, steps);
  if (trims !== undefined) hash.update(JSON.stringify(trims));
  for (const each of uses) hash.update(each);
  return hash.digest("hex");
}
