import { describe, expect, test } from "vitest";
import { linear, mergeTensors, ties } from "../../lib/arrays.ts";
import { type Tensor, tensor } from "../../lib/tensor.ts";
import { refusal } from "../make.ts";

const a = new Float32Array([1, 2]);
const b = new Float32Array([3, 4]);

describe("a call that cannot be", () => {
  test.each([
    ["BASE_MODEL", "a base that is missing", () => mergeTensors("task_arithmetic", [a])],
    ["BASE_MODEL", "a base beside slerp's two", () => mergeTensors("slerp", [a, b], { base: a })],
    ["MISSING_PARAMETER", "a parameter that is missing", () => mergeTensors("slerp", [a, b])],
    ["UNKNOWN_METHOD", "a method that is none", () => mergeTensors("mean", [a, b])],
    ["SHAPE_MISMATCH", "shapes that differ", () => linear([a, new Float32Array(3)])],
    ["ARGUMENT", "no tensor at all", () => linear([7 as unknown as Float32Array])],
    ["OUT_OF_RANGE", "a density below zero", () => ties([a], { base: b, density: -1 })],
    ["OUT_OF_RANGE", "a weight that is none", () => linear([a], { weight: Number.NaN })],
  ] as const)("%s: %s", async (code, _, call) => {
    expect((await refusal(call)).code).toBe(code);
  });
});

describe("an array that cannot hold a dtype", () => {
  test.each([
    ["F32", new Uint16Array(2), /a Float32Array or a Uint8Array was expected for F32/],
    ["BF16", a, /a Uint16Array or a Uint8Array was expected for BF16/],
    ["F8_E4M3", a, /^data: a Uint8Array was expected for F8_E4M3/],
  ] as const)("%s", async (dtype, data, message) => {
    expect((await refusal(() => tensor(dtype, data))).message).toMatch(message);
  });
});

test("bytes hold any dtype", () => {
  const bytes = new Uint8Array(Float32Array.of(1, 3).buffer);
  const merged: Tensor = linear([tensor("F32", bytes)]);
  expect(new Float32Array(merged.data.buffer.slice(0))).toEqual(Float32Array.of(1, 3));
});
