import { refuse } from "../format/file.ts";
import { type Edit, itemsAt, type Member } from "./spans.ts";

/** Lists of layer numbers, where others have an item for each layer. */
const NUMBER_LISTS = [
  "attn_layer_indices",
  "cross_attention_layers",
  "full_attn_idxs",
  "mlp_only_layers",
  "moe_layers",
];

/**
 * The edit that makes a per-layer list of a config fit the output: its item `i` is the donor's
 * item `layers[i]`. Per-layer are lists of scalars with `count` items whose key contains "layer";
 * known lists of layer numbers are renumbered instead. Other members give no edit.
 */
export function selectLayers(
  text: string,
  { name, value }: Member,
  count: number | undefined,
  layers: readonly number[],
): Edit[] {
  if (text[value.start] !== "[") return [];
  const items = itemsAt(text, value.start);
  const old = items.map(({ start, end }) => text.slice(start, end));
  const selected = select(name, old, count, layers);
  if (old.length === selected.length && old.every((item, i) => item === selected[i])) return [];
  const { start } = items[0];
  const { end } = items[items.length - 1];
  const lead = text.slice(value.start + 1, start) || " ";
  const separator = items.length > 1 ? text.slice(items[0].end, items[1].start) : `,${lead}`;
  return [{ start, end, text: selected.join(separator) }];
}

/** Items of the list as they should be; the same where it is not about layers. */
function select(
  name: string,
  items: readonly string[],
  count: number | undefined,
  layers: readonly number[],
): readonly string[] {
  if (NUMBER_LISTS.includes(name) && items.every((item) => /^\d+$/.test(item))) {
    return layers.flatMap((layer, i) => (items.includes(String(layer)) ? [String(i)] : []));
  }
  if (!name.includes("layer") || items.length !== count || items.some(isCollection)) return items;
  return layers.map((layer) => items[layer] ?? refuseLayer(name, layer, items.length));
}

function isCollection(item: string): boolean {
  return item.startsWith("[") || item.startsWith("{");
}

function refuseLayer(name: string, layer: number, count: number): never {
  const message = `expected "${name}" of config.json to have an item for layer ${layer}`;
  return refuse("LAYER_RANGE", `${message}, found ${count} items`, undefined);
}
