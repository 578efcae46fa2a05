import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readRegularFile, refuse, systemFault } from "../format/file.ts";
import type { CopiedFile } from "./types.ts";

/** Largest companion file that is copied. */
export const MAX_COMPANION: number = 512 * 2 ** 20;

const NAMES: ReadonlySet<string> = new Set([
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
  "merges.txt",
  "preprocessor_config.json",
  "processor_config.json",
  "sentencepiece.bpe.model",
  "special_tokens_map.json",
  "spiece.model",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "video_preprocessor_config.json",
  "vocab.json",
  "vocab.txt",
]);

/** Those of them that make up the tokenizer. */
const TOKENIZER: ReadonlySet<string> = new Set([
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "merges.txt",
  "sentencepiece.bpe.model",
  "special_tokens_map.json",
  "spiece.model",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "vocab.json",
  "vocab.txt",
]);

/** Whether a companion file is one of a tokenizer's. */
export function isTokenizerFile(name: string): boolean {
  return TOKENIZER.has(name);
}

/** Bytes of a companion file; undefined when there is none of this path. */
export function readCompanion(path: string): Uint8Array | undefined {
  return existsSync(path) && isCompanion(path, true) ? readRegularFile(path) : undefined;
}

/** Code that a config refers to, which is copied and never run. */
const CODE =
  /^(?:configuration|feature_extraction|generation|image_processing|modeling|processing|tokenization|video_processing)_\w{1,80}\.py$/;
const LEGAL = /^(?:LICENSE|NOTICE)(?:[-._][\w.-]{1,80})?$/;

/**
 * Files of the donor directory that belong to every output, by name: tokenizer, processors,
 * generation settings, chat template, remote code, licence. Links are followed. Throws when one of
 * the fixed names is not a readable regular file, or when a file exceeds `MAX_COMPANION`;
 * code and licences that are not regular files are left out.
 */
export function findCompanions(donor: string): CopiedFile[] {
  return list(donor)
    .filter((name) => NAMES.has(name) || CODE.test(name) || LEGAL.test(name))
    .sort()
    .filter((name) => isCompanion(join(donor, name), NAMES.has(name)))
    .map((name) => ({ name, bytes: { copyFrom: join(donor, name) } }));
}

function list(donor: string): string[] {
  try {
    return readdirSync(donor);
  } catch (cause) {
    throw systemFault(cause, donor, "MODEL_NOT_FOUND");
  }
}

function isCompanion(path: string, required: boolean): boolean {
  const stat = follow(path);
  if (!stat.isFile()) {
    if (!required) return false;
    const message = "expected a regular file, found a directory, pipe or device";
    return refuse("NOT_A_FILE", message, path);
  }
  if (stat.size <= MAX_COMPANION) return true;
  const message = `expected a companion file of at most ${MAX_COMPANION} bytes`;
  return refuse("UNSUPPORTED", `${message}, found ${stat.size}`, path);
}

function follow(path: string) {
  try {
    return statSync(path);
  } catch (cause) {
    throw systemFault(cause, path, "FILE_UNREADABLE");
  }
}
