import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveParameters } from "../../../lib/merge.ts";
import { listTree, makeLlama, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const folder = useFolder("cli-explain");
for (const [seed, name] of ["base", "a", "b"].entries()) {
  makeLlama(join(folder, name), { seed: seed + 1, layers: 4 });
}

function recipe(name: string, text: string): string {
  const path = join(folder, `${name}.yml`);
  writeFileSync(path, text);
  return path;
}

const SLERP = recipe(
  "slerp",
  `merge_method: slerp
base_model: a
models: [{model: a}, {model: b}]
parameters:
  t:
    - {filter: q_proj, value: [0, 1, 1, 1]}
    - value: 0.5
`,
);
const TIES = recipe(
  "ties",
  `merge_method: ties
base_model: base
models:
  - {model: a, parameters: {weight: 0.6, density: [{filter: mlp, value: 0.25}, {value: 0.5}]}}
  - {model: b, parameters: {weight: 0.4}}
parameters: {density: 0.75, density_scope: model}
`,
);

test("shows filters and gradients layer by layer, and writes nothing", async () => {
  const before = listTree(folder);
  const { code, out, error } = await runLine("explain", SLERP);
  expect({ code, error }).toEqual({ code: 0, error: [] });
  const rest = "  input_layernorm.weight, mlp.up_proj.weight: t 0.5";
  expect(out).toEqual([
    "method    slerp",
    "model 1   a",
    "model 2   b",
    "model.layers.0",
    rest,
    "  self_attn.q_proj.weight: t 0 (a copy)",
    "model.layers.1 to 3",
    rest,
    "  self_attn.q_proj.weight: t 1 (a copy)",
    "outside the layers",
    "  all 3 tensors: t 0.5",
  ]);
  expect(listTree(folder)).toEqual(before);
});

test("shows the values of every model, in words where there are, and once what all share", async () => {
  const { out } = await runLine("explain", TIES);
  expect(out.slice(4)).toEqual([
    "all       weight 0.6, 0.4, -",
    "          normalize true",
    "          rescale false",
    "          variant mergekit",
    "          density_scope model",
    "          lambda 1",
    "model.layers.0 to 3",
    "  input_layernorm.weight, self_attn.q_proj.weight: density 0.5, 0.75, -",
    "  mlp.up_proj.weight: density 0.25, 0.75, -",
    "outside the layers",
    "  all 3 tensors: density 0.5, 0.75, -",
  ]);
});

test("with --json gives every tensor", async () => {
  const documents = jsonOf(await runLine("explain", TIES, "--json")) as unknown as {
    tensors: { tensor: string }[];
  }[];
  expect(documents).toEqual(JSON.parse(JSON.stringify(await resolveParameters(TIES))));
  const mlp = documents[0].tensors.find(
    ({ tensor }) => tensor === "model.layers.2.mlp.up_proj.weight",
  );
  expect(mlp).toMatchObject({
    operation: "task",
    parameters: { density_scope: 2, lambda: 1 },
    modelParameters: { weight: { 0: 0.6, 1: 0.4 }, density: { 0: 0.25, 1: 0.75 } },
  });
});

test("names the documents of a recipe with several", async () => {
  const path = recipe(
    "two",
    `name: half
merge_method: linear
models: [{model: a}, {model: b}]
parameters: {weight: 0.5}
---
merge_method: linear
models: [{model: half}, {model: base}]
parameters: {weight: 1}
`,
  );
  const { out } = await runLine("explain", path);
  expect(out.filter((line) => /^(document|method|all)/.test(line))).toEqual([
    "document  half",
    "method    linear",
    "all       weight 0.5, 0.5",
    "method    linear",
    "all       weight 1, 1",
  ]);
});
