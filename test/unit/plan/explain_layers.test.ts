import { expect, test } from "vitest";
import type { ParameterSpec } from "../../../lib/methods/types.ts";
import { explainLayers } from "../../../lib/plan/explain_layers.ts";
import type { ResolvedTensor } from "../../../lib/plan/resolved.ts";

const SPECS: readonly ParameterSpec[] = [{ name: "t", scope: "global", type: "number", about: "" }];

function lines(values: Readonly<Record<string, number>>): string[] {
  const tensors = Object.entries(values).map(([tensor, t]): ResolvedTensor => {
    return { tensor, operation: "linear", parameters: { t }, modelParameters: {} };
  });
  return explainLayers(tensors, SPECS, []);
}

test("a tensor alone has nothing in common with others", () => {
  expect(lines({ "model.norm.weight": 0.5 })).toEqual([
    "outside the layers",
    "  model.norm.weight: t 0.5",
  ]);
});

test("series of layers stand by their names, each in order, what is outside last", () => {
  const found = lines({ head: 9, "v.1.w": 4, "t.0.w": 1, tail: 8, "v.0.w": 3, "t.1.w": 2 });
  expect(found.filter((line) => !line.startsWith(" "))).toEqual([
    "t.0",
    "t.1",
    "v.0",
    "v.1",
    "outside the layers",
  ]);
});

test("layers that follow each other and say the same are one, others not", () => {
  const found = lines({ "a.0.w": 1, last: 7, "a.1.w": 1, "a.3.w": 1, "b.4.w": 1, "b.5.w": 2 });
  expect(found.filter((line) => !line.startsWith(" "))).toEqual([
    "a.0 to 1",
    "a.3",
    "b.4",
    "b.5",
    "outside the layers",
  ]);
});

test("names of a group are listed up to four, a group that is alone is counted", () => {
  const group = (t: number, names: string) => [...names].map((name) => [`a.0.${name}`, t] as const);
  expect(lines(Object.fromEntries([...group(1, "uvwxyz"), ...group(2, "ab")]))).toEqual([
    "a.0",
    "  u, v, w, x and 2 more: t 1",
    "  a, b: t 2",
  ]);
  expect(lines({ "a.0.u": 1, "a.0.v": 1, "b.0.u": 2 })).toEqual([
    "a.0",
    "  all 2 tensors: t 1",
    "b.0",
    "  u: t 2",
  ]);
});
