import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatReference, parseReference, sameReference } from "../../../lib/config/reference.ts";
import { recipeFromObject } from "../../../lib/config/schema.ts";
import type { ModelReference } from "../../../lib/config/types.ts";
import { methods } from "./methods.ts";

const GOOD: [string, ModelReference][] = [
  ["org/model", { path: "org/model" }],
  ["org/model@main", { path: "org/model", revision: "main" }],
  ["org/model+org/lora", { path: "org/model", lora: { path: "org/lora" } }],
  [
    "org/model@v1+org/lora@v2",
    { path: "org/model", revision: "v1", lora: { path: "org/lora", revision: "v2" } },
  ],
  ["./a b/c", { path: "./a b/c" }],
  ["C:\\models\\x", { path: "C:\\models\\x" }],
  ["./runs/a@b/last", { path: "./runs/a", revision: "b/last" }],
];

const MALFORMED: [string, RegExp][] = [
  ["", /path is empty/],
  [" ", /path is empty/],
  ["a@", /revision is empty/],
  ["@main", /path is empty/],
  ["a+", /path is empty/],
  ["+lora", /path is empty/],
  ["a@b@c", /at most one @/],
  ["a+b@c@d", /at most one @/],
  ["a+b+c", /at most one \+/],
  ["a\u0000b", /control character/],
  ["a@b\n", /control character/],
];

describe("parseReference", () => {
  test.each(GOOD)("%j", (text, reference) => {
    expect(parseReference(text)).toEqual({ reference });
    expect(formatReference(reference)).toBe(text);
  });

  test.each(MALFORMED)("refuses %j", (text, fault) => {
    expect(parseReference(text)).toEqual({ fault: expect.stringMatching(fault) });
  });

  test("property: a reference survives being written and read", () => {
    const word = fc.stringMatching(/^[a-z./]{1,8}$/);
    const part = fc.record({ path: word, revision: word }, { requiredKeys: ["path"] });
    const reference = fc.tuple(part, fc.option(part, { nil: undefined }));
    fc.assert(
      fc.property(reference, ([model, lora]) => {
        const made = lora === undefined ? model : { ...model, lora };
        expect(parseReference(formatReference(made))).toEqual({ reference: made });
      }),
    );
  });
});

test("sameReference compares every part", () => {
  const full: ModelReference = {
    path: "a",
    revision: "1",
    lora: { path: "l", revision: "2" },
    overrideArchitecture: "X",
  };
  expect(sameReference(full, structuredClone(full))).toBe(true);
  const others: ModelReference[] = [
    { ...full, path: "b" },
    { ...full, revision: "2" },
    { ...full, lora: { path: "m", revision: "2" } },
    { ...full, lora: { path: "l", revision: "3" } },
    { ...full, overrideArchitecture: "Y" },
    { path: "a" },
  ];
  for (const other of others) expect(sameReference(full, other)).toBe(false);
});

describe("the long form", () => {
  const read = (model: unknown) => {
    return recipeFromObject({ merge_method: "passthrough", models: [{ model }] }, methods);
  };
  const good: [string, unknown, ModelReference][] = [
    ["nested", { model: { path: "a", revision: "r" } }, { path: "a", revision: "r" }],
    ["text", { model: "a@r" }, { path: "a", revision: "r" }],
    ["a path with marks", { model: { path: "a@b+c" } }, { path: "a@b+c" }],
    ["a + in text, which has no adapter there", { model: "a+b" }, { path: "a+b" }],
    [
      "everything",
      { model: "a", lora: { path: "l", revision: "r" }, override_architecture: "LlamaForCausalLM" },
      {
        path: "a",
        lora: { path: "l", revision: "r" },
        overrideArchitecture: "LlamaForCausalLM",
      },
    ],
    ["nulls are absent", { model: { path: "a", revision: null }, lora: null }, { path: "a" }],
  ];
  test.each(good)("%s", (_title, model, expected) => {
    const { recipe, problems } = read(model);
    expect(problems).toEqual([]);
    expect(recipe?.body?.models?.[0].model).toEqual(expected);
  });

  const bad: [unknown, string, string][] = [
    [{ path: "a" }, "UNKNOWN_KEY", "models[0].model.path"],
    [{}, "MISSING_KEY", "models[0].model"],
    [{ model: {} }, "MISSING_KEY", "models[0].model.model"],
    [{ model: 7 }, "WRONG_TYPE", "models[0].model.model"],
    [{ model: "a@b@c" }, "WRONG_TYPE", "models[0].model.model"],
    [{ model: { path: "a", revision: 7 } }, "WRONG_TYPE", "models[0].model.model.revision"],
    [{ model: { path: "a\u0000" } }, "WRONG_TYPE", "models[0].model.model.path"],
    [{ model: "a", lora: [] }, "WRONG_TYPE", "models[0].model.lora"],
    [
      { model: "a", override_architecture: "" },
      "WRONG_TYPE",
      "models[0].model.override_architecture",
    ],
    [7, "WRONG_TYPE", "models[0].model"],
    [["a"], "WRONG_TYPE", "models[0].model"],
    ["a@b@c", "WRONG_TYPE", "models[0].model"],
  ];
  test.each(bad)("refuses %j", (model, code, path) => {
    const { recipe, problems } = read(model);
    expect(recipe).toBeUndefined();
    expect(problems[0]).toMatchObject({ code, place: { path } });
  });
});
