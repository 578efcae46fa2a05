import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModel } from "../../../lib/format/model.ts";
import type { ModelTensor } from "../../../lib/format/tensors.ts";
import { merge, plan } from "../../../lib/merge.ts";
import { Ties } from "../../../lib/plan/tying.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { llama, makeModel, refusal, storedBytes, type TensorSpec, useFolder } from "../../make.ts";

const folder = useFolder("tying");
const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";
const VECTOR: TensorSpec = { dtype: "F32", shape: [2] };

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

  test("a head of another shape is a tensor of its own", () => {
    const tensors: Record<string, TensorSpec> = llama();
    tensors[HEAD] = { dtype: "BF16", shape: [4, 8] };
    const path = makeModel(join(folder, "shape"), tensors, { config: {} });
    expect(new Ties().of(openModel(path))).toBe("apart");
  });

  test("a model that is yet to be made has no bytes to compare", () => {
    const model = openModel(make("later", "same", undefined));
    const [file] = model.files;
    const later = { ...model, files: [{ ...file, path: join(folder, "nowhere") }] };
    expect(new Ties().of(later)).toBe("apart");
  });

  test("a file that cannot be read is an error", async () => {
    const model = openModel(make("unreadable", "same", undefined));
    const [file] = model.files;
    const odd = { ...model, files: [{ ...file, path: folder }] };
    expect((await refusal(() => new Ties().of(odd))).code).toBe("NOT_A_FILE");
  });

  test("two other tensors are not one, whatever the tie", () => {
    const model = openModel(make("pair", "same", true));
    const of = (name: string) => model.tensors.get(name) as ModelTensor;
    const ties = new Ties();
    expect(ties.areOne(model, of(HEAD), of(EMBEDDING))).toBe(true);
    expect(ties.areOne(model, of(HEAD), of("model.norm.weight"))).toBe(false);
    const bare = openModel(makeModel(join(folder, "bare"), { v: VECTOR, w: VECTOR }));
    expect(ties.areOne(bare, bare.tensors.get("v")!, bare.tensors.get("w")!)).toBe(false);
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

  test("is untied where the head has another dtype", async () => {
    const tensors: Record<string, TensorSpec> = llama();
    tensors[HEAD] = { dtype: "F32", shape: [16, 8] };
    const config = { tie_word_embeddings: true };
    expect(await flagOf(average(makeModel(join(folder, "wide"), tensors, { config })))).toBe(false);
  });

  test("is untied where a slice gives the head of another model", async () => {
    const layers = (model: string) => ({ sources: [{ model, layer_range: [0, 1] as const }] });
    const slices = [layers(twice), layers(make("other", "same", true))];
    expect(await flagOf({ merge_method: "passthrough", slices })).toBe(false);
    expect(await flagOf({ merge_method: "passthrough", slices: [slices[0], slices[0]] })).toBe(
      true,
    );
  });

  test("says so where it said nothing and tied by default", async () => {
    const silent = make("silent", "none", undefined);
    expect(await flagOf(average(silent, own))).toBe(false);
    expect(await flagOf(average(make("silent-own", "own", undefined), own))).toBeUndefined();
  });
});
