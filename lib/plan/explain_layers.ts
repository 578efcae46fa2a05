/** Resolved parameters in words, layer by layer: what `weightloom explain` prints. */
import { printable } from "../errors.ts";
import type { ParameterSpec } from "../methods/types.ts";
import { splitLayer } from "./names.ts";
import type { ResolvedTensor } from "./resolved.ts";

/** Tensors of one layer (null: outside the layers) that have the same values. */
interface Group {
  values: string;
  names: string[];
}

interface Place {
  prefix: string;
  first: number;
  last: number;
}

interface Layer {
  /** Null outside the layers. */
  at: Place | null;
  groups: Group[];
}

function wordFor(spec: ParameterSpec | undefined, value: number): string {
  const word = Object.entries(spec?.words ?? {}).find(([, each]) => each === value)?.[0];
  if (word !== undefined) return word;
  if (spec?.type === "boolean") return value === 1 ? "true" : "false";
  return String(Number(value.toPrecision(6)));
}

/** A tensor with its parameters in words: `t 0.25`, or `weight 0.5, -, 0.3` for three models. */
interface Worded {
  name: string;
  operation: string;
  parts: readonly string[];
}

/** Values of models stand in their order, - for those that take no part. */
function inWords(
  { tensor, operation, parameters, modelParameters }: ResolvedTensor,
  specs: readonly ParameterSpec[],
  models: number,
): Worded {
  const parts = specs.flatMap((spec) => {
    const { name } = spec;
    const own = modelParameters[name];
    if (own === undefined) {
      return name in parameters ? [`${name} ${wordFor(spec, parameters[name])}`] : [];
    }
    const each = Array.from({ length: models }, (_, m) => (m in own ? wordFor(spec, own[m]) : "-"));
    return [`${name} ${each.join(", ")}`];
  });
  return { name: tensor, operation, parts };
}

function valuesOf({ operation, parts }: Worded): string {
  if (parts.length === 0) return operation;
  return operation === "copy" ? `${parts.join("; ")} (a copy)` : parts.join("; ");
}

/** Takes out what all tensors have in common. */
function takeCommon(tensors: readonly Worded[]): { common: string[]; rest: Worded[] } {
  const [first] = tensors;
  if (tensors.length < 2) return { common: [], rest: [...tensors] };
  const common = first.parts.filter((part) => tensors.every(({ parts }) => parts.includes(part)));
  const rest = tensors.map((each) => {
    return { ...each, parts: each.parts.filter((part) => !common.includes(part)) };
  });
  return { common, rest };
}

function add(layer: Layer, name: string, values: string): void {
  const group = layer.groups.find((each) => each.values === values);
  if (group === undefined) layer.groups.push({ values, names: [name] });
  else group.names.push(name);
}

function layersOf(tensors: readonly Worded[]): Layer[] {
  const layers = new Map<string, Layer>();
  for (const tensor of tensors) {
    const split = splitLayer(tensor.name);
    const key = split === undefined ? "" : `${split.prefix}${split.layer}`;
    const at =
      split === undefined ? null : { prefix: split.prefix, first: split.layer, last: split.layer };
    const layer = layers.get(key) ?? { at, groups: [] };
    layers.set(key, layer);
    const name = split === undefined ? tensor.name : split.suffix.replace(/^\./, "");
    add(layer, name, valuesOf(tensor));
  }
  return [...layers.values()].sort(byPlace);
}

/** Layers in order, what is outside of them last. */
function byPlace({ at: a }: Layer, { at: b }: Layer): number {
  if (a === null) return 1;
  if (b === null) return -1;
  return a.prefix === b.prefix ? a.first - b.first : a.prefix < b.prefix ? -1 : 1;
}

function follows(before: Layer, layer: Layer): boolean {
  if (before.at === null || layer.at === null || before.at.prefix !== layer.at.prefix) return false;
  if (before.at.last + 1 !== layer.at.first) return false;
  return JSON.stringify(before.groups) === JSON.stringify(layer.groups);
}

/** Joins layers that follow each other and say the same. */
function joined(layers: readonly Layer[]): Layer[] {
  const result: Layer[] = [];
  for (const layer of layers) {
    const before = result[result.length - 1];
    if (before !== undefined && follows(before, layer)) {
      before.at = { ...(before.at as Place), last: (layer.at as Place).last };
    } else result.push(layer);
  }
  return result;
}

function titleOf({ at }: Layer): string {
  if (at === null) return "outside the layers";
  const { prefix, first, last } = at;
  return first === last ? `${prefix}${first}` : `${prefix}${first} to ${last}`;
}

/** Names shown of a group at most; the rest is counted. */
const SHOWN = 4;

function namesOf({ groups }: Layer, { names }: Group): string {
  if (groups.length === 1) return names.length === 1 ? names[0] : `all ${names.length} tensors`;
  const more = names.length - SHOWN;
  return more <= 0 ? names.join(", ") : `${names.slice(0, SHOWN).join(", ")} and ${more} more`;
}

/**
 * The parameters of every layer as lines of text.
 * @param models names of the models in the order of their values
 */
export function explainLayers(
  tensors: readonly ResolvedTensor[],
  specs: readonly ParameterSpec[],
  models: readonly string[],
): string[] {
  const { common, rest } = takeCommon(tensors.map((each) => inWords(each, specs, models.length)));
  const lines = joined(layersOf(rest)).flatMap((layer) => [
    printable(titleOf(layer)),
    ...layer.groups.map((group) => `  ${printable(namesOf(layer, group))}: ${group.values}`),
  ]);
  return [
    ...models.map((model, i) => `model ${i + 1}   ${printable(model)}`),
    ...common.map((part, i) => `${i === 0 ? "all      " : "         "} ${part}`),
    ...lines,
  ];
}
