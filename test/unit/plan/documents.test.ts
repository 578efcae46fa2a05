import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type MergeOptions, merge, type Progress, plan } from "../../../lib/merge.ts";
import { explain } from "../../../lib/plan/explain.ts";
import {
  folderContent,
  listTree,
  llama,
  makeLlama,
  makeModel,
  refusal,
  tensorContent,
  useFolder,
} from "../../make.ts";

const folder = useFolder("documents");
const a = makeLlama(join(folder, "a"), { layers: 2, seed: 1, dtype: "F32" });
const b = makeLlama(join(folder, "b"), { layers: 2, seed: 2, dtype: "F32" });
const c = makeLlama(join(folder, "c"), { layers: 2, seed: 3, dtype: "F32" });

let files = 0;
function yaml(...documents: string[]): string {
  const path = join(folder, `recipe-${files++}.yml`);
  writeFileSync(path, documents.join("---\n"));
  return path;
}

function linear(name: string | null, ...models: string[]): string {
  const lines = models
    .map((model) => `  - {model: "${model}", parameters: {weight: 1}}\n`)
    .join("");
  return `${name === null ? "" : `name: ${name}\n`}merge_method: linear\nmodels:\n${lines}`;
}

let outputs = 0;
function fresh(more: Partial<MergeOptions> = {}): MergeOptions {
  return { out: join(folder, `out-${outputs++}`, "m"), backend: "reference", sync: false, ...more };
}

describe("documents of a recipe", () => {
  const last = `merge_method: slerp
base_model: mean
models: [{model: mean}, {model: ${c}}]
parameters: {t: 0.25}
`;

  test("are merged in the order that their uses ask for, to the same as one by one", async () => {
    const one = fresh();
    await merge(yaml(linear(null, a, b)), one);
    const two = fresh();
    await merge(yaml(last.replaceAll("mean", one.out)), two);
    const all = fresh();
    const result = await merge(yaml(last, linear("mean", a, b)), all);
    expect(tensorContent(all.out)).toEqual(tensorContent(two.out));
    expect(readdirSync(join(all.out, ".."))).toEqual(["m"]);
    expect(result.plan.intermediates?.map(({ name }) => name)).toEqual(["mean"]);
    expect(result.plan.models).toEqual(["mean", c]);
  });

  test("have the same plan before and during the merge", async () => {
    const recipe = yaml(linear("mean", a, b), last);
    const planned = await plan(recipe);
    const { plan: done } = await merge(recipe, fresh());
    expect(done.hash).toBe(planned.hash);
    expect(done.steps).toEqual(planned.steps);
    const other = await plan(yaml(linear("mean", a, a, b), last));
    expect(other.hash).not.toBe(planned.hash);
    expect(explain(planned)[0]).toBe("document    mean");
    expect(explain(planned)).toContain("method      slerp");
  });

  test("keep what is made on the way in intermediateDir", async () => {
    const intermediateDir = join(folder, "kept");
    const options = fresh({ intermediateDir });
    const spare = linear("spare", a);
    await merge(
      yaml(linear("mean", a, b), linear("more", "mean", c), linear(null, "more"), spare),
      options,
    );
    expect(readdirSync(intermediateDir).sort()).toEqual(["mean", "more", "spare"]);
    expect(tensorContent(join(intermediateDir, "more"))).toEqual(tensorContent(options.out));
  });

  test("that the output does not need are not merged", async () => {
    const made = await plan(yaml(linear("spare", a), linear(null, b)));
    expect(made.intermediates).toBeUndefined();
  });

  test("tell one progress", async () => {
    const seen: Progress[] = [];
    await merge(yaml(linear("mean", a, b), last), fresh({ onProgress: (each) => seen.push(each) }));
    const totals = new Set(seen.map(({ bytesTotal }) => bytesTotal));
    expect(totals.size).toBe(1);
    const done = seen.map(({ bytesDone }) => bytesDone);
    expect(done).toEqual([...done].sort((x, y) => x - y));
    expect(done.at(-1)).toBe([...totals][0]);
  });

  test("hand config.json and the recipe on", async () => {
    const recipe = yaml(linear("mean", a, b), linear(null, "mean"));
    const options = fresh();
    await merge(recipe, options);
    const content = folderContent(options.out);
    expect(JSON.parse(content["config.json"]).num_hidden_layers).toBe(2);
    expect(content["mergekit_config.yml"]).toBe(readFileSync(recipe, "latin1"));
  });

  test("hand the tokenizer on, from a model that is never written", async () => {
    const donor = makeLlama(
      join(folder, "donor"),
      { dtype: "F32" },
      { companions: { "tokenizer.json": "{}" } },
    );
    const options = fresh();
    await merge(yaml(linear("mean", donor, b), linear(null, "mean", c)), options);
    expect(folderContent(options.out)["tokenizer.json"]).toBe("{}");
  });

  test("leave nothing when one of them fails", async () => {
    const before = listTree(folder);
    const onProgress = ({ bytesDone, bytesTotal }: Progress) => {
      if (bytesDone * 2 > bytesTotal) throw new Error("enough");
    };
    const recipe = yaml(linear("mean", a, b), last);
    await expect(merge(recipe, fresh({ onProgress }))).rejects.toThrow("enough");
    expect(listTree(folder).filter((line) => !line.startsWith("recipe"))).toEqual(
      before.filter((line) => !line.startsWith("recipe")),
    );
    expect(existsSync(join(folder, `out-${outputs - 1}`))).toBe(false);
  });
});

describe("documents that do not fit together", () => {
  test.each([
    ["two without a name", [linear(null, a), linear(null, b)], "MISSING_KEY"],
    ["two of one name", [linear("x", a), linear("x", b), linear(null, "x")], "CONFLICTING_KEYS"],
    ["a circle", [linear("x", "y"), linear("y", "x"), linear(null, "x")], "CIRCULAR_RECIPE"],
    ["a circle of one", [linear("x", "x"), linear(null, "x")], "CIRCULAR_RECIPE"],
    ["only a circle", [linear("x", "y"), linear("y", "x")], "CIRCULAR_RECIPE"],
    ["two that nobody uses", [linear("x", a), linear("y", b)], "MISSING_KEY"],
  ])("%s", async (_, documents, code) => {
    const error = await refusal(() => plan(yaml(...documents)));
    expect(error.code).toBe(code);
  });

  test("all named, the one that no other uses is the output", async () => {
    const made = await plan(yaml(linear("y", "x"), linear("x", a)));
    expect(made.models).toEqual(["x"]);
  });

  test("a name that is nearly right is told", async () => {
    const error = await refusal(() => plan(yaml(linear("average", a), linear(null, "avrage"))));
    expect(error.code).toBe("MODEL_NOT_FOUND");
    expect(error.hint).toBe("did you mean the document average?");
    expect(error.place?.line).toBe(8);
  });

  test("a name that is nowhere near is only missing", async () => {
    const error = await refusal(() =>
      plan(yaml(linear("average", a), linear(null, "q/w/e/r/t/y"))),
    );
    expect(error.code).toBe("MODEL_NOT_FOUND");
    expect(error.hint).toMatch(/^looked at /);
  });

  test("only a model has config.json, not the document made of one without", async () => {
    const bare = makeModel(join(folder, "bare"), llama({ dtype: "F32" }), { config: null });
    const options = fresh();
    await merge(yaml(linear("mean", bare, bare), linear(null, "mean", bare)), options);
    expect(readdirSync(options.out)).not.toContain("config.json");
    expect(tensorContent(options.out)).toEqual(tensorContent(bare));
  });

  test("problems of all documents are told together", async () => {
    const broken = "merge_method: linear\nmodels: []\n";
    const error = await refusal(() => plan(yaml(`name: x\n${broken}`, broken)));
    expect(error.problems).toHaveLength(2);
  });

  test("empty documents do not count", async () => {
    expect((await plan(yaml(linear(null, a), ""))).steps.length).toBeGreaterThan(0);
  });
});
