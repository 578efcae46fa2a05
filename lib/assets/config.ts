import { lstatSync } from "node:fs";
import { join } from "node:path";
import { printable } from "../errors.ts";
import type { Dtype } from "../format/dtype.ts";
import { readSpan, refuse, withRegularFile } from "../format/file.ts";
import { kindOf } from "../plan/modules.ts";
import type { ModuleLayers, PlanAssets } from "../plan/types.ts";
import { selectLayers } from "./layer_lists.ts";
import { applyEdits, type Edit, type Member, membersAt, skipSpace } from "./spans.ts";

const CONFIG = "config.json";
const MAX_CONFIG = 10_000_000;
const DTYPE_KEYS = ["dtype", "torch_dtype"];
const COUNT_KEYS = ["num_hidden_layers", "n_layer", "n_layers", "num_layers"];
const VOCABULARY_KEYS = ["vocab_size"];
const TIE_KEYS = ["tie_word_embeddings"];

const TORCH_NAMES: Readonly<Partial<Record<Dtype, string>>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** An object of the config whose members can change: the whole, and its language model. */
interface Section {
  /** Position of its `{`. */
  at: number;
  members: readonly Member[];
}

/** Text of the donor's config.json, or undefined when it has none. */
export function readConfigText(donor: string): string | undefined {
  const path = join(donor, CONFIG);
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const read = (descriptor: number, size: number) => {
    if (size <= MAX_CONFIG) return readSpan(descriptor, 0, size);
    const message = `expected ${CONFIG} to have at most ${MAX_CONFIG} bytes, found ${size}`;
    return refuse("CONFIG_NOT_JSON", message, path);
  };
  const bytes = withRegularFile(path, (fd, stat) => read(fd, Number(stat.size)), "FILE_UNREADABLE");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("CONFIG_NOT_JSON", `expected ${CONFIG} to be UTF-8, found other bytes`, path);
  }
}

/**
 * The text of a config.json with what a merge changes: dtype, number of layers, lists with an
 * item for each layer, vocabulary size, each at the top level and in `text_config`; whether the
 * output head is the embedding; the layers of single modules, where each has its own. Only the
 * values' characters change; a missing key is added at the end of its object, in the style of the
 * members before it. Throws CONFIG_NOT_JSON, and LAYER_RANGE when a list lacks a layer's item.
 */
export function patchConfig(text: string, assets: PlanAssets): string {
  checkObject(text);
  const { dtype, layers, vocabSize, modules = [], untie } = assets;
  const passes = [
    (now: string) => editDtype(now, sectionsOf(now), dtype),
    (now: string) => editLayers(now, sectionsOf(now), layers),
    (now: string) => editNumber(now, sectionsOf(now), VOCABULARY_KEYS, vocabSize),
    (now: string) => (untie === true ? editTie(now, sectionsOf(now)) : []),
    ...modules.map((module) => (now: string) => editModule(now, module)),
  ];
  return passes.reduce((now, edits) => applyEdits(now, edits(now)), text);
}

/** The whole config, then its language model where that has an object of its own. */
function sectionsOf(text: string): [Section, ...Section[]] {
  const top = sectionAt(text, skipSpace(text, 0));
  const language = sectionNamed(text, top, "text_config");
  return language === undefined ? [top] : [top, language];
}

function sectionNamed(text: string, { members }: Section, name: string): Section | undefined {
  const value = members.findLast((member) => member.name === name)?.value;
  return value === undefined || text[value.start] !== "{"
    ? undefined
    : sectionAt(text, value.start);
}

/** Says that the output head is not the embedding: wherever it stands, or else everywhere. */
function editTie(text: string, sections: readonly Section[]): Edit[] {
  const known = sections.filter((section) => has(section, TIE_KEYS));
  if (known.length === 0) {
    return sections.map((section) => insert(text, section, TIE_KEYS[0], false));
  }
  return known.flatMap((section) => replace(text, section, TIE_KEYS, false));
}

/** Keys of models whose parts have no object of their own. */
const PART_KEYS: Readonly<Record<string, readonly string[]>> = {
  encoder: ["encoder_layers", "num_layers"],
  decoder: ["decoder_layers", "num_decoder_layers"],
};

/** Sets the layers of one module: in its own object, else by its own keys, else nowhere. */
function editModule(text: string, { module, layers }: ModuleLayers): Edit[] {
  const top = sectionAt(text, skipSpace(text, 0));
  const kind = kindOf(module);
  const own = kind === undefined ? undefined : sectionNamed(text, top, `${kind}_config`);
  if (own !== undefined) return editLayers(text, [own], layers);
  if (PART_KEYS[module] !== undefined) {
    return replace(text, top, PART_KEYS[module], layers.length);
  }
  return kind === "text" ? editLayers(text, [top], layers) : [];
}

function checkObject(text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = printable((cause as Error).message);
    refuse("CONFIG_NOT_JSON", `expected ${CONFIG} to be JSON, found: ${reason}`, undefined);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse("CONFIG_NOT_JSON", `expected ${CONFIG} to be an object`, undefined);
  }
}

function sectionAt(text: string, at: number): Section {
  return { at, members: membersAt(text, at) };
}

function editDtype(text: string, sections: readonly Section[], dtype: Dtype | null): Edit[] {
  const name = dtype === null ? undefined : TORCH_NAMES[dtype];
  if (name === undefined) return [];
  const [top] = sections;
  const edits = sections.flatMap((section) => replace(text, section, DTYPE_KEYS, name));
  return has(top, DTYPE_KEYS) ? edits : [...edits, insert(text, top, DTYPE_KEYS[0], name)];
}

function editLayers(
  text: string,
  sections: readonly Section[],
  layers: readonly number[] | null,
): Edit[] {
  if (layers === null) return [];
  const counts = sections.map((section) => countOf(text, section));
  const known = counts.findLast((count) => count !== undefined);
  return [
    ...editNumber(text, sections, COUNT_KEYS, layers.length),
    ...sections.flatMap(({ members }, s) =>
      members.flatMap((member) => selectLayers(text, member, counts[s] ?? known, layers)),
    ),
  ];
}

/** Number of layers that a section states. */
function countOf(text: string, { members }: Section): number | undefined {
  const values = members
    .filter(({ name }) => COUNT_KEYS.includes(name))
    .map(({ value }) => JSON.parse(text.slice(value.start, value.end)));
  return values.findLast((value) => typeof value === "number");
}

/** Sets a number wherever it stands; where it stands nowhere, in the innermost section. */
function editNumber(
  text: string,
  sections: readonly Section[],
  keys: readonly string[],
  value: number | null,
): Edit[] {
  if (value === null) return [];
  if (sections.some((section) => has(section, keys))) {
    return sections.flatMap((section) => replace(text, section, keys, value));
  }
  return [insert(text, sections[sections.length - 1], keys[0], value)];
}

function has(section: Section, keys: readonly string[]): boolean {
  return section.members.some(({ name }) => keys.includes(name));
}

function replace(
  text: string,
  section: Section,
  keys: readonly string[],
  value: string | number | boolean,
): Edit[] {
  return section.members
    .filter(({ name }) => keys.includes(name))
    .map(({ value: { start, end } }) => ({ start, end, text: JSON.stringify(value) }))
    .filter(({ start, end }) => JSON.parse(text.slice(start, end)) !== value);
}

/** Adds a member after the last one, with the white space that the last one has. */
function insert(
  text: string,
  section: Section,
  key: string,
  value: string | number | boolean,
): Edit {
  const name = JSON.stringify(key);
  const last = section.members[section.members.length - 1];
  if (last === undefined) {
    const at = section.at + 1;
    return { start: at, end: at, text: `${name}: ${JSON.stringify(value)}` };
  }
  const before = text.slice(0, last.key.start).match(/[ \t\r\n]*$/)![0];
  const colon = text.slice(last.key.end, last.value.start);
  const { end } = last.value;
  return { start: end, end, text: `,${before}${name}${colon}${JSON.stringify(value)}` };
}
