/** Two small models of two shards each, and a recipe that merges them into two shards. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serializeHeader } from "../../dist/format/header.js";

const LAYERS = 2;
const [ROWS, COLUMNS] = [16, 24];
const BYTES = 4 * ROWS * COLUMNS;

function tensorNames() {
  return Array.from({ length: LAYERS }, (_, i) => `model.layers.${i}.mlp.up_proj.weight`);
}

function stored(seed) {
  const values = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => Math.sin(i * seed));
  return Buffer.from(values.buffer);
}

function writeShard(folder, index, name, seed) {
  const entry = { name, dtype: "F32", shape: [ROWS, COLUMNS], begin: 0, end: BYTES };
  const file = `model-0000${index + 1}-of-0000${LAYERS}.safetensors`;
  const header = serializeHeader([entry], new Map([["format", "pt"]]));
  writeFileSync(join(folder, file), Buffer.concat([header, stored(seed + index)]));
  return file;
}

function writeModel(folder, seed) {
  mkdirSync(folder, { recursive: true });
  const shards = tensorNames().map((name, i) => [name, writeShard(folder, i, name, seed)]);
  const index = {
    metadata: { total_size: LAYERS * BYTES },
    weight_map: Object.fromEntries(shards),
  };
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
  const config = { architectures: ["LlamaForCausalLM"], num_hidden_layers: LAYERS };
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, torch_dtype: "float32" }));
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ version: "1.0", seed }));
}

/** Bytes of tensors after which the output begins another shard. */
export const SHARD_SIZE = BYTES;

/** Writes models and recipe below `root`; returns the recipe's path. */
export function writeFixture(root) {
  writeModel(join(root, "a"), 1);
  writeModel(join(root, "b"), 2);
  const recipe = join(root, "recipe.yml");
  const models = ["a", "b"].map((name) => `  - model: ${join(root, name)}\n`).join("");
  writeFileSync(recipe, `merge_method: linear\nparameters:\n  weight: 1\nmodels:\n${models}`);
  return recipe;
}
