import { join } from "node:path";
import { readCompanion } from "./companions.ts";
import { applyEdits, type Member, membersAt, skipSpace } from "./spans.ts";

/** The form in which every message stands between `<|im_start|>` and `<|im_end|>`. */
export const CHATML: string = [
  "{%- for message in messages -%}",
  "{{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' -}}",
  "{%- endfor -%}",
  "{%- if add_generation_prompt -%}",
  "{{- '<|im_start|>assistant\\n' -}}",
  "{%- endif -%}",
].join("\n");

/** Chat template of a model: chat_template.jinja, else the one in tokenizer_config.json. */
export function readChatTemplate(folder: string): string | undefined {
  const own = readCompanion(join(folder, "chat_template.jinja"));
  if (own !== undefined) return new TextDecoder().decode(own);
  const config = readCompanion(join(folder, "tokenizer_config.json"));
  if (config === undefined) return undefined;
  try {
    const template = JSON.parse(new TextDecoder().decode(config))?.chat_template;
    if (!Array.isArray(template)) return typeof template === "string" ? template : undefined;
    const named = template.find((each) => each?.name === "default")?.template;
    return typeof named === "string" ? named : undefined;
  } catch {
    return undefined;
  }
}

/** A tokenizer_config.json with another chat template, where it has one; else as it is. */
export function patchTokenizerConfig(text: string, template: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const start = skipSpace(text, 0);
  if (text[start] !== "{") return text;
  const edits = membersAt(text, start)
    .filter(({ name }: Member) => name === "chat_template")
    .map(({ value }) => ({ ...value, text: JSON.stringify(template) }));
  return applyEdits(text, edits);
}
