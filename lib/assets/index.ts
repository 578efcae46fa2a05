import { readRegularFile } from "../format/file.ts";
import type { Plan, PlanAssets } from "../plan/types.ts";
import type { StepResult } from "../run/work.ts";
import { modelCard } from "./card.ts";
import { patchTokenizerConfig } from "./chat_template.ts";
import { findCompanions, isTokenizerFile } from "./companions.ts";
import { patchConfig, readConfigText } from "./config.ts";
import { MANIFEST, ManifestDraft } from "./manifest.ts";
import { recipeYaml } from "./recipe.ts";
import { shardIndex } from "./shard_index.ts";
import { type AssetFile, type CardModel, type CopiedFile, textFile } from "./types.ts";

export type { AssetFile, CardModel } from "./types.ts";

/** Name that mergekit gives to the recipe in the output. */
const RECIPE = "mergekit_config.yml";

export interface MakeAssetsOptions extends DonorOptions {
  plan: Plan;
  /** What the backend said of the plan's steps, in their order. */
  results: readonly StepResult[];
  /** The manifest as drafted before. */
  draft?: ManifestDraft;
  /** YAML, which is kept as it is, or JSON. */
  recipeText: string;
  methodTitle: string;
  methodSource: string;
  version: string;
  /** In recipe order. */
  models: readonly CardModel[];
  /** Heading of the model card. */
  name?: string;
  /** Write README.md and mergekit_config.yml; default true. */
  modelCard?: boolean;
}

export interface DonorOptions {
  /** Copy the tokenizer's files; default true. */
  copyTokenizer?: boolean;
}

/** Files of the output directory that are known before the merge: config.json and companions. */
export function donorAssets(plan: Plan, options: DonorOptions = {}): AssetFile[] {
  const { assets } = plan;
  const config = readConfigText(assets.donor);
  const companions = companionsOf(assets, options.copyTokenizer ?? true);
  if (config === undefined) return companions;
  return [textFile("config.json", patchConfig(config, assets)), ...companions];
}

function companionsOf(
  { donor, tokenizer, chatTemplate }: PlanAssets,
  copied: boolean,
): AssetFile[] {
  const own = findCompanions(donor).filter(({ name }) => {
    return !isTokenizerFile(name) || (copied && tokenizer === undefined);
  });
  const others = copied && tokenizer !== undefined ? findCompanions(tokenizer) : [];
  const files = [...own, ...others.filter(({ name }) => isTokenizerFile(name))];
  if (chatTemplate === undefined) return files;
  const kept = files.filter(({ name }) => !name.startsWith("chat_template."));
  const patched = kept.map((file) => {
    return file.name === "tokenizer_config.json" ? withTemplate(file, chatTemplate) : file;
  });
  return [...patched, textFile("chat_template.jinja", chatTemplate)];
}

function withTemplate({ name, bytes }: CopiedFile, template: string): AssetFile {
  const content = readRegularFile(bytes.copyFrom);
  return textFile(name, patchTokenizerConfig(new TextDecoder().decode(content), template));
}

/**
 * Every file of the output directory beside the shards, in the order in which they should be
 * written: the manifest comes last but for the index. Reads the donor's directory; writes nothing.
 */
export function makeAssets(options: MakeAssetsOptions): AssetFile[] {
  const { plan, results, version, draft = new ManifestDraft(plan, version) } = options;
  const text = recipeYaml(options.recipeText);
  const card = modelCard({ ...options, seed: plan.seed, recipe: { text, file: RECIPE } });
  const files = [
    ...donorAssets(plan, options),
    ...(options.modelCard === false ? [] : [textFile("README.md", card), textFile(RECIPE, text)]),
    { name: MANIFEST, bytes: draft.fill(results) },
  ];
  if (plan.shards.length > 1) {
    files.push(textFile("model.safetensors.index.json", shardIndex(plan, version)));
  }
  return files;
}
