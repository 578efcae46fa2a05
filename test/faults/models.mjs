/** Two small models of a few shards each, and a recipe that merges them into as many. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serializeHeader } from "../../dist/format/header.js";

const [ROWS, COLUMNS] = [16, 24];
const BYTES = 4 * ROWS * COLUMNS;

function tensorNames(layers) {
  return Array.from({ length: layers }, (_, i) => `model.layers.${i}.mlp.up_proj.weight`);
}

function stored(seed) {
  const values = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => Math.sin(i * seed));
  return Buffer.from(values.buffer);
}

function writeShard(folder, index, layers, name, seed) {
  const entry = { name, dtype: "F32", shape: [ROWS, COLUMNS], begin: 0, end: BYTES };
  const file = `model-${digits(index + 1)}-of-${digits(layers)}.safetensors`;
  const header = serializeHeader([entry], new Map([["format", "pt"]]));
  writeFileSync(join(folder, file), Buffer.concat([header, stored(seed + index)]));
  return file;
}

function digits(n) {
  return String(n).padStart(5, "0");
}

function writeModel(folder, seed, layers) {
  mkdirSync(folder, { recursive: true });
  const shards = tensorNames(layers).map((name, i) => [
    name,
    writeShard(folder, i, layers, name, seed),
  ]);
  const index = {
    metadata: { total_size: layers * BYTES },
    weight_map: Object.fromEntries(shards),
  };
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
  const config = { architectures: ["LlamaForCausalLM"], num_hidden_layers: layers };
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, torch_dtype: "float32" }));
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ version: "1.0", seed }));
}

/** Bytes of tensors after which the output begins another shard. */
export const SHARD_SIZE = BYTES;

/** Writes models of so many shards, and a recipe, below `root`; returns the recipe's path. */
export function writeFixture(root, layers = 2) {
  writeModel(join(root, "a"), 1, layers);
  writeModel(join(root, "b"), 2, layers);
  const recipe = join(root, "recipe.yml");
  const models = ["a", "b"].map((name) => `  - model: ${join(root, name)}\n`).join("");
  writeFileSync(recipe, `merge_method: linear\nparameters:\n  weight: 1\nmodels:\n${models}`);
  return recipe;
}
