/**
 * The types of the public surface, as a program sees them that imports the built package; checked
 * by `npm run check:types`, where a wrong one does not compile.
 */
import { expect, expectTypeOf, test } from "vitest";
import {
  backendInfo,
  type CustomMethod,
  dare,
  defineMethod,
  ERROR_CODES,
  type ErrorCode,
  linear,
  MergeError,
  type MergeOptions,
  type MergeResult,
  merge,
  mergeTensors,
  type Plan,
  type Problem,
  type Progress,
  plan,
  type RecipeObject,
  slerp,
  type Tensor,
  type TensorLike,
  taskArithmetic,
  tensor,
  ties,
} from "weightloom";

const array = new Float32Array([1, 2]);
const bf16: Tensor = tensor("BF16", new Uint16Array(2));
const either: TensorLike = array as TensorLike;

test("Float32Arrays in give a Float32Array", () => {
  expectTypeOf(linear([array])).toEqualTypeOf<Float32Array>();
  expectTypeOf(slerp(array, array, { t: 0 })).toEqualTypeOf<Float32Array>();
  expectTypeOf(ties([array], { base: array, density: 0.5 })).toEqualTypeOf<Float32Array>();
  expectTypeOf(mergeTensors("karcher", [array, array])).toEqualTypeOf<Float32Array>();
  expectTypeOf(linear([array], { dtype: "F32" })).toEqualTypeOf<Float32Array>();
  expect(linear([array])).toBeInstanceOf(Float32Array);
});

test("but not where the dtype or the base ask for another", () => {
  expectTypeOf(linear([array], { dtype: "BF16" })).toEqualTypeOf<Tensor>();
  expectTypeOf(taskArithmetic([array], { base: bf16 })).toEqualTypeOf<TensorLike>();
  expect(linear([array], { dtype: "BF16" })).toHaveProperty("dtype", "BF16");
  expect(taskArithmetic([array], { base: bf16 })).toHaveProperty("dtype", "BF16");
});

test("tensors in give a tensor", () => {
  expectTypeOf(linear([bf16])).toEqualTypeOf<Tensor>();
  expectTypeOf(dare([bf16], { base: array, seed: 1n })).toEqualTypeOf<Tensor>();
  expectTypeOf(linear([either])).toEqualTypeOf<TensorLike>();
  expect(linear([bf16])).toHaveProperty("dtype", "BF16");
});

test("the promise forms promise the same", () => {
  expectTypeOf(slerp.async(array, array, { t: 0 })).resolves.toEqualTypeOf<Float32Array>();
  expectTypeOf(dare.async([bf16], { base: bf16 })).resolves.toEqualTypeOf<Tensor>();
  expectTypeOf(mergeTensors.async("linear", [bf16])).resolves.toEqualTypeOf<Tensor>();
});

test("wrong calls do not compile", () => {
  const wrong = () => {
    // @ts-expect-error t is required
    slerp(array, array, {});
    // @ts-expect-error a base is required
    ties([array], { density: 0.5 });
    // @ts-expect-error linear has no density
    linear([array], { density: 0.5 });
    // @ts-expect-error a dtype is written in capitals
    tensor("bf16", new Uint16Array(1));
    // @ts-expect-error an output is required
    merge("recipe.yml", {});
    // @ts-expect-error there is no such backend
    merge("recipe.yml", { out: "out", backend: "cuda" });
  };
  expect(wrong).toBeTypeOf("function");
});

test("files: what goes in and comes out", () => {
  expectTypeOf<string>().toExtend<Parameters<typeof merge>[0]>();
  expectTypeOf<RecipeObject>().toExtend<Parameters<typeof merge>[0]>();
  expectTypeOf(merge).returns.resolves.toEqualTypeOf<MergeResult>();
  expectTypeOf(plan).returns.resolves.toEqualTypeOf<Plan>();
  expectTypeOf<NonNullable<MergeOptions["onProgress"]>>().parameter(0).toEqualTypeOf<Progress>();
  expectTypeOf(backendInfo().backend).toEqualTypeOf<"native" | "reference">();
});

test("errors: a code of the table, and problems with their places", () => {
  expectTypeOf<MergeError["code"]>().toEqualTypeOf<ErrorCode>();
  expectTypeOf<keyof typeof ERROR_CODES>().toEqualTypeOf<ErrorCode>();
  expectTypeOf<MergeError["problems"][number]>().toEqualTypeOf<Problem>();
  expect(new MergeError("ARGUMENT", "")).toBeInstanceOf(Error);
  expect(Object.keys(ERROR_CODES)).toContain("ARGUMENT");
});

test("a method of one's own is a method of a recipe", () => {
  expectTypeOf(defineMethod).returns.toEqualTypeOf<CustomMethod>();
  expectTypeOf(defineMethod).parameter(0).toHaveProperty("name").toEqualTypeOf<string>();
});
