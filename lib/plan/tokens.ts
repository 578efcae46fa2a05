/** What a recipe asks of the output's tokenizer and chat template, as far as it is built. */
import { CHATML, readChatTemplate } from "../assets/chat_template.ts";
import { vocabularyPrint } from "../assets/vocabulary.ts";
import { formatReference, sameReference } from "../config/reference.ts";
import type { ModelReference, Recipe, TokenizerSetting } from "../config/types.ts";
import { type Problem, printable, problem } from "../errors.ts";
import type { Model } from "../format/model.ts";
import type { ModelList } from "./slices.ts";
import type { OpenedModels } from "./sources.ts";

export interface Tokens {
  /** Text of the chat template; undefined when the donor's is kept. */
  chatTemplate?: string;
  /** Folder that the tokenizer's files come from, when it is not the donor's. */
  tokenizer?: string;
  notes: string[];
}

interface Surroundings {
  donor: Model;
  opened: OpenedModels;
  list: ModelList;
  problems: Problem[];
}

const LATER = "merging tokenizers is not built yet; leave it out to copy the base's tokenizer";

/** Settles both settings; what is not built yet becomes a problem at its place. */
export function settleTokens(recipe: Recipe, around: Surroundings): Tokens {
  const tokens: Tokens = { notes: [] };
  settleTokenizer(recipe, tokens, around);
  settleChatTemplate(recipe, tokens, around);
  return tokens;
}

function settleTokenizer(recipe: Recipe, tokens: Tokens, around: Surroundings): void {
  const setting: TokenizerSetting | undefined =
    recipe.tokenizer ??
    (recipe.tokenizerSource === undefined ? undefined : { source: recipe.tokenizerSource });
  if (setting === undefined) return;
  const key = recipe.tokenizer === undefined ? "tokenizer_source" : "tokenizer";
  const refuse = (at: string, message: string): void => {
    around.problems.push(problem("UNSUPPORTED", message, LATER, recipe.places[at]));
  };
  if (Object.keys(setting.tokens ?? {}).length > 0) {
    refuse("tokenizer.tokens", "tokenizer.tokens: rows cannot be chosen for single tokens yet");
  } else if (setting.padToMultipleOf !== undefined) {
    refuse("tokenizer.pad_to_multiple_of", "tokenizer.pad_to_multiple_of: no rows are added yet");
  } else {
    const at = recipe.places[`${key}.source`] === undefined ? key : `${key}.source`;
    const fault = copyTokenizer(setting.source ?? "union", key, tokens, around);
    if (fault !== undefined) refuse(at, `${key}: ${fault}`);
  }
}

/** Takes one model's tokenizer where all vocabularies are the same; else says why not. */
function copyTokenizer(
  source: "union" | "base" | ModelReference,
  key: string,
  tokens: Tokens,
  { donor, opened, list }: Surroundings,
): string | undefined {
  const lead = typeof source === "string" ? donor : opened.get(formatReference(source));
  if (lead === undefined) return "the source must be one of the merged models so far";
  const wanted = vocabularyPrint(lead.directory);
  if (wanted === undefined) return `${printable(lead.path)} has no tokenizer files that are known`;
  for (const reference of list.references) {
    const model = opened.get(formatReference(reference)) as Model;
    if (vocabularyPrint(model.directory) === wanted) continue;
    const pair = `${printable(model.path)} and ${printable(lead.path)}`;
    return `the vocabularies of ${pair} differ`;
  }
  if (lead.directory !== donor.directory) tokens.tokenizer = lead.directory;
  const path = printable(lead.path);
  tokens.notes.push(`${key}: all models have one vocabulary; the tokenizer of ${path} is copied`);
  return undefined;
}

const BUNDLED = ["alpaca", "exaone", "llama3", "mistral"];

function settleChatTemplate(recipe: Recipe, tokens: Tokens, around: Surroundings): void {
  const { chatTemplate: setting } = recipe;
  if (setting === undefined) return;
  if (setting === "auto") {
    const found = mostFrequent(recipe, around);
    if (found !== undefined) tokens.chatTemplate = found;
    else tokens.notes.push("chat_template: auto has no effect, for no model has a chat template");
  } else if (BUNDLED.includes(setting)) {
    const message = `chat_template: the template named ${setting} is not bundled yet`;
    const hint = "write out its text, or name chatml or auto";
    const place = recipe.places.chat_template;
    around.problems.push(problem("UNSUPPORTED", message, hint, place));
  } else {
    tokens.chatTemplate = setting === "chatml" ? CHATML : setting;
  }
}

/** The template that most models have; of equally frequent ones, the first in the recipe. */
function mostFrequent(recipe: Recipe, { opened, list }: Surroundings): string | undefined {
  const base = recipe.baseModel;
  const outside = base === undefined || list.references.some((each) => sameReference(each, base));
  const all = outside ? list.references : [...list.references, base];
  const counts = new Map<string, number>();
  for (const key of new Set(all.map(formatReference))) {
    const text = readChatTemplate((opened.get(key) as Model).directory)?.trim();
    if (text) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  let best: string | undefined;
  for (const [text, count] of counts) if (count > (counts.get(best ?? "") ?? 0)) best = text;
  return best;
}
