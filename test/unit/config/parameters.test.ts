import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate, resolve } from "../../../lib/config/parameters.ts";
import type { ParameterSetting } from "../../../lib/config/types.ts";

const NAME = "model.layers.3.mlp.up_proj.weight";

describe("evaluate", () => {
  const rows: [string, ParameterSetting, number, number | undefined][] = [
    ["a number", 0.7, 0.3, 0.7],
    ["a gradient's start", [0, 1, 5], 0, 0],
    ["a gradient's middle", [0, 1, 5], 0.5, 1],
    ["a gradient between two points", [0, 1, 5], 0.75, 3],
    ["a gradient's end", [0, 1, 5], 1, 5],
    ["a gradient of one value", [4], 0.5, 4],
    ["a gradient of one value at the end", [4], 1, 4],
    ["a filter that is part of the name", [{ filter: "mlp", value: 2 }, { value: 3 }], 0, 2],
    ["a filter that is not", [{ filter: "self_attn", value: 2 }, { value: 3 }], 0, 3],
    ["a filter of another case", [{ filter: "MLP", value: 2 }], 0, undefined],
    [
      "a filter *",
      [
        { filter: "*", value: 2 },
        { filter: "mlp", value: 3 },
      ],
      0,
      2,
    ],
    ["an empty filter", [{ filter: "", value: 2 }], 0, 2],
    ["a filter is no pattern", [{ filter: "layers.*.mlp", value: 2 }], 0, undefined],
    ["a gradient under a filter", [{ filter: "mlp", value: [0, 10] }], 0.25, 2.5],
    [
      "conditions under a filter",
      [{ filter: "mlp", value: [{ filter: "down", value: 1 }, { value: 2 }] }],
      0,
      2,
    ],
    [
      "no match under the first filter that matches",
      [{ filter: "mlp", value: [{ filter: "down", value: 1 }] }, { value: 9 }],
      0,
      undefined,
    ],
  ];
  test.each(rows)("%s", (_title, setting, t, expected) => {
    expect(evaluate(setting, t, NAME)).toBe(expected);
  });

  test("interpolates in float64 as (1 − f)·a + f·b", () => {
    expect(evaluate([0.1, 0.7, 0.2], 1 / 3, NAME)).toBe((1 - 2 / 3) * 0.1 + (2 / 3) * 0.7);
  });

  test("property: a gradient stays between its least and greatest value", () => {
    const values = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (gradient, t) => {
        const value = evaluate(gradient, t, NAME) as number;
        expect(value).toBeGreaterThanOrEqual(Math.min(...gradient) - 1e-12);
        expect(value).toBeLessThanOrEqual(Math.max(...gradient) + 1e-12);
      }),
    );
  });
});

describe("resolve", () => {
  const rows: [string, (ParameterSetting | undefined)[], number | undefined][] = [
    ["the first level", [1, 2, 3], 1],
    ["a level without the parameter is passed over", [undefined, 2], 2],
    ["a level without a match is passed over", [[{ filter: "attn", value: 1 }], 2], 2],
    ["zero is a value", [0, 2], 0],
    ["no level", [], undefined],
    ["no value", [undefined, [{ filter: "attn", value: 1 }]], undefined],
  ];
  test.each(rows)("%s", (_title, levels, expected) => {
    const named = levels.map((weight) => (weight === undefined ? {} : { weight }));
    expect(resolve(named, "weight", 0, NAME)).toBe(expected);
  });
});
