import { describe, expect, it } from "vitest";
import { exampleModel, readJson } from "./fixtures.ts";

interface Reference {
  prompt: string;
  token_ids: number[];
  greedy_new_token_ids: number[];
  greedy_text: string;
  residual_after_embedding_and_each_layer_last_position: { l2: number; first4: number[] }[];
  logits: number[][];
}

const { llama, tokenizer } = exampleModel("base");
const references: Reference[] = readJson("eval", "reference-logits.json").prompts;
const TOLERANCE = 1e-4;

function largestDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  return Math.max(...expected.map((value, i) => Math.abs(value - actual[i])));
}

describe.each(references)("base on $prompt", (reference) => {
  it("has the reference's token ids", () => {
    expect(tokenizer.encode(reference.prompt)).toEqual(reference.token_ids);
  });

  it("has the reference's logits at every position", () => {
    const logits = llama.logits(reference.token_ids);
    expect(logits).toHaveLength(reference.logits.length);
    for (const [position, expected] of reference.logits.entries()) {
      expect(logits[position]).toHaveLength(expected.length);
      expect(largestDifference(logits[position], expected)).toBeLessThan(TOLERANCE);
    }
  });

  it("has the reference's residual stream after the embedding and after each layer", () => {
    const stream: Float64Array[] = [];
    llama.logits(reference.token_ids, (residual) => {
      stream.push(residual.slice(-llama.config.hidden_size));
    });
    const expected = reference.residual_after_embedding_and_each_layer_last_position;
    expect(stream).toHaveLength(expected.length);
    for (const [layer, { l2, first4 }] of expected.entries()) {
      expect(Math.abs(Math.hypot(...stream[layer]) - l2)).toBeLessThan(TOLERANCE);
      expect(largestDifference(stream[layer], first4)).toBeLessThan(TOLERANCE);
    }
  });
});

describe("greedy continuation", () => {
  const goesOn = (_: number, ids: readonly number[]) =>
    ids.at(-1) !== tokenizer.eos && ids.length < 16;

  it.each(references)("of $prompt alone is the reference's", (reference) => {
    const [ids] = llama.greedy([reference.token_ids], goesOn);
    expect(ids).toEqual(reference.greedy_new_token_ids);
    expect(tokenizer.decode(ids)).toBe(`${reference.greedy_text}<eos>`);
  });

  it("does not depend on the prompts beside it", () => {
    const prompts = Array.from({ length: 100 }, (_, i) => tokenizer.encode(`A${i % 90}+${i}=`));
    for (const [i, { token_ids }] of references.entries()) prompts[31 * (i + 1)] = token_ids;
    const continuations = llama.greedy(prompts, goesOn);
    for (const [i, reference] of references.entries()) {
      expect(continuations[31 * (i + 1)]).toEqual(reference.greedy_new_token_ids);
    }
  });

  it("agrees with the logits of the whole sequence", () => {
    const { token_ids, greedy_new_token_ids } = references[0];
    const logits = llama.logits([...token_ids, ...greedy_new_token_ids]);
    const best = logits.map((row) => row.indexOf(Math.max(...row)));
    expect(best.slice(token_ids.length - 1, -1)).toEqual(greedy_new_token_ids);
  });
});
