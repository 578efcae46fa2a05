/** Where every output tensor lies: order, shards, offsets, and the finished headers. */
import { byteLength, DTYPES, type Dtype } from "../format/dtype.ts";
import { serializeHeader } from "../format/header.ts";
import { sortByName } from "./names.ts";
import type { PlanShard } from "./types.ts";

/** A tensor that needs a place. */
export interface Placeable {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  count: number;
}

export interface Placed<T> {
  item: T;
  shard: number;
  /** Absolute offset in the shard's file. */
  offset: number;
}

export interface Layout<T> {
  shards: PlanShard[];
  /** By shard, then by offset. */
  placed: Placed<T>[];
}

function bytesOf({ dtype, count }: Placeable): number {
  return byteLength(dtype, count);
}

/** Greedy packing in name order; a tensor larger than the limit gets a shard of its own. */
function pack<T extends Placeable>(items: readonly T[], limit: number): T[][] {
  const shards: T[][] = [];
  let room = 0;
  for (const item of sortByName(items)) {
    const bytes = bytesOf(item);
    if (shards.length === 0 || (limit > 0 && bytes > room)) {
      shards.push([]);
      room = limit;
    }
    shards[shards.length - 1].push(item);
    room -= bytes;
  }
  return shards;
}

function shardName(index: number, count: number): string {
  if (count === 1) return "model.safetensors";
  const number = (n: number) => String(n).padStart(5, "0");
  return `model-${number(index + 1)}-of-${number(count)}.safetensors`;
}

/**
 * Lays tensors out in shards of at most `limit` bytes of tensors (0: one file). Within a file the
 * widest dtypes come first, so that every tensor is aligned to its own width. Every file has the
 * metadata; without a `format` of its own, that of PyTorch.
 */
export function layOut<T extends Placeable>(
  items: readonly T[],
  limit: number,
  metadata: ReadonlyMap<string, string> = new Map(),
): Layout<T> {
  const packed = pack(items, limit);
  const layout: Layout<T> = { shards: [], placed: [] };
  packed.forEach((shardItems, shard) => {
    const width = (item: T) => DTYPES[item.dtype].bits;
    const ordered = [...shardItems].sort((a, b) => width(b) - width(a));
    let at = 0;
    const entries = ordered.map((item) => {
      const begin = at;
      at += bytesOf(item);
      const { name, dtype, shape } = item;
      return { name, dtype, shape, begin, end: at };
    });
    const header = serializeHeader(entries, new Map([["format", "pt"], ...metadata]));
    const name = shardName(shard, packed.length);
    const encoded = Buffer.from(header).toString("base64");
    layout.shards.push({ name, size: header.byteLength + at, header: encoded });
    ordered.forEach((item, i) => {
      layout.placed.push({ item, shard, offset: header.byteLength + entries[i].begin });
    });
  });
  return layout;
}
