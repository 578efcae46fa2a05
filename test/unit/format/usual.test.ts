/** Entries in the usual form are read in one go; what they mean must not depend on that. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MergeError } from "../../../lib/errors.ts";
import { MAX_RANK, parseHeader } from "../../../lib/format/header.ts";
import { parseIndex } from "../../../lib/format/shards.ts";

/** A header's members as [name, value], where values are JSON text. */
type Members = readonly (readonly [name: string, value: string])[];

function jsonOf(members: Members): string {
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

/** The same with a space where the usual form has none. */
function spaced(members: Members): string {
  const wide = members.map(([name, value]) => [name, value.replace('"dtype":', '"dtype": ')]);
  return jsonOf(wide as [string, string][]);
}

function entry(shape: string, begin: number | string, end: number | string, dtype = "U8"): string {
  return `{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${begin},${end}]}`;
}

function read(json: string, dataSize: number) {
  const bytes = Buffer.from(json);
  try {
    const { tensors, metadata } = parseHeader(bytes, 8 + bytes.length + dataSize);
    return { tensors: [...tensors], metadata: [...(metadata ?? [])] };
  } catch (error) {
    return { refused: (error as MergeError).code };
  }
}

/** Both readings; the code of a refusal where there was one. */
function readBoth(members: Members, dataSize: number) {
  const [usual, other] = [read(jsonOf(members), dataSize), read(spaced(members), dataSize)];
  expect(usual).toEqual(other);
  return "refused" in usual ? usual.refused : usual.tensors.length;
}

describe("headers", () => {
  test.each<[string, Members, number, string | number]>([
    ["plain", [["a", entry("2,2", 0, 4)]], 4, 1],
    [
      "a scalar and an empty tensor",
      [
        ["a", entry("", 0, 1)],
        ["b", entry("0,7", 1, 1)],
      ],
      1,
      2,
    ],
    [
      "entries after metadata",
      [
        ["__metadata__", '{"a":"b"}'],
        ["a", entry("1", 0, 1)],
      ],
      1,
      1,
    ],
    [
      "entries before metadata",
      [
        ["a", entry("1", 0, 1)],
        ["__metadata__", '{"a":"b"}'],
      ],
      1,
      1,
    ],
    [
      "not in the order of bytes",
      [
        ["a", entry("1", 1, 2)],
        ["b", entry("1", 0, 1)],
      ],
      2,
      2,
    ],
    [
      "a name with an escape among others",
      [
        ["a", entry("1", 0, 1)],
        ['"', entry("1", 1, 2)],
      ],
      2,
      2,
    ],
    [
      "a name that is not ASCII",
      [
        ["é", entry("1", 0, 1)],
        ["b", entry("1", 1, 2)],
      ],
      2,
      2,
    ],
    [
      "a name twice",
      [
        ["a", entry("1", 0, 1)],
        ["a", entry("1", 1, 2)],
      ],
      2,
      "DUPLICATE_KEY",
    ],
    ["metadata like an entry", [["__metadata__", entry("1", 0, 1)]], 1, "METADATA_NOT_STRINGS"],
    ["an unknown dtype", [["a", entry("1", 0, 1, "X8")]], 1, "UNKNOWN_TENSOR_DTYPE"],
    ["a leading zero", [["a", entry("01", 0, 1)]], 1, "HEADER_NOT_JSON"],
    ["a fraction", [["a", entry("1.0", 0, 1)]], 1, "BAD_SHAPE"],
    ["a shape with a comma too many", [["a", entry("1,", 0, 1)]], 1, "HEADER_NOT_JSON"],
    ["an offset of 16 digits", [["a", entry("1", 0, "1000000000000000")]], 1, "SIZE_MISMATCH"],
    ["an offset beyond 2^53", [["a", entry("1", 0, "9007199254740993")]], 1, "BAD_OFFSETS"],
    ["the most dimensions", [["a", entry(Array(MAX_RANK).fill(1).join(), 0, 1)]], 1, 1],
    [
      "one more",
      [
        [
          "a",
          entry(
            Array(MAX_RANK + 1)
              .fill(1)
              .join(),
            0,
            1,
          ),
        ],
      ],
      1,
      "BAD_SHAPE",
    ],
    ["a field more", [["a", entry("1", 0, 1).replace("{", '{"x":1,')]], 1, 1],
  ])("%s", (_, members, size, expected) => {
    expect(readBoth(members, size)).toBe(expected);
  });

  test("what follows an entry must be a comma or the end", () => {
    const one = `"a":${entry("1", 0, 1)}`;
    const two = `"b":${entry("1", 1, 2)}`;
    for (const between of ["", " ", ";", ",,", "}"]) {
      expect(read(`{${one}${between}${two}}`, 2)).toEqual({ refused: "HEADER_NOT_JSON" });
    }
    expect(read(`{ ${one} ,\n${two}\t}`, 2)).toMatchObject({ metadata: [] });
    expect(read(`{${one},}`, 1)).toEqual({ refused: "HEADER_NOT_JSON" });
  });

  test("more text than is looked at at a time, with names that are not ASCII or long here and there", () => {
    const odd = fc.oneof(
      { weight: 50, arbitrary: fc.stringMatching(/^[a-z.]{0,40}$/) },
      { weight: 1, arbitrary: fc.constant("ünïcode") },
      { weight: 1, arbitrary: fc.constant("long".repeat(10_000)) },
    );
    const property = fc.property(fc.array(odd, { minLength: 1500, maxLength: 2500 }), (names) => {
      const members = names.map((name, i) => [`${name}${i}`, entry("1", i, i + 1)] as const);
      expect(readBoth(members, names.length)).toBe(names.length);
    });
    fc.assert(property, { numRuns: 10 });
  });
});

describe("indexes", () => {
  test("are read alike, however they are written", () => {
    const name = fc.oneof(fc.stringMatching(/^[a-z.]{1,12}$/), fc.string({ unit: "binary" }));
    const names = fc.uniqueArray(name, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(names, (tensors) => {
        const map = Object.fromEntries(
          tensors.map((tensor, i) => [tensor, `m${i % 3}.safetensors`]),
        );
        const entries = Object.entries(map);
        const whole = { metadata: { total_size: 1 }, weight_map: map };
        // Escapes of every character leave the usual form.
        const escaped = (text: string) => {
          const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
          return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
        };
        const lines = entries.map(([tensor, shard]) => `"${escaped(tensor)}":"${escaped(shard)}"`);
        const texts = [
          JSON.stringify(whole),
          JSON.stringify(whole, null, 2),
          `{"weight_map":{${lines.join()}}}`,
        ];
        for (const text of texts) {
          expect([...parseIndex(Buffer.from(text)).weightMap]).toEqual(entries);
        }
      }),
    );
  });

  test("a name twice is refused with its place", () => {
    const text = '{"weight_map":{"a": "m.safetensors",\n  "a": "m.safetensors"}}';
    const reading = () => parseIndex(Buffer.from(text));
    expect(reading).toThrow(MergeError);
    expect(reading).toThrow('"a" again at byte 39');
  });
});
