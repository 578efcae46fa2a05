import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareNames,
  isBeforeLayers,
  isVocabularyTensor,
  joinLayer,
  splitLayer,
} from "../../../lib/plan/names.ts";

describe("splitLayer", () => {
  test.each([
    ["model.layers.3.mlp.up_proj.weight", "model.layers.", 3, ".mlp.up_proj.weight"],
    ["h.12.attn.c_attn.bias", "h.", 12, ".attn.c_attn.bias"],
    ["0.weight", "", 0, ".weight"],
    ["layers.0.experts.7.w1", "layers.", 0, ".experts.7.w1"],
    ["a.123456789.b", "a.", 123_456_789, ".b"],
  ])("%s is a layer's", (name, prefix, layer, suffix) => {
    expect(splitLayer(name)).toEqual({ prefix, layer, suffix });
  });

  test.each([
    "model.embed_tokens.weight",
    "lm_head.weight",
    "model.norm2.weight",
    "layers.3",
    "w.1234567890.b",
    "conv1d.weight",
    "",
    "a.-1.b",
    "a.1_0.b",
  ])("%j is outside the layers", (name) => expect(splitLayer(name)).toBeUndefined());

  test("a layer number with leading zeros, which could not be written back, is no layer", () => {
    expect(splitLayer("blocks.00.weight")).toBeUndefined();
    expect(splitLayer("blocks.007.weight")).toBeUndefined();
  });

  test("joins back to the same name", () => {
    const part = fc.stringMatching(/^[a-z_0-9]{1,4}$/);
    const name = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("."));
    fc.assert(
      fc.property(name, (text) => {
        const split = splitLayer(text);
        if (split === undefined) return;
        expect(joinLayer(split.prefix, split.layer, split.suffix)).toBe(text);
      }),
    );
  });
});

describe("isBeforeLayers", () => {
  test.each([
    ["model.embed_tokens.weight", true],
    ["transformer.wte.weight", true],
    ["transformer.wpe.weight", true],
    ["gpt_neox.embed_in.weight", true],
    ["embeddings.LayerNorm.weight", true],
    ["transformer.word_embeddings_layernorm.weight", true],
    ["embed_out.weight", false],
    ["lm_head.weight", false],
    ["model.norm.weight", false],
    ["transformer.ln_f.bias", false],
    ["output.weight", false],
  ])("%s: %s", (name, before) => expect(isBeforeLayers(name)).toBe(before));
});

describe("isVocabularyTensor", () => {
  test.each([
    ["model.embed_tokens.weight", 2, true],
    ["transformer.wte.weight", 2, true],
    ["lm_head.weight", 2, true],
    ["embed_out.weight", 2, true],
    ["output.weight", 2, true],
    ["lm_head.weight", 1, false],
    ["lm_head.bias", 1, false],
    ["transformer.wpe.weight", 2, false],
    ["model.layers.0.output.weight", 2, false],
    ["model.norm.weight", 1, false],
  ])("%s of rank %i: %s", (name, rank, vocabulary) => {
    expect(isVocabularyTensor(name, rank)).toBe(vocabulary);
  });
});

describe("compareNames", () => {
  test("digits count as numbers, other characters by code unit", () => {
    const sorted = ["a.2.b", "a.10.b", "a.10.c", "b", "a", "a.2", "B", "a.02.b"].sort(compareNames);
    expect(sorted).toEqual(["B", "a", "a.02.b", "a.2", "a.2.b", "a.10.b", "a.10.c", "b"]);
  });

  test("orders names totally: antisymmetric, transitive, zero only for equal names", () => {
    const name = fc.stringMatching(/^[ab.01_9]{0,8}$/);
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNames(a, b))).toBe(-Math.sign(compareNames(b, a)) + 0);
        expect(compareNames(a, b) === 0).toBe(a === b);
        if (compareNames(a, b) < 0 && compareNames(b, c) < 0) {
          expect(compareNames(a, c)).toBeLessThan(0);
        }
      }),
    );
  });

  test("as names that are split into text and digits", () => {
    const bySplit = (a: string, b: string) => {
      const [left, right] = [a.split(/(\d+)/), b.split(/(\d+)/)];
      const at = left.findIndex((part, i) => part !== right[i]);
      if (at < 0 || at >= right.length) return left.length - right.length;
      const numeric = at % 2 === 1 ? Number(left[at]) - Number(right[at]) : 0;
      return numeric !== 0 ? numeric : left[at] < right[at] ? -1 : 1;
    };
    const name = fc.stringMatching(/^[a.01_9]{0,9}$/);
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(compareNames(a, b))).toBe(Math.sign(bySplit(a, b)));
      }),
      { numRuns: 5000 },
    );
  });
});
