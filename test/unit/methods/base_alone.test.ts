/** Methods that take any number of models beside the base copy the base where there is none. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import { METHODS } from "../../../lib/methods/index.ts";
import { refusal } from "../../make.ts";

const model = join(import.meta.dirname, "../../../examples/models/base");
const withBase = [...METHODS.values()].filter(({ base }) => base === "required");
const alone = (name: string) =>
  plan({
    merge_method: name,
    base_model: model,
    models: [{ model }],
    parameters: { density: 0.5, t: 0.5 },
  });

test.each(withBase.filter(({ models }) => models.min === 0))("$name", async ({ name }) => {
  const { steps } = await alone(name);
  expect(steps.length).toBe(47);
  for (const { operation } of steps) expect(operation).toEqual({ op: "copy", input: 0 });
});

test.each(withBase.filter(({ models }) => models.min > 0))("but not $name", async ({ name }) => {
  const { problems } = await refusal(() => alone(name));
  expect(problems.map(({ code }) => code)).toEqual(["MODEL_COUNT"]);
});
