import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import { inDocumentOrder } from "../../../lib/plan/order.ts";
import { makeLlama, refusal, useFolder } from "../../make.ts";

const folder = useFolder("order");
const a = makeLlama(join(folder, "a"));
const broken = join(folder, "broken");
mkdirSync(broken);
writeFileSync(join(broken, "model.safetensors"), "{");

test("a base model that stands last is told last, in a file and in an object", async () => {
  const recipe = join(folder, "last.yml");
  const text = `merge_method: ties
models:
  - {model: ${folder}/first, parameters: {weight: 1}}
  - {model: ${folder}/second, parameters: {weight: 1}}
base_model: ${folder}/base
`;
  writeFileSync(recipe, text);
  const found = await refusal(() => plan(recipe));
  expect(found.problems.map(({ place }) => place?.line)).toEqual([3, 4, 5]);
  const models = ["first", "second"].map((name) => {
    return { model: join(folder, name), parameters: { weight: 1 } };
  });
  const base_model = join(folder, "base");
  const last = await refusal(() => plan({ merge_method: "ties", models, base_model }));
  expect(last.problems.map(({ place }) => place?.path)).toEqual([
    "models[0]",
    "models[1]",
    "base_model",
  ]);
  const first = await refusal(() => plan({ merge_method: "ties", base_model, models }));
  expect(first.problems.map(({ place }) => place?.path)).toEqual([
    "base_model",
    "models[0]",
    "models[1]",
  ]);
});

test("a broken file is told where its model stands, by its own path", async () => {
  const models = [a, broken, join(folder, "nowhere")].map((model) => ({ model }));
  const { problems } = await refusal(() => {
    return plan({ merge_method: "linear", models, parameters: { weight: 1 } });
  });
  expect(problems.map(({ code, place }) => [code, place])).toEqual([
    ["HEADER_TRUNCATED", { file: join(broken, "model.safetensors"), path: "models[1]" }],
    ["MODEL_NOT_FOUND", { path: "models[2]" }],
  ]);
});

test("what has no place comes last, and keeps its order", () => {
  const places = { "": {}, x: { path: "x" }, y: { path: "y" } };
  const problem = (message: string, path?: string) => {
    return {
      code: "UNSUPPORTED" as const,
      message,
      ...(path === undefined ? {} : { place: { path } }),
    };
  };
  const given = [
    problem("1"),
    problem("2", "y"),
    problem("3"),
    problem("4", "x"),
    problem("5", "y"),
  ];
  expect(
    inDocumentOrder(given, { places })
      .map(({ message }) => message)
      .join(""),
  ).toBe("42513");
});
