/** NaN, infinity and overflow: counted by origin, told by tensor, refused when asked for. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Dtype } from "../../lib/format/dtype.ts";
import { merge } from "../../lib/merge.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { BACKENDS } from "../backends.ts";
import { listTree, makeModel, refusal, tensorContent, useFolder } from "../make.ts";

const folder = useFolder("nonfinite");
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const NONE = { nanFromInput: 0, nanBorn: 0, overflowFromInput: 0, overflowBorn: 0 };

let outputs = 0;
function freshOut(): string {
  return join(folder, `out-${outputs++}`);
}

function model(name: string, values: readonly number[], dtype: Dtype = "F32"): string {
  return makeModel(join(folder, name), {
    fine: { dtype, shape: [3], values: [1, 2, 3] },
    w: { dtype, shape: [values.length], values },
  });
}

/** Twice a model, in binary16: 60,000 and more overflow on the way. */
function doubled(path: string): RecipeObject {
  const models = [{ model: path, parameters: { weight: 2 } }];
  return { merge_method: "linear", models, parameters: { normalize: false }, dtype: "float16" };
}

const BORN = model("born", [60_000, -60_000, 1]);
const GIVEN = model("given", [nan, -infinity, 1]);
const SOUND = model("sound", [1, 2, 3]);
const OPPOSITE = [model("plus", [infinity, 1]), model("minus", [-infinity, 1])];

describe.each(BACKENDS)("%s: onNonfinite", (backend) => {
  test.each([
    [BORN, "2 born in the merge, 0 from the inputs"],
    [GIVEN, "0 born in the merge, 2 from the inputs"],
  ])("error publishes nothing, and tells tensor and origin", async (path, counts) => {
    const before = listTree(folder);
    const options = { out: freshOut(), backend, onNonfinite: "error" } as const;
    const error = await refusal(() => merge(doubled(path), options));
    const message = `w holds values that are not finite: ${counts}`;
    expect(error.code).toBe("NONFINITE");
    expect(error.message).toBe(`finite results were expected:\n  ${message}`);
    expect(error.problems).toEqual([{ code: "NONFINITE", message }]);
    expect(listTree(folder)).toEqual(before);
  });

  test("error leaves what lay at the target", async () => {
    const out = freshOut();
    await merge(doubled(SOUND), { out, backend });
    const before = listTree(out);
    const options = { out, backend, overwrite: true, onNonfinite: "error" } as const;
    expect((await refusal(() => merge(doubled(BORN), options))).code).toBe("NONFINITE");
    expect(listTree(out)).toEqual(before);
  });

  test("error publishes a sound merge", async () => {
    const options = { out: freshOut(), backend, onNonfinite: "error" } as const;
    expect((await merge(doubled(SOUND), options)).nonfinite).toEqual([]);
  });

  test.each([{}, { onNonfinite: "warn" }, { onNonfinite: "allow" }] as const)(
    "%j publishes and tells",
    async (policy) => {
      const out = freshOut();
      const result = await merge(doubled(BORN), { out, backend, ...policy });
      expect(result.nonfinite).toEqual([{ tensor: "w", ...NONE, overflowBorn: 2 }]);
      const manifest = JSON.parse(readFileSync(join(out, "weightloom.manifest.json"), "utf8"));
      expect(manifest.tensors.w.nonfinite).toEqual({ overflowBorn: 2 });
    },
  );

  test("a NaN of two infinities is born in the merge", async () => {
    const models = OPPOSITE.map((path) => ({ model: path }));
    const recipe: RecipeObject = { merge_method: "linear", models, parameters: { weight: 1 } };
    const { nonfinite } = await merge(recipe, { out: freshOut(), backend });
    expect(nonfinite).toEqual([{ tensor: "w", ...NONE, nanBorn: 1 }]);
  });

  test("a tensor that is only copied counts as well", async () => {
    const recipe: RecipeObject = { merge_method: "passthrough", models: [{ model: GIVEN }] };
    const out = freshOut();
    const { nonfinite } = await merge(recipe, { out, backend });
    expect(nonfinite).toEqual([{ tensor: "w", ...NONE, nanFromInput: 1, overflowFromInput: 1 }]);
    expect(tensorContent(out)).toEqual(tensorContent(GIVEN));
    const strict = { out: freshOut(), backend, onNonfinite: "error" } as const;
    expect((await refusal(() => merge(recipe, strict))).code).toBe("NONFINITE");
  });

  test("results of named documents count too", async () => {
    const path = join(folder, "recipe.yml");
    writeFileSync(
      path,
      `name: first
merge_method: linear
models: [{model: ${BORN}, parameters: {weight: 2}}]
parameters: {normalize: false}
dtype: float16
---
merge_method: passthrough
models: [{model: first}]
`,
    );
    const error = await refusal(() => {
      return merge(path, { out: freshOut(), backend, onNonfinite: "error" });
    });
    expect(error.code).toBe("NONFINITE");
    const last = { tensor: "w", ...NONE, overflowFromInput: 2 };
    const together = await merge(path, { out: freshOut(), backend });
    expect(together.nonfinite).toEqual([last]);
    const intermediateDir = freshOut();
    const { nonfinite } = await merge(path, { out: freshOut(), backend, intermediateDir });
    expect(nonfinite).toEqual([{ tensor: "first/w", ...NONE, overflowBorn: 2 }, last]);
  });
});

/** Every pattern of the dtype's top bits with a few low bits. */
function patterns(dtype: Dtype, bytes: number): Uint8Array {
  const words = bytes === 1 ? 256 : 65_536;
  const stored = new Uint8Array(words * bytes);
  for (let i = 0; i < words; i++) {
    if (bytes === 1) stored[i] = i;
    else stored.set([i & 0xff, i >>> 8], i * bytes + bytes - 2);
    if (dtype === "F32") stored[i * 4] = i % 3 === 0 ? 1 : 0;
  }
  return stored;
}

test.each([
  // By the formats: F32 and BF16 have 2^7 - 1 NaN of each sign in their upper half, F16 2^10 - 1.
  ["BF16", 2, 2 * 127, 2],
  ["F16", 2, 2 * 1023, 2],
  ["F8_E4M3", 1, 2, 0],
  ["F8_E5M2", 1, 2 * 3, 2],
] as const)("copies of all patterns of %s count alike", async (dtype, bytes, nans, infinities) => {
  const stored = patterns(dtype, bytes);
  const shape = [stored.length / bytes];
  const path = makeModel(join(folder, dtype), { w: { dtype, shape, bytes: stored } });
  const recipe: RecipeObject = { merge_method: "passthrough", models: [{ model: path }] };
  for (const backend of BACKENDS) {
    const { nonfinite } = await merge(recipe, { out: freshOut(), backend });
    const counts = { ...NONE, nanFromInput: nans, overflowFromInput: infinities };
    expect(nonfinite).toEqual([{ tensor: "w", ...counts }]);
  }
});

test("copies of F32 count alike, and integers never", async () => {
  const stored = patterns("F32", 4);
  const path = makeModel(join(folder, "wide"), {
    f: { dtype: "F32", shape: [65_536], bytes: stored },
    i: { dtype: "I32", shape: [65_536], bytes: stored },
  });
  const recipe: RecipeObject = { merge_method: "passthrough", models: [{ model: path }] };
  const found = [];
  for (const backend of BACKENDS) {
    found.push((await merge(recipe, { out: freshOut(), backend })).nonfinite);
  }
  expect(found[0]).toHaveLength(1);
  expect(found[0][0]).toMatchObject({ tensor: "f", nanBorn: 0, overflowBorn: 0 });
  expect(found[0][0].nanFromInput + found[0][0].overflowFromInput).toBe(256);
  expect(found.at(-1)).toEqual(found[0]);
});

test("onNonfinite is checked before anything is read", async () => {
  const out = freshOut();
  const onNonfinite = "ignore" as "allow";
  expect((await refusal(() => merge("nowhere.yml", { out, onNonfinite }))).code).toBe("ARGUMENT");
  expect(existsSync(out)).toBe(false);
});
