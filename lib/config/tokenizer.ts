import { type Check, defined, entry, isRecord, list } from "./check.ts";
import { booleanWord } from "./dialect.ts";
import { join } from "./document.ts";
import { readReference } from "./reference.ts";
import { readNumber } from "./setting.ts";
import type { TokenizerSetting, TokenizerSource, TokenSetting, TokenSource } from "./types.ts";

const TEMPLATES = ["auto", "alpaca", "chatml", "exaone", "llama3", "mistral"];

/** Reads `tokenizer_source`: `union`, `base`, or a model. */
export function readTokenizerSource(check: Check, value: unknown, path: string): TokenizerSource {
  return value === "union" || value === "base" ? value : readReference(check, value, path);
}

/** Reads the `tokenizer` section. */
export function readTokenizer(check: Check, value: unknown, path: string): TokenizerSetting {
  const record = check.mapping(value, path, ["source", "tokens", "pad_to_multiple_of"]) ?? {};
  const source = entry(record, "source");
  const tokens = entry(record, "tokens");
  const padding = entry(record, "pad_to_multiple_of");
  return defined({
    source:
      source === undefined ? undefined : readTokenizerSource(check, source, join(path, "source")),
    tokens: tokens === undefined ? undefined : readTokens(check, tokens, join(path, "tokens")),
    padToMultipleOf:
      padding === undefined
        ? undefined
        : readCount(check, padding, join(path, "pad_to_multiple_of"), 1),
  });
}

/** Reads `chat_template`: `auto`, the name of a bundled template, or a template's text. */
export function readChatTemplate(check: Check, value: unknown, path: string): string | undefined {
  const expected = `${list(TEMPLATES)}, or a Jinja template of at least 20 characters`;
  const text = check.text(value, path, expected);
  if (text === undefined || TEMPLATES.includes(text)) return text;
  if (text.length >= 20 && text.includes("{")) return text;
  check.mismatch(path, expected, text);
  return undefined;
}

function readTokens(check: Check, value: unknown, path: string): Record<string, TokenSetting> {
  const tokens: Record<string, TokenSetting> = Object.create(null);
  for (const [token, setting] of Object.entries(check.mapping(value, path) ?? {})) {
    tokens[token] = readToken(check, setting, join(path, token));
  }
  return tokens;
}

function readToken(check: Check, value: unknown, path: string): TokenSetting {
  const record = check.mapping(value, path, ["source", "force"]) ?? {};
  const source = entry(record, "source");
  const force = entry(record, "force");
  return defined({
    source: source === undefined ? undefined : readTokenSource(check, source, join(path, "source")),
    force: force === undefined ? false : readFlag(check, force, join(path, "force")),
  });
}

function readTokenSource(check: Check, value: unknown, path: string): TokenSource | undefined {
  if (!isRecord(value) || !("kind" in value)) {
    return { kind: "model", model: readReference(check, value, path) };
  }
  if (value.kind === "zero") {
    check.mapping(value, path, ["kind"]);
    return { kind: "zero" };
  }
  if (value.kind === "model_token") return readModelToken(check, value, path);
  check.mismatch(join(path, "kind"), "`zero` or `model_token`", value.kind);
  return undefined;
}

function readModelToken(check: Check, value: unknown, path: string): TokenSource | undefined {
  const record = check.mapping(value, path, ["kind", "model", "token", "token_id"])!;
  const token = entry(record, "token");
  const id = entry(record, "token_id");
  if ((token === undefined) === (id === undefined)) {
    const code = token === undefined ? "MISSING_KEY" : "CONFLICTING_KEYS";
    check.fail(code, path, "expected exactly one of `token` and `token_id`");
  }
  const model = entry(record, "model");
  if (model === undefined) {
    check.fail("MISSING_KEY", path, "expected a key `model`");
    return undefined;
  }
  return defined({
    kind: "model_token" as const,
    model: readReference(check, model, join(path, "model")),
    token: token === undefined ? undefined : check.text(token, join(path, "token"), "a token"),
    tokenId: id === undefined ? undefined : readCount(check, id, join(path, "token_id"), 0),
  });
}

function readCount(check: Check, value: unknown, path: string, min: number): number | undefined {
  const about = "a count or an index";
  return readNumber(check, value, path, {
    name: path,
    scope: "global",
    type: "integer",
    min,
    about,
  });
}

function readFlag(check: Check, value: unknown, path: string): boolean {
  const word = booleanWord(check.document.written.get(path) ?? "");
  if (typeof value === "boolean" || word !== undefined) return word ?? value === true;
  check.mismatch(path, "true or false", value);
  return false;
}
