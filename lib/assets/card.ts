import { formatReference } from "../config/reference.ts";
import type { ModelReference } from "../config/types.ts";
import { printable } from "../errors.ts";
import type { CardModel } from "./types.ts";

/** What the model card tells. */
export interface Card {
  /** Heading; by default the method's title. */
  name?: string | undefined;
  methodTitle: string;
  /** Paper or tool that defines the method; a link when it holds an https address. */
  methodSource: string;
  /** In recipe order. */
  models: readonly CardModel[];
  /** The recipe as YAML, and the name of the file that holds it. */
  recipe: { text: string; file: string };
  seed: string;
  version: string;
}

/** Text of README.md: front matter for the hub, what was merged, and how to merge it again. */
export function modelCard(card: Card): string {
  const { recipe, version } = card;
  const models = card.models.map(({ reference }) => `- ${showModel(reference)}`);
  const command = `npx weightloom@${version} merge ${recipe.file} out/`;
  return [
    frontMatter(card.models),
    `# ${escapeText(card.name ?? `${card.methodTitle} merge`)}`,
    summary(card),
    "## Models",
    [...new Set(models)].join("\n"),
    "## Recipe",
    fence("yaml", recipe.text),
    "## Reproduce",
    "The same inputs, recipe and seed give the same bytes on every machine:",
    fence("sh", command),
    `Seed ${code(card.seed)}, weightloom ${code(version)}.\n`,
  ].join("\n\n");
}

function frontMatter(models: readonly CardModel[]): string {
  const names = models.flatMap(({ reference: { path, lora } }) => [path, lora?.path ?? ""]);
  const hub = [...new Set(names.filter(isHubName))];
  const base = hub.length === 0 ? [] : ["base_model:", ...hub.map((name) => `- ${name}`)];
  const tags = ["tags:", "- weightloom", "- mergekit", "- merge"];
  return ["---", ...base, "library_name: transformers", ...tags, "---"].join("\n");
}

/** Whether this is `owner/name` as the hub spells it. Such a name is plain in YAML and markdown. */
export function isHubName(path: string): boolean {
  return (
    /^[A-Za-z0-9](?:[\w.-]{0,94}[\w])?\/\w(?:[\w.-]{0,94}\w)?$/.test(path) &&
    !/--|\.\.|\.git$/.test(path)
  );
}

function summary({ methodTitle, methodSource, models }: Card): string {
  const bases = models.filter(({ base }) => base).map(({ reference }) => showModel(reference));
  const base = bases.length === 0 ? "" : `, using ${[...new Set(bases)].join(" and ")} as a base`;
  const address = /https:\/\/[^\s<>()[\]]*[^\s<>()[\].,;]/.exec(methodSource)?.[0];
  const title = escapeText(methodTitle);
  const method = address === undefined ? title : `[${title}](${address})`;
  return `This model is a merge, made with weightloom by the method ${method}${base}.`;
}

function showModel(reference: ModelReference): string {
  const text = formatReference(reference);
  if (!isHubName(reference.path)) return code(text);
  return `[${escapeText(text)}](https://huggingface.co/${reference.path})`;
}

/** Text as a code span, in which nothing is markup. */
function code(text: string): string {
  const shown = printable(text);
  const ticks = "`".repeat(longestRun(shown) + 1);
  const pad = /^[` ]|[` ]$/.test(shown) ? " " : "";
  return `${ticks}${pad}${shown}${pad}${ticks}`;
}

function escapeText(text: string): string {
  return printable(text).replace(/[!-/:-@[-`{-~]/g, (c) => (/[-.,/]/.test(c) ? c : `\\${c}`));
}

/** A fenced block, its fence longer than any run of backticks inside. */
function fence(language: string, text: string): string {
  const ticks = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${ticks}${language}\n${text}${/[\r\n]$/.test(text) ? "" : "\n"}${ticks}`;
}

function longestRun(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((longest, run) => Math.max(longest, run.length), 0);
}
