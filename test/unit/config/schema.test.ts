import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRecipe } from "../../../lib/config/read.ts";
import { type ParsedRecipe, parseRecipe, recipeFromObject } from "../../../lib/config/schema.ts";
import { ERROR_CODES, throwProblems } from "../../../lib/errors.ts";
import type { Method, ParameterSpec } from "../../../lib/methods/types.ts";
import { methods } from "./methods.ts";

const parse = (text: string): ParsedRecipe => parseRecipe(readRecipe(text, "r.yml")[0], methods);
const codes = ({ problems }: ParsedRecipe): string[] => problems.map((each) => each.code);

/** A recipe with one model whose weight is written thus. */
const weighing = (weight: string): string =>
  `merge_method: linear\nmodels: [{model: a, parameters: {weight: ${weight}}}]\n`;

/** A one-model recipe with something more at its top. */
const topped = (more: string): string =>
  `merge_method: passthrough\nmodels: [{model: a}]\n${more}\n`;

describe("whole recipes", () => {
  test("models", () => {
    const { recipe, problems, notes } = parse(`
merge_method: ties
base_model: org/base
models:
  - model: org/base # no parameters necessary
  - model: org/one@main
    parameters:
      density: [1, 0.7, 0.1]
      weight: 1.0
  - model: org/two
    parameters:
      density: 0.5
      weight:
        - filter: mlp
          value: 0.5
        - value: [0, 0.3]
parameters:
  normalize: true
  int8_mask: on
dtype: float32
out_dtype: torch.bfloat16
tokenizer_source: union
chat_template: auto
name: mine
`);
    expect(problems).toEqual([]);
    expect(notes).toEqual([]);
    expect(recipe).toMatchObject({
      mergeMethod: "ties",
      baseModel: { path: "org/base" },
      body: {
        parameters: {},
        models: [
          { model: { path: "org/base" }, parameters: {} },
          { model: { path: "org/one", revision: "main" }, parameters: { density: [1, 0.7, 0.1] } },
          {
            model: { path: "org/two" },
            parameters: {
              density: 0.5,
              weight: [{ filter: "mlp", value: 0.5 }, { value: [0, 0.3] }],
            },
          },
        ],
      },
      parameters: { normalize: 1, int8_mask: 1 },
      dtype: "F32",
      outDtype: "BF16",
      tokenizerSource: "union",
      chatTemplate: "auto",
      name: "mine",
    });
    expect(recipe?.body?.models?.[1].place).toMatchObject({ file: "r.yml", line: 6, column: 5 });
    expect(recipe?.places["models[2].parameters.weight[1].value"]).toMatchObject({ line: 16 });
  });

  test("slices", () => {
    const { recipe, problems, notes } = parse(`
merge_method: slerp
base_model: a
slices:
  - sources:
      - {model: a, layer_range: [0, 8]}
      - {model: b, layer_range: ["4", 12]}
    residual_weight: 0.5
    parameters: {t: [0, 1]}
  - base_model: b
    sources:
      - {model: a, layer_range: [8, 9]}
      - {model: b, layer_range: [8, 9]}
parameters:
  t: 0.5
`);
    expect(problems).toEqual([]);
    expect(notes).toEqual([expect.stringContaining("slices[0].residual_weight")]);
    expect(recipe?.body?.slices).toMatchObject([
      { sources: [{ layerRange: [0, 8] }, { layerRange: [4, 12] }], parameters: { t: [0, 1] } },
      { baseModel: { path: "b" }, sources: [{ layerRange: [8, 9] }, {}], parameters: {} },
    ]);
  });

  test("modules", () => {
    const { recipe, problems } = parse(`
merge_method: linear
modules:
  text_decoder:
    parameters: {weight: 0.5}
    models: [{model: a}, {model: b}]
  vision_tower:
    slices:
      - sources: [{model: a, layer_range: [0, 2], parameters: {weight: 1}}]
`);
    expect(problems).toEqual([]);
    expect(recipe?.body).toBeUndefined();
    expect(recipe?.modules).toMatchObject({
      text_decoder: { models: [{ model: { path: "a" } }, {}], parameters: { weight: 0.5 } },
      vision_tower: { slices: [{ sources: [{ parameters: { weight: 1 } }] }], parameters: {} },
    });
  });

  test("tokenizer", () => {
    const { recipe, problems } = parse(
      topped(`tokenizer:
  source: org/donor
  pad_to_multiple_of: 64
  tokens:
    <|im_end|>: {source: org/donor, force: yes}
    a: {source: {kind: zero}}
    b: {source: {kind: model_token, model: m, token: x}}
    c: {source: {kind: model_token, model: m, token_id: 7}}
    d: {source: {model: {path: p}}}
    e: {}
chat_template: "{% for message in messages %}{{ message }}{% endfor %}"`),
    );
    expect(problems).toEqual([]);
    expect(recipe?.tokenizer).toEqual({
      source: { path: "org/donor" },
      padToMultipleOf: 64,
      tokens: {
        "<|im_end|>": { source: { kind: "model", model: { path: "org/donor" } }, force: true },
        a: { source: { kind: "zero" }, force: false },
        b: { source: { kind: "model_token", model: { path: "m" }, token: "x" }, force: false },
        c: { source: { kind: "model_token", model: { path: "m" }, tokenId: 7 }, force: false },
        d: { source: { kind: "model", model: { path: "p" } }, force: false },
        e: { force: false },
      },
    });
  });

  test("nulls are absent keys", () => {
    const { recipe, problems } = parse(
      topped("base_model:\nparameters:\ndtype: ~\ntokenizer:\nslices:\nname: null"),
    );
    expect(problems).toEqual([]);
    expect(Object.keys(recipe ?? {}).sort()).toEqual([
      "body",
      "mergeMethod",
      "parameters",
      "places",
    ]);
  });

  test("an object in TypeScript", () => {
    const { recipe, problems } = recipeFromObject(
      {
        merge_method: "linear",
        dtype: undefined,
        models: [{ model: "a", parameters: { weight: [0, 1] } }],
        parameters: { normalize: false },
      },
      methods,
    );
    expect(problems).toEqual([]);
    expect(recipe).toMatchObject({
      body: { models: [{ parameters: { weight: [0, 1] }, place: { path: "models[0]" } }] },
      parameters: { normalize: 0 },
    });
  });

  test("the same model twice", () => {
    expect(parse("merge_method: karcher\nmodels: [{model: a}, {model: a}]").problems).toEqual([]);
  });
});

describe("dtype names", () => {
  const good = ["float32 F32", "float16 F16", "bfloat16 BF16", "torch.float16 F16"];
  test.each(good.map((row) => row.split(" ")))("%s", (name, dtype) => {
    expect(parse(topped(`dtype: ${name}`)).recipe?.dtype).toBe(dtype);
  });

  const bad: [string, RegExp][] = [
    ["bf16", /did you mean `bfloat16`/],
    ["fp16", /did you mean `float16`/],
    ["FLOAT32", /did you mean `float32`/],
    ["bfloat", /did you mean `bfloat16`/],
    ["torch.half", /did you mean `float16`/],
    ["int64", /dtypes: /],
    ["float64", /dtypes: /],
    ["float8_e4m3fn", /dtypes: /],
    ["auto", /dtypes: /],
  ];
  test.each(bad)("refuses %s", (name, hint) => {
    const { problems } = parse(topped(`out_dtype: ${name}`));
    expect(problems).toMatchObject([{ code: "UNKNOWN_DTYPE", place: { line: 3, column: 1 } }]);
    expect(problems[0].hint).toMatch(hint);
  });
});

describe("settings", () => {
  const accepted: [string, unknown][] = [
    ["1", 1],
    ["-0.5", -0.5],
    ["1e-5", 1e-5],
    ["1.0e-5", 1e-5],
    ['"1e-5"', 1e-5],
    ['"0755"', 755],
    ["+.5", 0.5],
    ["0x1F", 31],
    ["-0", 0],
    ["-0.0", 0],
    ["true", 1],
    ["False", 0],
    ["yes", 1],
    ["No", 0],
    ["ON", 1],
    ["off", 0],
    ["y", 1],
    ["n", 0],
    ["[0, 0.5, 1]", [0, 0.5, 1]],
    ["[yes, 1e-5, 2]", [1, 1e-5, 2]],
    ["[7]", [7]],
    ["{value: 1}", [{ value: 1 }]],
    ["{filter: mlp, value: [0, 1]}", [{ filter: "mlp", value: [0, 1] }]],
    ["[{filter: '*', value: 1}]", [{ filter: "*", value: 1 }]],
    ["[{filter: null, value: 1}]", [{ value: 1 }]],
    ["[{filter: on, value: 1}]", [{ filter: "on", value: 1 }]],
    [
      "[{filter: a, value: [{filter: b, value: 1}, {value: 2}]}, {value: 3}]",
      [{ filter: "a", value: [{ filter: "b", value: 1 }, { value: 2 }] }, { value: 3 }],
    ],
  ];
  test.each(accepted)("%s", (text, expected) => {
    const { recipe, problems } = parse(weighing(text));
    expect(problems).toEqual([]);
    expect(recipe?.body?.models?.[0].parameters.weight).toEqual(expected);
  });

  const refused: [string, string, RegExp, string?][] = [
    ["abc", "WRONG_TYPE", /expected a finite number, found the text "abc"/],
    ["null", "WRONG_TYPE", /found nothing/],
    ["", "WRONG_TYPE", /found nothing/],
    ["[]", "WRONG_TYPE", /found an empty list/],
    ["[1, {value: 2}]", "WRONG_TYPE", /a list that mixes the two/],
    ["[[1]]", "WRONG_TYPE", /found a list/, "[0]"],
    ["[1, null]", "WRONG_TYPE", /found nothing/, "[1]"],
    ["[1, x]", "WRONG_TYPE", /found the text "x"/, "[1]"],
    ["{}", "MISSING_KEY", /has a key `value`/, ""],
    ["[{filter: a}]", "MISSING_KEY", /has a key `value`/, "[0]"],
    ["[{filter: a, vaule: 1}]", "MISSING_KEY", /vaule`: unknown key/, "[0]"],
    ["[{filter: 1, value: 1}]", "WRONG_TYPE", /a part of a tensor's name/, "[0].filter"],
    ["[{filter: a, value: null}]", "WRONG_TYPE", /found nothing/, "[0].value"],
    [".nan", "OUT_OF_RANGE", /found the number NaN/],
    [".inf", "OUT_OF_RANGE", /found the number Infinity/],
    ["-.inf", "OUT_OF_RANGE", /found the number -Infinity/],
    ["1e999", "OUT_OF_RANGE", /found the number Infinity/],
    ['"1e999"', "OUT_OF_RANGE", /found the number Infinity/],
    ["[0, .nan]", "OUT_OF_RANGE", /NaN/, "[1]"],
    ["0755", "WRONG_TYPE", /found the text "0755"/],
    ["089", "WRONG_TYPE", /found the text "089"/],
    ["-012", "WRONG_TYPE", /found the text "-012"/],
    ["0o17", "WRONG_TYPE", /found the text "0o17"/],
    ["0b101", "WRONG_TYPE", /found the text "0b101"/],
    ["-0x1F", "WRONG_TYPE", /found the text "-0x1F"/],
    ["1:30", "WRONG_TYPE", /found the text "1:30"/],
    ["1_000", "WRONG_TYPE", /found the text "1_000"/],
    ["0x1_F", "WRONG_TYPE", /found the text "0x1_F"/],
    ['"yes"', "WRONG_TYPE", /found the text "yes"/],
    ['"true"', "WRONG_TYPE", /found the text "true"/],
    ['"0x1F"', "WRONG_TYPE", /found the text "0x1F"/],
    ['" 1"', "WRONG_TYPE", /found the text " 1"/],
    ['""', "WRONG_TYPE", /found empty text/],
    ["2024-01-01", "WRONG_TYPE", /found the text "2024-01-01"/],
  ];
  test.each(refused)("refuses %s", (text, code, message, step = "") => {
    const parsed = parse(weighing(text));
    const place = { line: 2, path: `models[0].parameters.weight${step}` };
    expect(parsed.recipe).toBeUndefined();
    expect(parsed.problems[0]).toMatchObject({ code, place });
    expect(parsed.problems.map((each) => each.message).join("\n")).toMatch(message);
  });

  test("values that differ between the YAML versions come with what to write", () => {
    for (const text of ["0755", "0o17", "0b101", "-0x1F", "1:30", "1_000", "0x1_F"]) {
      expect(parse(weighing(text)).problems[0].hint).toMatch(/YAML 1\.1.*plain decimal/);
    }
  });
});

describe("parameter declarations", () => {
  const tie = (own: string, all = ""): ParsedRecipe =>
    parse(`merge_method: ties
base_model: a
models: [{model: b, parameters: {weight: 1, ${own}}}]
parameters: {${all}}`);

  const ranges: [string, string, string[]][] = [
    ["density: 0", "", []],
    ["density: 1", "", []],
    ["density: 1.01", "", ["OUT_OF_RANGE"]],
    ["density: [0.5, -0.1, 2]", "", ["OUT_OF_RANGE", "OUT_OF_RANGE"]],
    ["density: [{filter: a, value: 7}]", "", ["OUT_OF_RANGE"]],
    ["", "density: 7", ["OUT_OF_RANGE"]],
    ["", "normalize: 2", ["OUT_OF_RANGE"]],
    ["", "normalize: 0", []],
    ["", "lambda: -3", []],
  ];
  test.each(ranges)("%s / %s", (own, all, expected) => {
    expect(codes(tie(own, all))).toEqual(expected);
  });

  test.each(["2.5", "0", "1e300"])("an integer cannot be %s", (value) => {
    const recipe = `merge_method: karcher\nmodels: [{model: a}]\nparameters: {max_iter: ${value}}`;
    expect(parse(recipe).problems).toMatchObject([
      { code: "OUT_OF_RANGE", message: expect.stringContaining("an integer, at least 1") },
    ]);
  });

  test("a model's parameter may stand at any level", () => {
    const slices = (slice: string, all: string) => `merge_method: linear
slices: [{sources: [{model: a, layer_range: [0, 1]}], parameters: {${slice}}}]
parameters: {${all}}`;
    expect(codes(parse(slices("weight: 1", "")))).toEqual([]);
    expect(codes(parse(slices("", "weight: 1")))).toEqual([]);
    expect(codes(parse(slices("", "")))).toEqual(["MISSING_PARAMETER"]);
  });

  test("a global parameter under a model is noted and left out", () => {
    const { recipe, notes, problems } = tie("lambda: 2");
    expect(problems).toEqual([]);
    expect(notes).toEqual([expect.stringContaining("models[0].parameters.lambda")]);
    expect(recipe?.body?.models?.[0].parameters).toEqual({ weight: 1 });
  });

  test("another method's parameter is noted and left out, but must be a setting", () => {
    const linear = (density: string) =>
      parse(`merge_method: linear
models: [{model: a, parameters: {weight: 1, density: ${density}}}]
parameters: {int8_mask: true}`);
    const { recipe, notes, problems } = linear("7");
    expect(problems).toEqual([]);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/density`: ignored, `linear` has no such parameter/);
    expect(recipe?.parameters).toEqual({});
    expect(codes(linear("x"))).toEqual(["WRONG_TYPE"]);
  });

  test("a name that no method has is an error", () => {
    expect(tie("densty: 0.5").problems).toMatchObject([
      { code: "UNKNOWN_KEY", hint: "did you mean `density`?", place: { line: 3 } },
    ]);
    expect(tie("", "nomalize: 1, colour: 2").problems).toMatchObject([
      { hint: "did you mean `normalize`?" },
      { hint: expect.stringContaining("ties has `weight`, `density`") },
    ]);
    expect(codes(tie("__proto__: 1, constructor: 2"))).toEqual(["UNKNOWN_KEY", "UNKNOWN_KEY"]);
  });

  test("what a required parameter may be missing from", () => {
    const text = `merge_method: ties
base_model: a
models:
  - model: a
  - model: b
  - model: c
    parameters: {weight: 1}
  - model: a`;
    expect(parse(text).problems).toMatchObject([
      { code: "MISSING_PARAMETER", place: { line: 5, path: "models[1]" } },
      { code: "MISSING_PARAMETER", place: { line: 8, path: "models[3]" } },
    ]);
    expect(codes(parse("merge_method: linear\nbase_model: a\nmodels: [{model: a}]"))).toEqual([
      "MISSING_PARAMETER",
    ]);
    expect(
      codes(parse("merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]")),
    ).toEqual(["MISSING_PARAMETER"]);
  });
});

describe("base models and counts", () => {
  const models = (names: string): string =>
    `models: [${names
      .split("")
      .map((name) => `{model: ${name}}`)
      .join(", ")}]`;
  const slices = (names: string): string =>
    `slices: [{sources: [${names
      .split("")
      .map((name) => `{model: ${name}, layer_range: [0, 1]}`)
      .join(", ")}]}]`;
  const rows: [string, string | undefined, string, string[], number?][] = [
    ["ties", "a", models("bc"), []],
    ["ties", "a", models("abc"), []],
    ["ties", "a", models("a"), ["MODEL_COUNT"]],
    ["ties", undefined, models("bc"), ["BASE_MODEL"]],
    ["ties", "a", slices("ab"), []],
    ["ties", "a", slices("bc"), ["BASE_MODEL"]],
    ["slerp", "a", models("ab"), []],
    ["slerp", "b", models("ab"), []],
    ["slerp", "a", models("aa"), []],
    ["slerp", "c", models("ab"), ["BASE_MODEL"]],
    ["slerp", undefined, models("ab"), ["BASE_MODEL"]],
    ["slerp", "a", models("abc"), ["MODEL_COUNT"]],
    ["slerp", "a", models("a"), ["MODEL_COUNT"]],
    ["slerp", "a", slices("ab"), []],
    ["slerp", "a", slices("bc"), ["BASE_MODEL"]],
    ["multislerp", undefined, models("ab"), []],
    ["multislerp", "a", models("ab"), []],
    ["multislerp", "c", models("ab"), []],
    ["multislerp", "a", models("a"), ["MODEL_COUNT"]],
    ["multislerp", "c", slices("ab"), [], 1],
    ["linear", "c", models("ab"), []],
    ["passthrough", undefined, models("a"), []],
    ["passthrough", "a", models("a"), []],
    ["passthrough", "b", slices("a"), []],
    ["passthrough", undefined, models("ab"), ["MODEL_COUNT"]],
    ["passthrough", undefined, slices("ab"), ["MODEL_COUNT"]],
  ];
  test.each(rows)("%s, base %s, %s", (method, base, contents, expected, notes = 0) => {
    const given = { linear: "weight: 1", multislerp: "weight: 1, eps: 0", ties: "weight: 1" };
    const parameters = given[method as keyof typeof given] ?? (method === "slerp" ? "t: 0.5" : "");
    const parsed = parse(
      `merge_method: ${method}\nbase_model: ${base ?? ""}\n${contents}\nparameters: {${parameters}}`,
    );
    expect(codes(parsed)).toEqual(expected);
    expect(parsed.notes).toHaveLength(notes);
  });

  test("a slice's own base model goes before the recipe's", () => {
    const text = `merge_method: slerp\nbase_model: c\n${slices("ab").replace("[{s", "[{base_model: b, s")}`;
    expect(codes(parse(`${text}\nparameters: {t: 1}`))).toEqual([]);
  });

  test("more than ten thousand sources", () => {
    const many = (n: number) => `merge_method: karcher\nmodels:\n${"- model: a\n".repeat(n)}`;
    expect(codes(parse(many(10_000)))).toEqual([]);
    expect(codes(parse(many(10_001)))).toEqual(["RECIPE_TOO_LARGE"]);
    const sources = Array(6000).fill({ model: "a", layer_range: [0, 1] });
    const slices = [{ sources }, { sources }, { sources }];
    const parsed = recipeFromObject({ merge_method: "karcher", slices }, methods);
    expect(codes(parsed)).toEqual(["RECIPE_TOO_LARGE"]);
  });
});

describe("refused values", () => {
  const source = (range: string): string =>
    `merge_method: karcher\nslices: [{sources: [{model: a, layer_range: ${range}}]}]`;
  const rows: [string, string, string, string][] = [
    ["an empty document", "", "WRONG_TYPE", ""],
    ["a list", "[]", "WRONG_TYPE", ""],
    ["a word", "linear", "WRONG_TYPE", ""],
    ["no method", "models: [{model: a}]", "MISSING_KEY", ""],
    [
      "an unknown method",
      "merge_method: tie\nmodels: [{model: a}]",
      "UNKNOWN_METHOD",
      "merge_method",
    ],
    ["a method's number", "merge_method: 1\nmodels: [{model: a}]", "WRONG_TYPE", "merge_method"],
    ["no models", "merge_method: linear", "MISSING_KEY", ""],
    ["an empty list of models", "merge_method: linear\nmodels: []", "WRONG_TYPE", "models"],
    ["models as a mapping", "merge_method: linear\nmodels: {a: 1}", "WRONG_TYPE", "models"],
    ["a model without name", "merge_method: karcher\nmodels: [{}]", "MISSING_KEY", "models[0]"],
    ["a model as text", "merge_method: karcher\nmodels: [a]", "WRONG_TYPE", "models[0]"],
    [
      "a model's number",
      "merge_method: karcher\nmodels: [{model: 7}]",
      "WRONG_TYPE",
      "models[0].model",
    ],
    ["models and slices", topped("slices: [{sources: []}]"), "CONFLICTING_KEYS", "slices"],
    ["models and modules", topped("modules: {}"), "CONFLICTING_KEYS", "modules"],
    ["no modules", "merge_method: karcher\nmodules: {}", "MISSING_KEY", "modules"],
    ["a module of nothing", "merge_method: karcher\nmodules: {x: {}}", "MISSING_KEY", "modules.x"],
    ["a module of text", "merge_method: karcher\nmodules: {x: y}", "WRONG_TYPE", "modules.x"],
    ["a slice of text", "merge_method: karcher\nslices: [x]", "WRONG_TYPE", "slices[0]"],
    ["no sources", "merge_method: karcher\nslices: [{}]", "WRONG_TYPE", "slices[0].sources"],
    [
      "a source of text",
      "merge_method: karcher\nslices: [{sources: [x]}]",
      "WRONG_TYPE",
      "slices[0].sources[0]",
    ],
    ["no layer range", source("null"), "MISSING_KEY", "slices[0].sources[0]"],
    ["a reversed range", source("[8, 4]"), "LAYER_RANGE", "slices[0].sources[0].layer_range"],
    ["an empty range", source("[4, 4]"), "LAYER_RANGE", "slices[0].sources[0].layer_range"],
    ["a negative layer", source("[-1, 4]"), "OUT_OF_RANGE", "slices[0].sources[0].layer_range[0]"],
    ["half a layer", source("[0, 4.5]"), "OUT_OF_RANGE", "slices[0].sources[0].layer_range[1]"],
    ["a layer in octal", source("[0, 010]"), "WRONG_TYPE", "slices[0].sources[0].layer_range[1]"],
    ["a boolean layer", source("[0, true]"), "WRONG_TYPE", "slices[0].sources[0].layer_range[1]"],
    ["one layer", source("[4]"), "WRONG_TYPE", "slices[0].sources[0].layer_range"],
    ["three layers", source("[1, 2, 3]"), "WRONG_TYPE", "slices[0].sources[0].layer_range"],
    ["a layer count", source("4"), "WRONG_TYPE", "slices[0].sources[0].layer_range"],
    ["a dtype's number", topped("dtype: 16"), "WRONG_TYPE", "dtype"],
    ["a base model's number", topped("base_model: 7"), "WRONG_TYPE", "base_model"],
    ["parameters as a list", topped("parameters: [1]"), "WRONG_TYPE", "parameters"],
    [
      "both tokenizer keys",
      topped("tokenizer_source: base\ntokenizer: {}"),
      "CONFLICTING_KEYS",
      "tokenizer",
    ],
    [
      "a malformed tokenizer source",
      topped("tokenizer_source: a@b@c"),
      "WRONG_TYPE",
      "tokenizer_source",
    ],
    ["tokenizer as text", topped("tokenizer: union"), "WRONG_TYPE", "tokenizer"],
    ["tokens as a list", topped("tokenizer: {tokens: []}"), "WRONG_TYPE", "tokenizer.tokens"],
    [
      "a padding of zero",
      topped("tokenizer: {pad_to_multiple_of: 0}"),
      "OUT_OF_RANGE",
      "tokenizer.pad_to_multiple_of",
    ],
    [
      "a token's unknown key",
      topped("tokenizer: {tokens: {x: {sauce: a}}}"),
      "UNKNOWN_KEY",
      "tokenizer.tokens.x.sauce",
    ],
    [
      "a token of unknown kind",
      topped("tokenizer: {tokens: {x: {source: {kind: one}}}}"),
      "WRONG_TYPE",
      "tokenizer.tokens.x.source.kind",
    ],
    [
      "a token from no model",
      topped("tokenizer: {tokens: {x: {source: {kind: model_token, token: a}}}}"),
      "MISSING_KEY",
      "tokenizer.tokens.x.source",
    ],
    [
      "a token from no token",
      topped("tokenizer: {tokens: {x: {source: {kind: model_token, model: a}}}}"),
      "MISSING_KEY",
      "tokenizer.tokens.x.source",
    ],
    [
      "a token from two tokens",
      topped(
        "tokenizer: {tokens: {x: {source: {kind: model_token, model: a, token: b, token_id: 1}}}}",
      ),
      "CONFLICTING_KEYS",
      "tokenizer.tokens.x.source",
    ],
    [
      "a flag's number",
      topped("tokenizer: {tokens: {x: {force: 2}}}"),
      "WRONG_TYPE",
      "tokenizer.tokens.x.force",
    ],
    ["an unknown template", topped("chat_template: chatlm"), "WRONG_TYPE", "chat_template"],
    [
      "a long text that is no template",
      topped("chat_template: abcdefghijklmnopqrstuvwxyz"),
      "WRONG_TYPE",
      "chat_template",
    ],
    ["a name that is a path", topped("name: ../x"), "WRONG_TYPE", "name"],
    ["a name of dots", topped("name: .."), "WRONG_TYPE", "name"],
  ];
  test.each(rows)("%s", (_title, text, code, path) => {
    const parsed = parse(text);
    expect(parsed.recipe).toBeUndefined();
    expect(parsed.problems.map((each) => [each.code, each.place?.path])).toEqual([[code, path]]);
  });

  test("sources of different depth in a slice", () => {
    const text = `merge_method: karcher
slices: [{sources: [{model: a, layer_range: [0, 2]}, {model: a, layer_range: [0, 3]}]}]`;
    expect(parse(text).problems).toMatchObject([
      { code: "LAYER_RANGE", message: expect.stringContaining("found 2, 3") },
    ]);
  });

  test("an unknown method comes with a suggestion and the list", () => {
    const [{ hint }] = parse("merge_method: tie\nmodels: [{model: a}]").problems;
    expect(hint).toMatch(/did you mean `ties`\? methods: `linear`, `slerp`/);
  });
});

describe("unknown keys", () => {
  const rows: [string, string, string, string][] = [
    ["at the top", "mrege_method: a", "mrege_method", "did you mean `merge_method`?"],
    ["a parameter at the top", "weight: 1", "weight", "parameters stand under `parameters:`"],
    ["of no resemblance", "zzz: 1", "zzz", "known here: `merge_method`"],
    ["of one letter", "x: 1", "x", "known here: `merge_method`"],
    ["__proto__", "__proto__: {a: 1}", "__proto__", "known here:"],
    ["constructor", "constructor: 1", "constructor", "known here:"],
    ["that is no word", '"\\e[31m": 1', '["\\u001b[31m"]', "known here:"],
    ["in a tokenizer", "tokenizer: {sources: base}", "tokenizer.sources", "did you mean `source`?"],
  ];
  test.each(rows)("%s", (_title, more, path, hint) => {
    expect(parse(topped(more)).problems).toMatchObject([
      { code: "UNKNOWN_KEY", place: { path, line: 3 }, hint: expect.stringContaining(hint) },
    ]);
  });

  const inner: [string, string][] = [
    ["models: [{model: a, parameter: {}}]", "models[0].parameter"],
    ["models: [{model: a, layer_range: [0, 1]}]", "models[0].layer_range"],
    ["slices: [{sources: [{model: a, layer_range: [0, 1], w: 1}]}]", "slices[0].sources[0].w"],
    ["slices: [{source: 1, sources: [{model: a, layer_range: [0, 1]}]}]", "slices[0].source"],
    ["modules: {x: {model: a, models: [{model: a}]}}", "modules.x.model"],
  ];
  test.each(inner)("%s", (contents, path) => {
    expect(parse(`merge_method: karcher\n${contents}`).problems).toMatchObject([
      { code: "UNKNOWN_KEY", place: { path } },
    ]);
  });

  test("nothing is written to a prototype", () => {
    const before = Object.getOwnPropertyDescriptors(Object.prototype);
    const text = `merge_method: karcher
modules: {__proto__: {models: [{model: a}]}, constructor: {models: [{model: a}]}}
tokenizer: {tokens: {__proto__: {force: true}}}`;
    const { recipe, problems } = parse(text);
    expect(problems).toEqual([]);
    expect(Object.keys(recipe?.modules ?? {})).toEqual(["__proto__", "constructor"]);
    expect(Object.keys(recipe?.tokenizer?.tokens ?? {})).toEqual(["__proto__"]);
    expect(Object.getOwnPropertyDescriptors(Object.prototype)).toEqual(before);
  });
});

describe("all problems at once", () => {
  const text = `merge_method: ties
base_modle: a
models:
  - model: a@b@c
    parameters: {weight: x}
  - model: b
    parameters: {weight: 1, density: 7, dencity: 1}
parameters: {normalize: maybe}
dtype: bf16
`;

  test("in document order, each with its place", () => {
    const { problems } = parse(text);
    expect(problems.map((each) => [each.code, each.place?.line])).toEqual([
      ["BASE_MODEL", 1],
      ["UNKNOWN_KEY", 2],
      ["WRONG_TYPE", 4],
      ["WRONG_TYPE", 5],
      ["OUT_OF_RANGE", 7],
      ["UNKNOWN_KEY", 7],
      ["WRONG_TYPE", 8],
      ["UNKNOWN_DTYPE", 9],
    ]);
    for (const { place } of problems) expect(place?.file).toBe("r.yml");
  });

  test("as one error", () => {
    expect(() => throwProblems(parse(text).problems, "r.yml")).toThrow(
      /8 problems[\s\S]*r\.yml:9:1: `dtype`: expected the name of a dtype, found the text "bf16"/,
    );
  });

  test("up to a hundred", () => {
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}: 1`).join("\n");
    expect(parse(topped(keys)).problems).toHaveLength(100);
  });

  test("a file given apart is named when the document has none", () => {
    const [document] = readRecipe("merge_method: linear");
    const { problems } = parseRecipe(document, methods, "given.yml");
    expect(problems[0].place).toMatchObject({ file: "given.yml", line: 1 });
  });
});

describe("objects that are no plain data", () => {
  const circular: Record<string, unknown> = { merge_method: "linear" };
  circular.models = [circular];
  const deep = JSON.parse(`${'{"value":['.repeat(200)}1${"]}".repeat(200)}`);
  const rows: [string, unknown, string][] = [
    ["circular", circular, "RECIPE_TOO_LARGE"],
    ["deep", { merge_method: "linear", parameters: { weight: deep } }, "RECIPE_TOO_LARGE"],
    ["a long sparse list", { models: new Array(4e9) }, "RECIPE_TOO_LARGE"],
    ["a class", new Map(), "WRONG_TYPE"],
    ["a function", { merge_method: () => 1, models: [{ model: "a" }] }, "WRONG_TYPE"],
    ["a big integer", { merge_method: 1n, models: [{ model: "a" }] }, "WRONG_TYPE"],
    ["a symbol", Symbol("x"), "WRONG_TYPE"],
    ["undefined", undefined, "WRONG_TYPE"],
    ["a date", { merge_method: "karcher", models: new Date() }, "WRONG_TYPE"],
  ];
  test.each(rows)("%s", (_title, value, code) => {
    expect(codes(recipeFromObject(value, methods))).toEqual([code]);
  });
});

/** JSON values that often have the keys of a recipe, so that reading gets somewhere. */
function recipeLike(): fc.Arbitrary<unknown> {
  const { value } = fc.letrec((tie) => {
    const leaf = fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom(...methods.keys(), "a@b", "a+b", "float16", "union", 0, 1, 0.5, true, null),
    );
    const list = fc.oneof(fc.array(tie("value"), { maxLength: 4 }), fc.constant([0, 4]));
    const names = [
      "filter",
      "value",
      "kind",
      "path",
      "revision",
      "lora",
      "source",
      "tokens",
      "force",
    ];
    const parameters = [
      "weight",
      "density",
      "t",
      "normalize",
      "max_iter",
      "__proto__",
      "constructor",
    ];
    const key = fc.constantFrom("model", "sources", "layer_range", ...names, ...parameters);
    const record = fc.dictionary(key, tie("value"), { maxKeys: 5 });
    return { value: fc.oneof({ maxDepth: 6 }, leaf, list, record) };
  });
  const part = {
    method: fc.constantFrom(...methods.keys()),
    value: value as fc.Arbitrary<unknown>,
  };
  const model = fc.record(
    { model: fc.oneof(fc.constantFrom("a", "b"), part.value), parameters: part.value },
    { requiredKeys: ["model"] },
  );
  const whole = fc.record(
    {
      merge_method: part.method,
      models: fc.oneof(fc.array(model, { minLength: 1, maxLength: 3 }), part.value),
      slices: part.value,
      modules: part.value,
      base_model: fc.oneof(fc.constantFrom("a", "b"), part.value),
      parameters: part.value,
      dtype: part.value,
      tokenizer: part.value,
    },
    { requiredKeys: ["merge_method"] },
  );
  return fc.oneof(whole, part.value, fc.jsonValue());
}

describe("properties", () => {
  const check = (parsed: ParsedRecipe): void => {
    expect(parsed.recipe === undefined).toBe(parsed.problems.length > 0);
    for (const { code } of parsed.problems) expect(ERROR_CODES).toHaveProperty(code);
    if (parsed.recipe !== undefined) structuredClone(parsed.recipe);
  };

  test("any JSON value gives problems or a recipe", () => {
    fc.assert(
      fc.property(recipeLike(), (value) => check(recipeFromObject(value, methods))),
      { numRuns: 3000 },
    );
  });

  test("as text and as an object it is the same", () => {
    fc.assert(
      fc.property(recipeLike(), (value) => {
        const [document] = readRecipe(JSON.stringify(value));
        const read = parseRecipe(document, methods);
        const given = recipeFromObject(JSON.parse(JSON.stringify(value)), methods);
        expect(read.problems.map((each) => each.message).sort()).toEqual(
          given.problems.map((each) => each.message).sort(),
        );
        expect(read.notes).toEqual(given.notes);
        expect(read.recipe?.parameters).toEqual(given.recipe?.parameters);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("what methods of users declare", () => {
  const method = (name: string, parameters: readonly ParameterSpec[]): Method => ({
    ...(methods.get("passthrough") as Method),
    name,
    parameters,
  });
  const most: ParameterSpec = { name: "p", scope: "global", type: "number", max: 5, about: "" };
  const own = new Map([method("bare", []), method("bounded", [most])].map((m) => [m.name, m]));
  const tell = (text: string) => parseRecipe(readRecipe(text)[0], own).problems;
  const models = "models: [{model: a}]\n";

  test("an upper bound alone is told as such", () => {
    const [problem] = tell(`merge_method: bounded\n${models}parameters: {p: 6}\n`);
    expect(problem.message).toContain("expected a finite number, at most 5, found the number 6");
  });

  test("a number of another method's must be finite as well", () => {
    const [problem] = tell(`merge_method: bare\n${models}parameters: {p: .inf}\n`);
    expect(problem.message).toContain("expected a finite number, found the number Infinity");
  });

  test("a method without parameters says so", () => {
    const [problem] = tell(`merge_method: bare\n${models}parameters: {something: 1}\n`);
    expect(problem.hint).toBe("bare has no parameters");
  });

  test("of remarks a hundred are kept", () => {
    const model = "  - {model: a, parameters: {p: 1}}\n";
    const text = `merge_method: bare\nmodels:\n${model.repeat(101)}`;
    const { notes } = parseRecipe(readRecipe(text)[0], own);
    expect(notes).toHaveLength(100);
  });
});

test("a flag of an object is a boolean, and no word", () => {
  const tokens = { x: { source: "a", force: "yes" } };
  const { problems } = recipeFromObject(
    { merge_method: "passthrough", models: [{ model: "a" }], tokenizer: { tokens } },
    methods,
  );
  expect(problems.map(({ message }) => message)).toEqual([
    '`tokenizer.tokens.x.force`: expected true or false, found the text "yes"',
  ]);
});

test("what an object's getter throws is its own error", () => {
  const object = {
    get models() {
      throw new TypeError("a getter");
    },
  };
  expect(() => recipeFromObject(object, methods)).toThrow(new TypeError("a getter"));
});
