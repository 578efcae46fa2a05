/** Whether two tokenizers give the same numbers to the same tokens. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { readCompanion } from "./companions.ts";

/** Files that hold a vocabulary where there is no tokenizer.json. */
const OLDER = ["tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "added_tokens.json"];

/**
 * Text that is equal for equal vocabularies: tokens with their numbers from tokenizer.json, added
 * ones too, or else the bytes of older vocabulary files. Undefined when the folder has neither.
 */
export function vocabularyPrint(folder: string): string | undefined {
  const whole = readCompanion(join(folder, "tokenizer.json"));
  const tokens = whole === undefined ? undefined : tokensOf(whole);
  if (tokens !== undefined) {
    const hash = createHash("sha256");
    for (const token of [...tokens.keys()].sort()) {
      hash.update(`${JSON.stringify(token)} ${tokens.get(token)}\n`);
    }
    return `tokens ${hash.digest("hex")}`;
  }
  const hash = createHash("sha256");
  let found = false;
  for (const name of ["tokenizer.json", ...OLDER]) {
    const bytes = readCompanion(join(folder, name));
    if (bytes === undefined) continue;
    found = true;
    hash.update(`${name} ${bytes.byteLength}\n`).update(bytes);
  }
  return found ? `files ${hash.digest("hex")}` : undefined;
}

/** Tokens by their text; undefined when this is not a tokenizer.json of a known form. */
function tokensOf(bytes: Uint8Array): Map<string, number> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  const { model, added_tokens: added } = (value ?? {}) as Record<string, unknown>;
  const vocabulary = (model as { vocab?: unknown } | undefined)?.vocab;
  const tokens = new Map<string, number>();
  if (Array.isArray(vocabulary)) {
    vocabulary.forEach((entry, i) => {
      tokens.set(String(Array.isArray(entry) ? entry[0] : entry), i);
    });
  } else if (typeof vocabulary === "object" && vocabulary !== null) {
    for (const [token, id] of Object.entries(vocabulary)) tokens.set(token, Number(id));
  } else {
    return undefined;
  }
  for (const each of Array.isArray(added) ? added : []) {
    const { content, id } = (each ?? {}) as { content?: unknown; id?: unknown };
    if (typeof content === "string") tokens.set(content, Number(id));
  }
  return tokens;
}
