import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { convert } from "../../../lib/convert.ts";
import { diff } from "../../../lib/diff.ts";
import { MergeError } from "../../../lib/errors.ts";
import { type HubAccess, loadClient } from "../../../lib/hub/client.ts";
import { locateModels, openNamed } from "../../../lib/hub/models.ts";
import { inspect } from "../../../lib/inspect.ts";
import { merge, plan } from "../../../lib/merge.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { fileBytes, llama, makeLlama, makeModel, refusal, useFolder } from "../../make.ts";
import { runLine } from "../cli/streams.ts";
import { PACKAGE, useHub } from "./server.ts";

const folder = useFolder("hub-models");
const hub = useHub();
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

describe("a model that is named by itself", () => {
  test("is inspected from the cache, under its name", async () => {
    for (const name of ["owner/name", "owner/name@main", `owner/name@${COMMIT}`, "bare"]) {
      const { path, files, tensors } = await inspect(name, OPTIONS);
      expect([path, tensors.length]).toEqual([name, 9]);
      expect(files[0].path).toContain(COMMIT);
    }
  });

  test("is compared with local ones, and told by its name", async () => {
    const found = await diff(["owner/name", local], { ...OPTIONS, base: "bare" });
    expect(found).toMatchObject({ models: ["owner/name", local], base: "bare", same: false });
    const narrow = makeModel(join(folder, "narrow"), { w: { dtype: "F32", shape: [1] } });
    const { mismatches } = await diff([narrow, "owner/name"], OPTIONS);
    expect(mismatches.map(({ detail }) => detail)).toContain("missing, but there in owner/name");
  });

  test("is what lies at its path, where something does", async () => {
    const path = makeModel(join(folder, "at@home"), { w: { dtype: "F32", shape: [1] } });
    expect((await inspect(path)).tensors).toHaveLength(1);
  });

  test.each([
    ["owner/other", "NOT_IN_CACHE"],
    ["owner/name@v9", "NOT_IN_CACHE"],
    ["nowhere", "MODEL_NOT_FOUND"],
    ["owner/name+adapter", "MODEL_NOT_FOUND"],
    ["owner/name@a@b", "MODEL_NOT_FOUND"],
    [`${folder}/typo`, "MODEL_NOT_FOUND"],
  ])("%s is not there: %s", async (name, code) => {
    expect((await refusal(() => inspect(name, OPTIONS))).code).toBe(code);
    expect((await refusal(() => diff([local, name], OPTIONS))).code).toBe(code);
  });

  test("is inspected and compared by the commands, offline from a cache", async () => {
    const cached = ["--offline", "--transformers-cache", cacheDir];
    const { code, out } = await runLine("inspect", "owner/name", ...cached);
    expect([code, out.at(-1)]).toEqual([0, "metadata format: pt"]);
    const same = await runLine("diff", "owner/name", "owner/name@main", ...cached, "--quiet");
    expect(same).toMatchObject({ code: 0, error: [] });
    const missing = await runLine("diff", local, "owner/other", ...cached, "--quiet");
    expect([missing.code, missing.error[0]]).toEqual([
      2,
      expect.stringMatching(/^error NOT_IN_CACHE: owner\/other@main is no local path/),
    ]);
  });

  test("is downloaded once, where that is allowed", async () => {
    const surroundings = {
      environment: { HF_ENDPOINT: hub.endpoint },
      loadClient: (access: HubAccess) => loadClient(access, async () => PACKAGE),
    };
    hub.files = { "config.json": Buffer.from("{}"), "model.safetensors": fileBytes(llama()) };
    const downloads: string[] = [];
    const onDownload = ({ file }: { file: string }) => downloads.push(file);
    const options = { cacheDir: join(folder, "fresh"), onDownload };
    for (let i = 0; i < 2; i++) {
      const { path, tensors } = await openNamed("owner/name", options, undefined, surroundings);
      expect([path, tensors.size]).toEqual(["owner/name", 9]);
    }
    expect(downloads).toEqual(["config.json", "model.safetensors"]);
  });
});

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
    expect((await inspect(out)).totals.map(({ dtype }) => dtype)).toEqual(["F32"]);
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
