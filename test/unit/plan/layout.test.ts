import { describe, expect, test } from "vitest";
import { byteLength, DTYPES, type Dtype } from "../../../lib/format/dtype.ts";
import { parseHeader, parsePrefix } from "../../../lib/format/header.ts";
import { layOut, type Placeable } from "../../../lib/plan/layout.ts";
import type { PlanShard } from "../../../lib/plan/types.ts";

function item(name: string, count: number, dtype: Dtype = "F32"): Placeable {
  return { name, dtype, shape: [count], count };
}

/** Reads a shard's header as our own strict reader does; the data is not needed for that. */
function readBack({ header, size }: PlanShard) {
  const bytes = Buffer.from(header, "base64");
  const length = parsePrefix(bytes, size);
  expect(bytes.byteLength).toBe(8 + length);
  return parseHeader(bytes.subarray(8), size);
}

/** Names in each shard, in the order of their bytes. */
function shardsOf(items: readonly Placeable[], limit: number): string[][] {
  const { placed, shards } = layOut(items, limit);
  return shards.map((_, s) => placed.filter((p) => p.shard === s).map((p) => p.item.name));
}

const MIXED = [
  item("model.layers.10.w", 3, "BF16"),
  item("model.layers.2.w", 5, "F32"),
  item("model.layers.2.steps", 1, "I64"),
  item("model.embed", 7, "F16"),
  item("mask", 9, "BOOL"),
  item("empty", 0, "F8_E4M3"),
];

describe("layOut", () => {
  test.each([0, 1, 20, 30, 1000])("with limit %i, headers read back what was placed", (limit) => {
    const { placed, shards } = layOut(MIXED, limit);
    expect(placed).toHaveLength(MIXED.length);
    shards.forEach((shard, s) => {
      const header = readBack(shard);
      const here = placed.filter((each) => each.shard === s);
      expect([...header.tensors.keys()].sort()).toEqual(here.map((p) => p.item.name).sort());
      for (const { item: tensor, offset } of here) {
        const read = header.tensors.get(tensor.name)!;
        expect(read).toMatchObject({
          dtype: tensor.dtype,
          shape: tensor.shape,
          count: tensor.count,
        });
        expect(header.dataStart + read.begin).toBe(offset);
      }
      expect(header.metadata).toEqual(new Map([["format", "pt"]]));
    });
  });

  test("one file holds all when there is no limit, under the plain name", () => {
    const { shards } = layOut(MIXED, 0);
    expect(shards.map(({ name }) => name)).toEqual(["model.safetensors"]);
  });

  test("within a file the widest dtypes come first, else names in reading order", () => {
    expect(shardsOf(MIXED, 0)).toEqual([
      [
        "model.layers.2.steps",
        "model.layers.2.w",
        "model.embed",
        "model.layers.10.w",
        "empty",
        "mask",
      ],
    ]);
  });

  test("every tensor is aligned to its own width, and the data to 8 bytes", () => {
    const { placed, shards } = layOut(MIXED, 0);
    expect(readBack(shards[0]).dataStart % 8).toBe(0);
    for (const { item: tensor, offset } of placed) {
      expect((offset * 8) % DTYPES[tensor.dtype].bits).toBe(0);
    }
  });

  test("no shard holds more than the limit, and each but the last could not take the next", () => {
    const items = Array.from({ length: 40 }, (_, i) => item(`t.${i}`, ((i * 7) % 11) + 1));
    const limit = 60;
    const { placed, shards } = layOut(items, limit);
    const bytes = shards.map((_, s) => {
      const here = placed.filter((each) => each.shard === s).map((each) => each.item);
      return here.reduce((sum, { dtype, count }) => sum + byteLength(dtype, count), 0);
    });
    const first = shards.map((_, s) => placed.find((each) => each.shard === s)!.item);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(limit);
    for (let s = 0; s + 1 < shards.length; s++) {
      const next = byteLength(first[s + 1].dtype, first[s + 1].count);
      expect(bytes[s] + next).toBeGreaterThan(limit);
    }
  });

  test("a tensor larger than the limit gets a shard of its own", () => {
    const items = [item("a", 1), item("b", 100), item("c", 1), item("d", 1)];
    expect(shardsOf(items, 8)).toEqual([["a"], ["b"], ["c", "d"]]);
  });

  test("a limit that is met exactly is not exceeded", () => {
    expect(shardsOf([item("a", 1), item("b", 1), item("c", 1)], 8)).toEqual([["a", "b"], ["c"]]);
  });

  test("shards are numbered from 1 with five digits", () => {
    const { shards } = layOut([item("a", 2), item("b", 2), item("c", 2)], 8);
    expect(shards.map(({ name }) => name)).toEqual([
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
    ]);
  });

  test("the layout does not depend on the order of its input", () => {
    expect(layOut([...MIXED].reverse(), 20)).toEqual(layOut(MIXED, 20));
  });

  test("names that JSON must escape read back", () => {
    const names = ['quo"te', "tab\t", "é\u0000", "\u{1f600}"];
    const { shards } = layOut(
      names.map((name) => item(name, 1)),
      0,
    );
    expect([...readBack(shards[0]).tensors.keys()].sort()).toEqual([...names].sort());
  });
});
