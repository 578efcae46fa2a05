import { expect, test } from "vitest";
import { gridOf } from "../../../lib/diff/kinds.ts";

test("tensors of layers stand by layer and kind, the others before and after them", () => {
  const { kinds, layers, places } = gridOf([
    "lm_head.weight",
    "model.embed_tokens.weight",
    "model.layers.10.mlp.up_proj.weight",
    "model.layers.2.mlp.up_proj.weight",
    "model.layers.2.self_attn.q_proj.bias",
    "model.norm.weight",
  ]);
  expect(kinds).toEqual([
    "model.embed_tokens",
    "mlp.up_proj",
    "self_attn.q_proj.bias",
    "lm_head",
    "model.norm",
  ]);
  expect(layers).toEqual([2, 10]);
  expect(places.get("model.layers.10.mlp.up_proj.weight")).toEqual({
    kind: "mlp.up_proj",
    layer: 10,
  });
  expect(places.get("lm_head.weight")).toEqual({ kind: "lm_head", layer: null });
});

test("experts of a layer are one kind", () => {
  const { kinds } = gridOf([
    "m.layers.0.mlp.experts.0.w1.weight",
    "m.layers.0.mlp.experts.17.w1.weight",
  ]);
  expect(kinds).toEqual(["mlp.experts.*.w1"]);
});

test("layers of several parts of a model are told apart", () => {
  const { kinds } = gridOf(["model.layers.0.w.weight", "visual.blocks.0.w.weight"]);
  expect(kinds).toEqual([": w", "visual: w"]);
});

test("a model without layers has only kinds", () => {
  expect(gridOf(["a", "b.weight"])).toMatchObject({ kinds: ["a", "b"], layers: [] });
});
