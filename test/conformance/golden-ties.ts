/**
 * What TIES leaves open, worked out from its definition in binary64: the values that each element
 * can have when, of equal magnitudes at the threshold, any may be the ones that are kept, and when
 * a sign vote that is zero up to rounding may go either way.
 */
import { parse } from "yaml";
import type { OpenedModel } from "../../lib/model.ts";
import { exampleModel, type GoldenCase } from "./golden-cases.ts";

/** A vote closer to zero than this share of the summed magnitudes is open. */
const VOTE_MARGIN = 2e-6;

interface Input {
  model: OpenedModel;
  weight: number;
  density: number;
}

/** A model's part in one tensor: its delta, and its magnitude at which the trimming cuts. */
interface Part {
  weight: number;
  delta: Float32Array;
  threshold: number;
  /** Not all elements of the threshold's magnitude are kept. */
  splits: boolean;
}

/** A case's tensors, by name. */
export type Outcomes = (tensor: string) => TensorOutcomes;

/** What the elements of one tensor can be. */
export interface TensorOutcomes {
  /** A value that each element can have: the only one, unless it is open. */
  first: Float64Array;
  /** All values that the open elements can have, by index. */
  open: ReadonlyMap<number, readonly number[]>;
}

const known = new Map<GoldenCase, Outcomes>();

/** Works out what the outcome of the case can be. */
export function tiesOutcomes(golden: GoldenCase): Outcomes {
  const outcomes = known.get(golden) ?? remember(readOutcomes(golden));
  known.set(golden, outcomes);
  return outcomes;
}

function remember(work: Outcomes): Outcomes {
  const done = new Map<string, TensorOutcomes>();
  return (tensor) => {
    const outcomes = done.get(tensor) ?? work(tensor);
    done.set(tensor, outcomes);
    return outcomes;
  };
}

function modelAt(path: string): OpenedModel {
  return exampleModel(path.slice(path.lastIndexOf("/") + 1));
}

type Entry = { model: string; parameters: { weight: number; density: number } };

function readOutcomes({ config }: GoldenCase): Outcomes {
  const recipe: { base_model: string; models: Entry[] } = parse(config);
  const base = modelAt(recipe.base_model);
  const inputs = recipe.models.map(({ model, parameters }): Input => {
    const { weight, density } = parameters;
    return { model: modelAt(model), weight: Math.fround(weight), density };
  });
  return (tensor) => {
    const start = base.read(tensor);
    const parts = inputs.map((input) => partOf(input, start, input.model.read(tensor)));
    return outcomesOf(parts, start);
  };
}

function partOf({ weight, density }: Input, base: Float32Array, x: Float32Array): Part {
  const delta = x.map((value, i) => value - base[i]);
  const descending = delta.map(Math.abs).sort().reverse();
  const keep = Math.floor(density * delta.length);
  const threshold = descending[keep - 1];
  return { weight, delta, threshold, splits: descending[keep] === threshold };
}

function outcomesOf(parts: readonly Part[], base: Float32Array): TensorOutcomes {
  const first = new Float64Array(base.length);
  const open = new Map<number, number[]>();
  for (let i = 0; i < base.length; i++) {
    const values = choices(parts.map((part) => trimmed(part, i))).flatMap((deltas) =>
      combinations(parts, deltas).map((sum) => base[i] + sum),
    );
    first[i] = values[0];
    if (values.length > 1) open.set(i, values);
  }
  return { first, open };
}

/** What a delta can be after trimming: itself, 0, or either. */
function trimmed({ delta, threshold, splits }: Part, i: number): number[] {
  const magnitude = Math.abs(delta[i]);
  if (magnitude < threshold) return [0];
  return splits && magnitude === threshold ? [delta[i], 0] : [delta[i]];
}

/** Every choice of one item from each list. */
function choices(lists: readonly number[][]): number[][] {
  if (lists.every((list) => list.length === 1)) return [lists.map(([only]) => only)];
  return lists.reduce<number[][]>(
    (rows, list) => rows.flatMap((row) => list.map((item) => [...row, item])),
    [[]],
  );
}

/** The mean of what agrees with the elected sign; both of them where the vote is open. */
function combinations(parts: readonly Part[], deltas: readonly number[]): number[] {
  let vote = 0;
  let size = 0;
  deltas.forEach((delta, m) => {
    vote += delta * parts[m].weight;
    size += Math.abs(delta * parts[m].weight);
  });
  const mean = agreeing(parts, deltas, vote >= 0 ? 1 : -1);
  const isOpen = size > 0 && Math.abs(vote) <= VOTE_MARGIN * size;
  return isOpen ? [mean, agreeing(parts, deltas, vote >= 0 ? -1 : 1)] : [mean];
}

function agreeing(parts: readonly Part[], deltas: readonly number[], sign: number): number {
  let sum = 0;
  let weight = 0;
  deltas.forEach((delta, m) => {
    if (delta * parts[m].weight * sign <= 0) return;
    sum += delta * parts[m].weight;
    weight += parts[m].weight;
  });
  return weight === 0 ? 0 : sum / weight;
}
