/** What the companion files of a plan's output must say. */

import type { Item, Parts } from "./items.ts";
import type { Slice } from "./layers.ts";
import { isVocabularyTensor } from "./names.ts";
import { headOf, isEmbedding, isHead, type Ties, tieFlag } from "./tying.ts";
import type { ModuleLayers, PlanAssets } from "./types.ts";

/** Source layer of every output layer, from the first source of each slice. */
function layersOf(slices: readonly Slice[]): number[] | null {
  const ranges = slices.map(({ sources }) => sources[0].range);
  if (ranges.some((range) => range === null)) return null;
  return ranges.flatMap((range) => {
    const [from, to] = range as readonly [number, number];
    return Array.from({ length: to - from }, (_, i) => from + i);
  });
}

/** Whether the same arithmetic runs over tensors that serve as both in every model. */
function isSameMerge(head: Item, embedding: Item, ties: Ties): boolean {
  const [a, b] = [head.aligned, embedding.aligned];
  if (JSON.stringify(head.operation) !== JSON.stringify(embedding.operation)) return false;
  if (head.dtype !== embedding.dtype || a.tensors.length !== b.tensors.length) return false;
  return a.tensors.every((tensor, s) => {
    const { model } = a.wanted.slice.sources[a.origins[s]];
    if (model !== b.wanted.slice.sources[b.origins[s]].model) return false;
    return ties.areOne(model, tensor, b.tensors[s]);
  });
}

/** Whether config.json of the donor would tie an output head that is a tensor of its own. */
function mustUntie({ items, donor, ties }: Parts): boolean {
  const head = items.find(({ name }) => isHead(name));
  const embedding = items.find(isEmbedding);
  if (head === undefined || embedding === undefined) return false;
  const flag = tieFlag(donor);
  if (flag === false || (flag === undefined && headOf(donor) !== undefined)) return false;
  return !isSameMerge(head, embedding, ties);
}

/** Layers of each module that chooses them, for a recipe with several. */
function modulesOf({ bodies }: Parts): ModuleLayers[] {
  return bodies.flatMap(({ slices, scope }) => {
    const layers = layersOf(slices);
    return layers === null ? [] : [{ module: scope.part, layers }];
  });
}

export function assetsOf(parts: Parts): PlanAssets {
  const { recipe, bodies, items, donor, tokens } = parts;
  const dtypes = new Set(items.map(({ dtype }) => dtype));
  const floats = [...dtypes].filter((dtype) => ["F32", "F16", "BF16"].includes(dtype));
  const table = items.find(({ name, shape, aligned }) => {
    return aligned.cut && isVocabularyTensor(name, shape.length);
  });
  const modules = bodies.length > 1 ? modulesOf(parts) : [];
  return {
    donor: donor.directory,
    dtype: recipe.outDtype ?? recipe.dtype ?? (floats.length === 1 ? floats[0] : null),
    layers: bodies.length > 1 ? null : layersOf(bodies[0].slices),
    vocabSize: table === undefined ? null : table.shape[0],
    ...(modules.length === 0 ? {} : { modules }),
    ...(mustUntie(parts) ? { untie: true as const } : {}),
    ...(tokens.chatTemplate === undefined ? {} : { chatTemplate: tokens.chatTemplate }),
    ...(tokens.tokenizer === undefined ? {} : { tokenizer: tokens.tokenizer }),
  };
}
