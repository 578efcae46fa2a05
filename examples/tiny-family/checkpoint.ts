import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openModel } from "weightloom";
import { Llama, type LlamaConfig } from "./llama.ts";
import { Tokenizer } from "./tokenizer.ts";

/** A model that is ready to run, with its tokenizer. */
export interface Checkpoint {
  llama: Llama;
  tokenizer: Tokenizer;
}

/** Loads a model folder in Hugging Face format. */
export function loadCheckpoint(folder: string): Checkpoint {
  const model = openModel(folder);
  if (model.config === undefined) throw new Error(`${folder} has no config.json`);
  const config = model.config.value as unknown as LlamaConfig;
  const tokenizer = JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8"));
  return {
    llama: new Llama(config, (name) => model.read(name)),
    tokenizer: new Tokenizer(tokenizer),
  };
}
