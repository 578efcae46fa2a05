/**
 * Results of mergekit 0.1.4 (torch 2.13, CPU, one thread, fp32 unless noted) on tensors of eight
 * elements. Weights are 0.6 for A and 0.4 for B, density is 0.5, gamma 0.125 and epsilon 0.1, where
 * a vector does not say otherwise; the random ones were made with seed 0.
 */

/** Shape of every tensor. */
export const SHAPE: readonly number[] = [2, 4];

/** `base`; A and B are it plus a delta; the last is B − 2·A. */
export const TENSORS: Readonly<Record<string, readonly number[]>> = {
  base: [0.5, -1, 0.25, 2, -0.75, 1.5, 0, -0.125],
  A: [0.625, -0.5, 0.1875, 2.25, -1.125, 1.5, 0.75, -0.15625],
  B: [0.25, -0.625, 0.4375, 2, -0.25, 1.375, 0.625, -0.1171875],
  "B-2A": [-1, 0.375, 0.0625, -2.5, 2, -1.625, -0.875, 0.1953125],
};

type Values = Readonly<Record<string, number | boolean>>;

export interface Vector {
  name: string;
  method: string;
  /** Models in the order of the recipe, with their parameters. */
  models: Readonly<Record<string, Values>>;
  base?: string;
  parameters?: Values;
  dtype?: "bfloat16";
  /** mergekit's result: shortest decimals that give the binary32 values. */
  expected: string;
  /** The formula in binary64, where mergekit's rounding shows; `expected` then binds in norm. */
  exact?: string;
}

const AB = { A: {}, B: {} };
const WEIGHTED = { A: { weight: 0.6 }, B: { weight: 0.4 } };
const HEAVY = { A: { weight: 0.9 }, B: { weight: 0.4 } };
const HALVED = { A: { weight: 0.6, density: 0.5 }, B: { weight: 0.4, density: 0.5 } };
const GAMMA = { gamma: 0.125 };
const EPSILON = { epsilon: 0.1 };

const AVERAGES: readonly Vector[] = [
  {
    name: "linear",
    method: "linear",
    models: WEIGHTED,
    expected: "0.475 -0.55 0.2875 2.15 -0.77500004 1.45 0.70000005 -0.140625",
  },
  {
    name: "linear, w .9/.4",
    method: "linear",
    models: HEAVY,
    expected:
      "0.5096154 -0.53846157 0.26442307 2.1730769 -0.8557692 1.4615384 0.71153843 -0.14423077",
  },
  {
    name: "linear, w .9/.4, normalize false, bf16",
    method: "linear",
    models: HEAVY,
    parameters: { normalize: false },
    dtype: "bfloat16",
    expected: "0.6640625 -0.69921875 0.34375 2.8125 -1.109375 1.890625 0.921875 -0.1875",
  },
];

const SPHERES: readonly Vector[] = [
  {
    name: "slerp t=.35",
    method: "slerp",
    base: "A",
    models: AB,
    parameters: { t: 0.35 },
    expected: "0.49909243 -0.5502659 0.278515 2.1875355 -0.8273113 1.4731601 0.7143754 -0.14420223",
  },
  {
    // Nearly opposite: mergekit's cosine in binary32, 5e-8 off, moves the result by 6e-6.
    name: "slerp t=.35, other B−2A",
    method: "slerp",
    base: "A",
    models: { A: {}, "B-2A": {} },
    parameters: { t: 0.35 },
    expected:
      "-1.2184594 -0.7087772 1.0704267 -0.029044151 2.9854832 0.14569092 -0.17473483 0.08798224",
    exact:
      "-1.2184568 -0.70877627 1.070425 -0.029042379 2.9854771 0.14569152 -0.1747339 0.087981992",
  },
  {
    name: "nuslerp flatten",
    method: "nuslerp",
    models: WEIGHTED,
    expected:
      "0.4805599 -0.55690026 0.29125965 2.1763628 -0.7838538 1.4678156 0.7085472 -0.14233053",
  },
  {
    name: "nuslerp flatten=false",
    method: "nuslerp",
    models: WEIGHTED,
    parameters: { nuslerp_flatten: false },
    expected: "0.4773565 -0.55292416 0.2890931 2.1611724 -0.7909657 1.4821337 0.7154161 -0.1437011",
  },
  {
    name: "nuslerp flatten=false row_wise",
    method: "nuslerp",
    models: WEIGHTED,
    parameters: { nuslerp_flatten: false, nuslerp_row_wise: true },
    expected: "0.47921544 -0.5507378 0.29245245 2.15003 -0.781713 1.4519049 0.71125793 -0.14062694",
  },
  {
    name: "nuslerp flatten with base",
    method: "nuslerp",
    base: "base",
    models: WEIGHTED,
    expected:
      "0.4662757 -0.47480386 0.29686642 2.1725852 -0.768844 1.4399915 0.81779844 -0.14282264",
  },
  {
    name: "multislerp",
    method: "multislerp",
    models: WEIGHTED,
    expected:
      "0.46837214 -0.5659525 0.30364072 2.181152 -0.7530676 1.4728519 0.70830023 -0.14170302",
  },
  {
    name: "multislerp with base",
    method: "multislerp",
    base: "base",
    models: WEIGHTED,
    expected:
      "0.46295667 -0.4760065 0.2990747 2.1703377 -0.7610821 1.4388939 0.81654334 -0.14247307",
  },
  {
    name: "karcher (A,B)",
    method: "karcher",
    models: AB,
    expected:
      "0.4301111 -0.5792885 0.32964474 2.1571522 -0.6635179 1.4611602 0.6959919 -0.13779244",
  },
  {
    name: "karcher (A,B,base)",
    method: "karcher",
    models: { A: {}, B: {}, base: {} },
    expected:
      "0.45823297 -0.72908473 0.3055925 2.1243634 -0.6995748 1.4887275 0.46434006 -0.13475315",
  },
];

const TASKS: readonly Vector[] = [
  {
    name: "task_arithmetic",
    method: "task_arithmetic",
    base: "base",
    models: WEIGHTED,
    expected: "0.475 -0.54999995 0.2875 2.15 -0.775 1.45 0.70000005 -0.140625",
  },
  {
    name: "task_arithmetic, w .6/.9, normalize, lambda .5",
    method: "task_arithmetic",
    base: "base",
    models: { A: { weight: 0.6 }, B: { weight: 0.9 } },
    parameters: { normalize: true, lambda: 0.5 },
    expected: "0.45 -0.7875 0.29375 2.05 -0.675 1.4625 0.3375 -0.12890625",
  },
  {
    name: "ties",
    method: "ties",
    base: "base",
    models: HALVED,
    expected: "0.25 -0.54999995 0.25 2.25 -1.125 1.5 0.70000005 -0.125",
  },
  {
    name: "ties density 1",
    method: "ties",
    base: "base",
    models: WEIGHTED,
    parameters: { density: 1 },
    expected: "0.25 -0.54999995 0.4375 2.25 -1.125 1.375 0.70000005 -0.15625",
  },
  {
    name: "ties normalize false",
    method: "ties",
    base: "base",
    models: HALVED,
    parameters: { normalize: false },
    expected: "0.4 -0.54999995 0.25 2.15 -0.975 1.5 0.70000005 -0.125",
  },
  {
    name: "ties rescale true",
    method: "ties",
    base: "base",
    models: HALVED,
    parameters: { rescale: true },
    expected: "0.20424107 -0.48754466 0.25 2.2791667 -1.16875 1.5 0.7982589 -0.125",
  },
  {
    name: "ties, bf16",
    method: "ties",
    base: "base",
    models: HALVED,
    dtype: "bfloat16",
    expected: "0.25 -0.546875 0.25 2.25 -1.125 1.5 0.703125 -0.125",
  },
  {
    name: "breadcrumbs",
    method: "breadcrumbs",
    base: "base",
    models: HALVED,
    parameters: GAMMA,
    expected: "0.475 -0.54999995 0.325 2.15 -0.775 1.5 0.0 -0.125",
  },
  {
    name: "breadcrumbs_ties",
    method: "breadcrumbs_ties",
    base: "base",
    models: HALVED,
    parameters: GAMMA,
    expected: "0.4 -0.54999995 0.325 2.15 -0.975 1.5 0.0 -0.125",
  },
  {
    // Quirk 7: where gamma rounds to no outlier at all, mergekit drops the whole delta and returns
    // the base. Here no outlier is removed: each delta keeps its four largest elements.
    name: "breadcrumbs gamma .01 (quirk 7)",
    method: "breadcrumbs",
    base: "base",
    models: HALVED,
    parameters: { gamma: 0.01 },
    expected: "0.4 -0.55 0.25 2.15 -0.775 1.5 0.7 -0.125",
  },
];

const RANDOM: readonly Vector[] = [
  {
    name: "dare_linear",
    method: "dare_linear",
    base: "base",
    models: HALVED,
    expected: "0.47781482 -1.0 0.29176387 2.201 -0.80612963 1.4386574 0.90971303 -0.125",
  },
  {
    name: "dare_linear rescale false",
    method: "dare_linear",
    base: "base",
    models: HALVED,
    parameters: { rescale: false },
    expected: "0.475 -1.0 0.2875 2.15 -0.775 1.45 0.70000005 -0.125",
  },
  {
    name: "dare_ties",
    method: "dare_ties",
    base: "base",
    models: HALVED,
    expected: "0.3773148 -1.0 0.3420139 2.201 -1.0515001 1.4386574 0.90971303 -0.125",
  },
  {
    name: "della",
    method: "della",
    base: "base",
    models: HALVED,
    parameters: EPSILON,
    expected: "0.19328704 -1.0 0.4800347 2.3641305 -1.2961956 1.3466436 0.9621477 -0.125",
  },
  {
    name: "della_linear",
    method: "della_linear",
    base: "base",
    models: HALVED,
    parameters: EPSILON,
    expected: "0.3773148 -1.0 0.28739432 2.2184782 -0.83234704 1.4386574 0.9621477 -0.125",
  },
];

const OTHERS: readonly Vector[] = [
  {
    name: "model_stock",
    method: "model_stock",
    base: "base",
    models: AB,
    expected:
      "0.46168548 -0.7317983 0.28831452 2.0766292 -0.7116855 1.4616854 0.42145982 -0.13218397",
  },
  {
    name: "model_stock filter_wise",
    method: "model_stock",
    base: "base",
    models: AB,
    parameters: { filter_wise: true },
    expected:
      "0.4575715 -0.70300055 0.2924285 2.084857 -0.7134409 1.4634409 0.40215048 -0.13185483",
  },
  {
    name: "nearswap t=.1 (base, A)",
    method: "nearswap",
    base: "base",
    models: { A: {} },
    parameters: { t: 0.1 },
    expected: "0.6 -0.90000004 0.1875 2.1000001 -0.85 1.5 0.10000001 -0.15625",
  },
  {
    name: "arcee_fusion (base, A)",
    method: "arcee_fusion",
    base: "base",
    models: { A: {} },
    expected: "0.5 -1.0 0.25 2.0 -1.125 1.5 0.75 -0.125",
  },
  {
    name: "sce topk 1",
    method: "sce",
    base: "base",
    models: AB,
    parameters: { select_topk: 1 },
    expected: "0.25 -0.5579182 0.4375 2.25 -0.25 1.375 0.69208187 -0.15625",
  },
  {
    name: "sce topk .5",
    method: "sce",
    base: "base",
    models: AB,
    parameters: { select_topk: 0.5 },
    expected: "0.25 -1.0 0.4375 2.25 -0.25 1.5 0.0 -0.125",
  },
  {
    name: "ram",
    method: "ram",
    base: "base",
    models: AB,
    expected: "0.4375 -0.5625 0.3125 2.25 -0.6875 1.375 0.6875 -0.13671875",
  },
  {
    name: "ramplus_tl",
    method: "ramplus_tl",
    base: "base",
    models: AB,
    expected: "0.4375 -0.5625 0.3125 2.255 -0.6875 1.3725 0.6875 -0.13671875",
  },
  {
    name: "ramplus_tl r .5 alpha 1",
    method: "ramplus_tl",
    base: "base",
    models: AB,
    parameters: { r: 0.5, alpha: 1 },
    expected: "0.4375 -0.5625 0.3125 2.375 -0.6875 1.3125 0.6875 -0.13671875",
  },
];

export const VECTORS: readonly Vector[] = [...AVERAGES, ...SPHERES, ...TASKS, ...RANDOM, ...OTHERS];
