import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { convert } from "../../../lib/convert.ts";
import { MergeError } from "../../../lib/errors.ts";
import { locateModels } from "../../../lib/hub/models.ts";
import { inspect } from "../../../lib/inspect.ts";
import { merge, plan } from "../../../lib/merge.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { makeLlama, refusal, useFolder } from "../../make.ts";

const folder = useFolder("hub-models");
const cacheDir = join(folder, "cache");
const local = makeLlama(join(folder, "local"), { seed: 1 });
const COMMIT = "fedcba9876543210fedcba9876543210fedcba98";

function store(name: string, seed: number): string {
  const model = join(cacheDir, `models--${name.replace("/", "--")}`);
  mkdirSync(join(model, "refs"), { recursive: true });
  writeFileSync(join(model, "refs", "main"), COMMIT);
  return makeLlama(join(model, "snapshots", COMMIT), { seed });
}

const cached = store("owner/name", 2);
store("bare", 3);

function average(...models: string[]): RecipeObject {
  const all = models.map((model) => ({ model }));
  return { merge_method: "linear", models: all, parameters: { weight: 1 } };
}

const OPTIONS = { offline: true, cacheDir } as const;

describe("models of a recipe", () => {
  test("come from the cache where no local path has their name", async () => {
    const made = await plan(
      average(local, "owner/name@main", "bare", `owner/name@${COMMIT}`),
      OPTIONS,
    );
    expect(made.models[1]).toBe("owner/name@main");
    expect(made.sources.map(({ path }) => path)).toContain(join(cached, "model.safetensors"));
    expect(made.sources).toHaveLength(3);
  });

  test("are written into the model card by their names", async () => {
    const out = join(folder, "out");
    const { plan: made } = await merge(average("owner/name", local), {
      ...OPTIONS,
      out,
      backend: "reference",
      sync: false,
    });
    expect(made.models).toEqual(["owner/name", local]);
  });

  test("can be converted by their names", async () => {
    const out = join(folder, "converted");
    const { notes } = await convert("owner/name", { ...OPTIONS, out, dtype: "fp32", sync: false });
    expect(notes).toEqual([]);
    expect(inspect(out).totals.map(({ dtype }) => dtype)).toEqual(["F32"]);
  });

  test("that fail are told together, each at its place", async () => {
    const error = await refusal(() => plan(average("owner/a", local, "owner/b@v1"), OPTIONS));
    expect(error.problems.map(({ code, place }) => [code, place?.path])).toEqual([
      ["NOT_IN_CACHE", "models[0]"],
      ["NOT_IN_CACHE", "models[2]"],
    ]);
  });

  test("are not looked for any more once aborted", async () => {
    const signal = AbortSignal.abort();
    const recipe = { mergeMethod: "linear", parameters: {}, places: {} };
    const place = { path: "models[0]" };
    const models = [{ model: { path: "owner/a" }, parameters: {}, place }];
    const surroundings = {
      environment: {},
      loadClient: () => Promise.reject(new MergeError("ABORTED", "the merge was cancelled")),
    };
    const whole = { ...recipe, body: { models, parameters: {} } };
    const find = () =>
      locateModels(whole, undefined, { cacheDir, signal }, new Map(), surroundings);
    expect((await refusal(find)).code).toBe("ABORTED");
  });

  test("below a folder that exists are mistyped paths", async () => {
    mkdirSync(join(folder, "models"), { recursive: true });
    const recipe = join(folder, "recipe.yml");
    writeFileSync(recipe, "merge_method: passthrough\nmodels: [{model: models/typo}]\n");
    const error = await refusal(() => plan(recipe, OPTIONS));
    expect(error.code).toBe("MODEL_NOT_FOUND");
  });

  test("that are local have no revisions", async () => {
    const error = await refusal(() => plan(average(`${local}@main`), OPTIONS));
    expect(error.code).toBe("UNSUPPORTED");
  });
});
