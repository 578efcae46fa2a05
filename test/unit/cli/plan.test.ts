import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import { explain } from "../../../lib/plan/explain.ts";
import { listTree, makeLlama, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const folder = useFolder("cli-plan");
const a = makeLlama(join(folder, "a"), { seed: 1 });
const recipe = join(folder, "recipe.yml");
writeFileSync(
  recipe,
  "merge_method: linear\nmodels: [{model: a}, {model: ./a}]\nparameters: {weight: 1}\n",
);

test("explains the plan, and writes nothing", async () => {
  const before = listTree(folder);
  const ended = await runLine("plan", recipe);
  expect(ended).toEqual({ code: 0, out: explain(await plan(recipe)), error: [] });
  expect(listTree(folder)).toEqual(before);
});

test("with --tensors has a line for every tensor", async () => {
  const made = await plan(recipe);
  const { out } = await runLine("plan", recipe, "--tensors");
  expect(out).toEqual(explain(made, { tensors: true }));
  for (const { tensor } of made.steps) expect(out.join("\n")).toContain(`  ${tensor} BF16`);
});

test("with --json is the plan", async () => {
  expect(jsonOf(await runLine("plan", recipe, "--json"))).toEqual(await plan(recipe));
});

test("takes seed and shard size", async () => {
  const args = ["--random-seed", "18446744073709551615", "--out-shard-size", "400"];
  const made = jsonOf(await runLine("plan", recipe, "--json", ...args));
  expect(made.seed).toBe("18446744073709551615");
  expect(made).toEqual(await plan(recipe, { seed: 2n ** 64n - 1n, shardSize: 400 }));
});

test("tells problems by their place, with code 3 for a model's", async () => {
  const bad = join(folder, "bad.yml");
  writeFileSync(bad, `merge_method: passthrough\nmodels:\n  - model: ${a}-nowhere\n`);
  const { code, out, error } = await runLine("plan", bad);
  expect(code).toBe(3);
  expect(out).toEqual([]);
  expect(error).toEqual([
    expect.stringMatching(`^error MODEL_NOT_FOUND: ${bad}:3:5: no model lies`),
  ]);
});
