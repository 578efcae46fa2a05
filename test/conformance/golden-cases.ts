/** The golden merges of mergekit in `test/fixtures/mergekit-golden`, and how to run them. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { merge } from "../../lib/merge.ts";
import { type OpenedModel, openModel } from "../../lib/model.ts";

const GOLDEN = join(import.meta.dirname, "../fixtures/mergekit-golden");
const MODELS = join(import.meta.dirname, "../../examples/models");

/** What `meta.json` tells of one output tensor; sums and norms have eight digits. */
export interface TensorFacts {
  shape: number[];
  sum: number;
  l2: number;
  absmax: number;
  at: [index: number, value: number][];
}

export interface GoldenCase {
  name: string;
  config: string;
  meta: {
    random_seed: number | null;
    out_dtype: "float32" | "bfloat16";
    undetermined_elements?: Record<string, number>;
    tensors: Record<string, TensorFacts>;
  };
  /** Opens a `.safetensors` file of the case. */
  open(file: string): OpenedModel;
}

function readCase(name: string): GoldenCase {
  const text = (file: string) => readFileSync(join(GOLDEN, name, file), "utf8");
  return {
    name,
    config: text("config.yml"),
    meta: JSON.parse(text("meta.json")),
    open: (file) => openModel(join(GOLDEN, name, file)),
  };
}

/** One case for every folder that is there. */
export const CASES: readonly GoldenCase[] = readdirSync(GOLDEN, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => readCase(name))
  .sort((a, b) => (a.name < b.name ? -1 : 1));

export function exampleModel(name: string): OpenedModel {
  return openModel(join(MODELS, name));
}

/** Merges as the case's own recipe says, below `folder`, and opens the result. */
export async function runCase(
  { name, config, meta }: GoldenCase,
  backend: "native" | "reference",
  folder: string,
): Promise<OpenedModel> {
  const place = mkdtempSync(join(folder, `${name}-`));
  const recipe = join(place, "config.yml");
  writeFileSync(recipe, config.replaceAll("../../tiny-family", MODELS));
  const seed = meta.random_seed;
  const random = seed === null ? {} : { seed, random: "torch-cpu" as const };
  const out = join(place, "out");
  await merge(recipe, { out, backend, sync: false, ...random });
  return openModel(out);
}
