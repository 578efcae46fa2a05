/** From the sums that a comparison yields to the figures that people read. */
import { numbersOf } from "../reference/compare.ts";

/** How one tensor of a model differs from the one that it is compared with. */
export interface TensorDifference {
  /** Position in `Diff.models`. */
  model: number;
  /** The stored bytes are the same, and the dtype. */
  identical: boolean;
  /** Share of elements with the same bits; of the bytes, where the dtype is not a float. */
  equal: number;
  /** Of the elements' differences d = x − reference in binary32; null where that is no float. */
  maxDelta: number | null;
  meanDelta: number | null;
  /** |d| / |reference|, as vectors; null where the reference is all zero. */
  relativeL2: number | null;
  /** Between x and the reference; null where one of them is all zero. */
  cosine: number | null;
  /**
   * With a base: the share of the task vector's elements, smallest first, that could be set to 0
   * before more than 1 % of its squared length is lost, by a histogram of magnitudes with sixteen
   * bins for every power of two. 0.26 for normally distributed deltas; the more, the better the
   * vector stands trimming, which is what TIES-Merging (Yadav et al. 2023, section 3.1) calls
   * redundant parameters. Null without a base, and for a task vector of 0.
   */
  redundancy: number | null;
  /** With a base: the share of the squared length that the largest fifth of the elements hold. */
  top20: number | null;
}

/** What concerns all models of one tensor. */
export interface TensorTogether {
  /** Elements at which a model is not finite: they are left out of all figures but `equal`. */
  nonfinite: number;
  /**
   * With a base and two models or more: the share of elements whose task vectors have both signs,
   * before trimming (TIES-Merging, section 3.2). Null otherwise.
   */
  signConflicts: number | null;
  /** Share of elements that some task vector changes. */
  changed: number | null;
  /**
   * Share of the task vectors' magnitude that cancels in their sum: 1 − Σ|Σd| / ΣΣ|d|. Conflicts
   * between tiny elements weigh little here.
   */
  cancelled: number | null;
  /** Between models, or with a base between task vectors, by position in `Diff.models`. */
  cosines: readonly (readonly (number | null)[])[];
}

/** Sums over one tensor, or over all of a model. */
export interface Sums {
  count: number;
  nonfinite: number;
  base: number;
  conflicts: number;
  changed: number;
  combined: number;
  others: OtherSums[];
  /** Dot products of the others among each other, (0, 1), (0, 2), …, (1, 2), … */
  pairs: number[];
}

export interface OtherSums {
  equal: number;
  largest: number;
  absolute: number;
  squares: number;
  product: number;
  own: number;
  /** Times the elements, so that it can be added up. */
  redundant: number;
  top: number;
}

/** Reads the numbers of one comparison; see reference/compare.ts. */
export function readSums(numbers: Float64Array, models: number, count: number): Sums {
  const [nonfinite, base, conflicts, changed, combined] = numbers;
  const others = Array.from({ length: models }, (_, m): OtherSums => {
    const own = numbers.subarray(5 + 8 * m, 13 + 8 * m);
    const [equal, largest, absolute, squares, product, length, redundancy, top] = own;
    const weighed = { redundant: redundancy * count, top: top * count };
    return { equal, largest, absolute, squares, product, own: length, ...weighed };
  });
  const pairs = [...numbers.subarray(5 + 8 * models, numbersOf(models))];
  return { count, nonfinite, base, conflicts, changed, combined, others, pairs };
}

export function noSums(models: number): Sums {
  return readSums(new Float64Array(numbersOf(models)), models, 0);
}

/** Adds a tensor's sums to those of a model; both have the same models. */
export function addSums(to: Sums, more: Sums): void {
  for (const key of ["count", "nonfinite", "base", "conflicts", "changed", "combined"] as const) {
    to[key] += more[key];
  }
  to.others.forEach((own, m) => {
    const other = more.others[m];
    for (const key of Object.keys(own) as (keyof OtherSums)[]) {
      own[key] = key === "largest" ? Math.max(own[key], other[key]) : own[key] + other[key];
    }
  });
  more.pairs.forEach((product, k) => {
    to.pairs[k] += product;
  });
}

function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

/** Of equal vectors 1 exactly, and never beyond, where rounding would take it. */
function cosine(product: number, a: number, b: number): number | null {
  if (!(a > 0 && b > 0)) return null;
  return Math.min(1, Math.max(-1, product / Math.sqrt(a * b)));
}

/** The figures of one of the others; `task`: the reference is a base. */
export function differenceOf(
  { count, nonfinite, base, others }: Sums,
  m: number,
  task: boolean,
): Omit<TensorDifference, "model" | "identical"> {
  const of = others[m];
  const counted = count - nonfinite;
  const changes = task && of.squares > 0;
  return {
    equal: count === 0 ? 1 : of.equal / count,
    maxDelta: of.largest,
    meanDelta: counted > 0 ? of.absolute / counted : 0,
    relativeL2: share(Math.sqrt(of.squares), Math.sqrt(base)),
    cosine: cosine(of.product, base, of.own),
    redundancy: changes ? share(of.redundant, count) : null,
    top20: changes ? share(of.top, count) : null,
  };
}

/** The figures of all together; `positions`: of the others in the matrix of `size` rows. */
export function togetherOf(
  sums: Sums,
  task: boolean,
  positions: readonly number[],
  size: number,
): TensorTogether {
  const { count, nonfinite, conflicts, changed, combined, others } = sums;
  const several = task && others.length > 1;
  const magnitude = others.reduce((sum, { absolute }) => sum + absolute, 0);
  return {
    nonfinite,
    signConflicts: several ? share(conflicts, count) : null,
    changed: task ? share(changed, count) : null,
    cancelled: several && magnitude > 0 ? Math.max(0, 1 - combined / magnitude) : null,
    cosines: cosinesOf(sums, task, positions, size),
  };
}

function cosinesOf(
  { base, others, pairs }: Sums,
  task: boolean,
  positions: readonly number[],
  size: number,
): (number | null)[][] {
  const matrix = Array.from({ length: size }, () => Array<number | null>(size).fill(null));
  const set = (i: number, j: number, value: number | null) => {
    matrix[i][j] = value;
    matrix[j][i] = value;
  };
  const lengths = others.map(({ squares, own }) => (task ? squares : own));
  let pair = 0;
  positions.forEach((at, i) => {
    set(at, at, lengths[i] > 0 ? 1 : null);
    for (let j = i + 1; j < positions.length; j++) {
      set(at, positions[j], cosine(pairs[pair++], lengths[i], lengths[j]));
    }
  });
  if (task) return matrix;
  set(0, 0, base > 0 ? 1 : null);
  positions.forEach((at, i) => {
    set(0, at, cosine(others[i].product, base, others[i].own));
  });
  return matrix;
}
