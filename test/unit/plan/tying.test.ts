import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModel } from "../../../lib/format/model.ts";
import { merge, plan } from "../../../lib/merge.ts";
import { Ties } from "../../../lib/plan/tying.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { llama, makeModel, storedBytes, type TensorSpec, useFolder } from "../../make.ts";

const folder = useFolder("tying");
const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";

type HeadForm = "own" | "same" | "none";

/** A model with this output head and this `tie_word_embeddings`. */
function make(name: string, head: HeadForm, flag: boolean | undefined, inText = false): string {
  const tensors: Record<string, TensorSpec> = llama({ tied: head === "none" });
  const bytes = storedBytes(EMBEDDING, tensors[EMBEDDING]);
  if (head === "same") tensors[HEAD] = { ...tensors[EMBEDDING], bytes };
  const said = flag === undefined ? {} : { tie_word_embeddings: flag };
  const config = inText ? { text_config: said } : said;
  return makeModel(join(folder, name), tensors, { config });
}

const NAMES: [HeadForm, boolean | undefined, string][] = [
  ["none", true, "absent"],
  ["none", undefined, "absent"],
  ["none", false, "headless"],
  ["same", true, "twice"],
  ["same", undefined, "twice"],
  ["same", false, "apart"],
  ["own", true, "contradiction"],
  ["own", undefined, "apart"],
  ["own", false, "apart"],
];

describe("three facts decide", () => {
  test.each(NAMES)("head %s, flag %s: %s", (head, flag, tie) => {
    for (const inText of [false, true]) {
      const path = make(`${head}-${flag}-${inText}`, head, flag, inText);
      expect(new Ties().of(openModel(path))).toBe(tie);
    }
  });

  test("a model without a token embedding has no tie", () => {
    const path = makeModel(join(folder, "none"), { w: { dtype: "F32", shape: [2] } });
    expect(new Ties().of(openModel(path))).toBeUndefined();
  });
});

function average(...models: string[]): RecipeObject {
  const all = models.map((model) => ({ model }));
  return { merge_method: "linear", models: all, parameters: { weight: 1 } };
}

const tied = make("tied", "none", true);
const twice = make("twice", "same", true);
const own = make("own", "own", false);
const odd = make("odd", "own", true);

describe("notes", () => {
  test.each([
    ["nobody stores a head", [tied, tied], ["tied embeddings: no lm_head stored, none written"]],
    [
      "one stores a head",
      [own, tied],
      [`${tied}: tied embeddings, no lm_head stored; its embedding takes part as one`],
    ],
    [
      "it is stored twice",
      [twice],
      [`${twice}: tied embeddings, lm_head stored with the same bytes`],
    ],
    [
      "the flag is wrong",
      [odd],
      [`${odd}: config.json says tied embeddings, but lm_head differs from them`],
    ],
    ["nothing is tied", [own, own], []],
  ])("when %s", async (_, models, notes) => {
    expect((await plan(average(...models))).notes).toEqual(notes);
  });
});

describe("config.json of the output", () => {
  let outputs = 0;
  async function flagOf(recipe: RecipeObject): Promise<unknown> {
    const out = join(folder, `out-${outputs++}`);
    await merge(recipe, { out, sync: false, backend: "reference" });
    return JSON.parse(readFileSync(join(out, "config.json"), "utf8")).tie_word_embeddings;
  }

  test("stays tied where no head is written, or the same arithmetic makes both", async () => {
    expect(await flagOf(average(tied, tied))).toBe(true);
    expect(await flagOf(average(tied, twice))).toBe(true);
  });

  test("is untied where a head of its own is written", async () => {
    expect(await flagOf(average(tied, own))).toBe(false);
    expect(await flagOf(average(odd))).toBe(false);
  });

  test("is untied where parameters tell the two apart", async () => {
    const weight = [{ filter: "lm_head", value: 2 }, { value: 1 }];
    const models = [
      { model: twice, parameters: { weight } },
      { model: twice, parameters: { weight: 1 } },
    ];
    expect(await flagOf({ merge_method: "linear", models })).toBe(false);
  });

  test("says so where it said nothing and tied by default", async () => {
    const silent = make("silent", "none", undefined);
    expect(await flagOf(average(silent, own))).toBe(false);
    expect(await flagOf(average(make("silent-own", "own", undefined), own))).toBeUndefined();
  });
});
