import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { patchConfig, readConfigText } from "../../../lib/assets/config.ts";
import type { PlanAssets } from "../../../lib/plan/types.ts";
import { GEMMA3, GPT2, LLAMA_NEW, LLAMA_OLD, QWEN } from "./configs.ts";
import { NOTHING } from "./plan.ts";

const patch = (text: string, change: Partial<PlanAssets>): string =>
  patchConfig(text, { ...NOTHING, ...change });

/** The text with these replacements, each of which must match exactly once. */
function replaced(text: string, ...pairs: readonly (readonly [from: string, to: string])[]) {
  return pairs.reduce((now, [from, to]) => {
    expect(now.split(from), from).toHaveLength(2);
    return now.replace(from, () => to);
  }, text);
}

const configs = { LLAMA_OLD, LLAMA_NEW, GPT2, QWEN, GEMMA3 };

describe("patchConfig", () => {
  test.each(Object.entries(configs))("leaves %s as it is when nothing changes", (_name, text) => {
    expect(patch(text, {})).toBe(text);
  });

  test("leaves the text as it is when it says the same already", () => {
    const same = { dtype: "F16", layers: [0, 1, 2, 3], vocabSize: 32000 } as const;
    expect(patch(LLAMA_OLD, same)).toBe(LLAMA_OLD);
  });

  const all = { dtype: "F32", layers: [0, 1, 1, 2, 2, 3], vocabSize: 9 } as const;

  test("the old layout", () => {
    expect(patch(LLAMA_OLD, all)).toBe(
      replaced(
        LLAMA_OLD,
        ['"float16"', '"float32"'],
        ['"num_hidden_layers": 4', '"num_hidden_layers": 6'],
        ['"vocab_size": 32000', '"vocab_size": 9'],
      ),
    );
  });

  test("the new layout", () => {
    expect(patch(LLAMA_NEW, all)).toBe(
      replaced(
        LLAMA_NEW,
        ['"bfloat16"', '"float32"'],
        ['"num_hidden_layers": 4', '"num_hidden_layers": 6'],
        ['"vocab_size": 128256', '"vocab_size": 9'],
      ),
    );
  });

  test("adds a dtype; leaves deeper objects alone", () => {
    expect(patch(GPT2, all)).toBe(
      replaced(
        GPT2,
        ['"n_layer": 4,\n', '"n_layer": 6,\n'],
        ['"vocab_size": 50257\n}', '"vocab_size": 9,\n  "dtype": "float32"\n}'],
      ),
    );
  });

  test("selects from per-layer lists, and renumbers lists of layers", () => {
    expect(patch(QWEN, { layers: [3, 0, 1] })).toBe(
      replaced(
        QWEN,
        [
          '"full_attention",\n    "full_attention",\n    "sliding_attention",\n    "linear_attention"\n',
          '"linear_attention",\n    "full_attention",\n    "full_attention"\n',
        ],
        ["[\n    1,\n    3\n  ]", "[\n    0,\n    2\n  ]"],
        ['"num_hidden_layers": 4', '"num_hidden_layers": 3'],
        ['"no_rope_layers": [1, 1, 1, 0]', '"no_rope_layers": [0, 1, 1]'],
      ),
    );
  });

  test("a list that comes out the same is not touched", () => {
    const text = '{"num_layers": 2, "a_layers": [0 ,0], "mlp_only_layers": []}';
    expect(patch(text, { layers: [1, 0] })).toBe(text);
  });

  test("a list with one item grows in its own style", () => {
    const text = '{"n_layers": 1, "layers_block_type": ["m"], "x_layers": [\n  1\n]}';
    expect(patch(text, { layers: [0, 0] })).toBe(
      '{"n_layers": 2, "layers_block_type": ["m", "m"], "x_layers": [\n  1,\n  1\n]}',
    );
  });

  test("text_config is changed, vision_config is not", () => {
    expect(patch(GEMMA3, { dtype: "BF16", layers: [0, 1, 0], vocabSize: 5 })).toBe(
      replaced(
        GEMMA3,
        [
          '"num_hidden_layers": 2,\n    "layer_types": ["s',
          '"num_hidden_layers": 3,\n    "layer_types": ["s',
        ],
        ['"full_attention"]', '"full_attention", "sliding_attention"]'],
        [
          '"float32"\n  },\n  "torch_dtype": "float32"',
          '"bfloat16",\n    "vocab_size": 5\n  },\n  "torch_dtype": "bfloat16"',
        ],
      ),
    );
  });

  test("text_config without a dtype gets none; a dtype is added at the top", () => {
    expect(patch('{"text_config": {"n_layer": 1}}', { dtype: "F16" })).toBe(
      '{"text_config": {"n_layer": 1},"dtype": "float16"}',
    );
  });

  test("text_config that is no object is no section", () => {
    expect(patch('{"text_config": null, "n_layer": 1}', { layers: [0, 0] })).toBe(
      '{"text_config": null, "n_layer": 2}',
    );
  });

  const styles: [string, string, string][] = [
    ["tabs", '{\n\t"torch_dtype":\t"float16"\n}\n', '{\n\t"torch_dtype":\t"float32"\n}\n'],
    ["CRLF", '{\r\n  "a": 1\r\n}\r\n', '{\r\n  "a": 1,\r\n  "dtype": "float32"\r\n}\r\n'],
    ["one line", '{"a": 1, "b": 2}', '{"a": 1, "b": 2, "dtype": "float32"}'],
    ["no spaces", '{"a":1,"b":[1,{}]}', '{"a":1,"b":[1,{}],"dtype":"float32"}'],
    ["space around", ' \n{ "a" : 1 } \n', ' \n{ "a" : 1, "dtype" : "float32" } \n'],
    ["empty", "{}", '{"dtype": "float32"}'],
    ["empty lines", "{\n}", '{"dtype": "float32"\n}'],
    ["null", '{"dtype": null}', '{"dtype": "float32"}'],
    ["both keys", '{"dtype":"x","torch_dtype":"y"}', '{"dtype":"float32","torch_dtype":"float32"}'],
    ["twice", '{"dtype": "float32", "dtype": "y"}', '{"dtype": "float32", "dtype": "float32"}'],
    ["escaped key", '{"\\u0064type": "y"}', '{"\\u0064type": "float32"}'],
    [
      "marks in strings",
      '{"a": "}\\"],{\\\\", "b\\"{": ["[{", "\\\\"], "é😀": "\u2028", "dtype": "y"}',
      '{"a": "}\\"],{\\\\", "b\\"{": ["[{", "\\\\"], "é😀": "\u2028", "dtype": "float32"}',
    ],
    [
      "numbers",
      '{"a": -1.50E+05, "b": 1e-05, "c": 123456789012345678901234567890, "dtype": "y"}',
      '{"a": -1.50E+05, "b": 1e-05, "c": 123456789012345678901234567890, "dtype": "float32"}',
    ],
  ];
  test.each(styles)("style: %s", (_title, text, expected) => {
    expect(patch(text, { dtype: "F32" })).toBe(expected);
  });

  test("adds several keys to an empty object", () => {
    expect(patch("{}", { dtype: "F32", layers: [0], vocabSize: 3 })).toBe(
      '{"dtype": "float32","num_hidden_layers": 1,"vocab_size": 3}',
    );
  });

  test("a dtype without a name in config.json changes nothing", () => {
    expect(patch(GPT2, { dtype: "F8_E4M3" })).toBe(GPT2);
  });

  test("refuses a list that lacks a layer", () => {
    expect(() => patch(QWEN, { layers: [4] })).toThrow(
      expect.objectContaining({ code: "LAYER_RANGE" }),
    );
  });

  test.each(["", "[]", "null", "1", "{", "{'a': 1}", "\ufeff{}"])("refuses %j", (text) => {
    expect(() => patch(text, {})).toThrow(expect.objectContaining({ code: "CONFIG_NOT_JSON" }));
  });

  test.each<[string, object, string, object]>([
    [
      "text",
      { text_config: { num_hidden_layers: 1 } },
      "language_model",
      { text_config: { num_hidden_layers: 3 } },
    ],
    [
      "text without its own object",
      { num_hidden_layers: 1 },
      "text_model",
      { num_hidden_layers: 3 },
    ],
    [
      "vision",
      { vision_config: { num_hidden_layers: 1 } },
      "visual",
      { vision_config: { num_hidden_layers: 3 } },
    ],
    ["vision that has no object", { num_hidden_layers: 1 }, "visual", { num_hidden_layers: 1 }],
    [
      "an encoder",
      { encoder_layers: 1, decoder_layers: 2 },
      "encoder",
      { encoder_layers: 3, decoder_layers: 2 },
    ],
    [
      "a decoder",
      { encoder_layers: 1, num_decoder_layers: 2 },
      "decoder",
      { encoder_layers: 1, num_decoder_layers: 3 },
    ],
    ["what is not known", { num_hidden_layers: 1 }, "graph", { num_hidden_layers: 1 }],
  ])("the layers of a module: %s", (_, before, module, after) => {
    const patched = patch(JSON.stringify(before), { modules: [{ module, layers: [0, 0, 0] }] });
    expect(JSON.parse(patched)).toEqual(after);
  });

  test("deep nesting needs no stack", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const text = `{"a": ${deep}, "dtype": "x", "text_config": {"b": ${deep}}}`;
    expect(patch(text, { dtype: "F16", layers: [0] })).toBe(
      `{"a": ${deep}, "dtype": "float16", "text_config": {"b": ${deep},"num_hidden_layers": 1}}`,
    );
  });

  test("property: only the values asked for change, whatever the rest of the text is", () => {
    const rest = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 6 });
    const indents = fc.constantFrom(undefined, 1, 2, "\t");
    fc.assert(
      fc.property(rest, rest, indents, fc.nat(9), (before, after, indent, n) => {
        const value = { ...before, ...after, vocab_size: -1, torch_dtype: "x" };
        const text = JSON.stringify(value, null, indent);
        const expected = { ...value, vocab_size: n, torch_dtype: "bfloat16" };
        const patched = patch(text, { dtype: "BF16", vocabSize: n });
        expect(patched).toBe(JSON.stringify(expected, null, indent));
      }),
    );
  });
});

describe("readConfigText", () => {
  const root = mkdtempSync(join(tmpdir(), "weightloom-config-"));
  afterAll(() => rmSync(root, { recursive: true }));

  test("is undefined without a file, and exact with one", () => {
    expect(readConfigText(join(root))).toBeUndefined();
    writeFileSync(join(root, "config.json"), '{"é": 1}\r\n');
    expect(readConfigText(root)).toBe('{"é": 1}\r\n');
  });

  test("refuses what is too large, before reading it", () => {
    writeFileSync(join(root, "config.json"), "{}");
    truncateSync(join(root, "config.json"), 10_000_001);
    expect(() => readConfigText(root)).toThrow(
      expect.objectContaining({
        code: "CONFIG_NOT_JSON",
        message: expect.stringContaining("10000001"),
      }),
    );
  });

  test("refuses other bytes, a dangling link and a directory", () => {
    rmSync(join(root, "config.json"), { force: true });
    writeFileSync(join(root, "config.json"), Buffer.from([0x7b, 0xff, 0x7d]));
    expect(() => readConfigText(root)).toThrow(
      expect.objectContaining({ code: "CONFIG_NOT_JSON" }),
    );
    rmSync(join(root, "config.json"));
    symlinkSync(join(root, "nothing"), join(root, "config.json"));
    expect(() => readConfigText(root)).toThrow(
      expect.objectContaining({ code: "FILE_UNREADABLE" }),
    );
    rmSync(join(root, "config.json"));
    symlinkSync(root, join(root, "config.json"));
    expect(() => readConfigText(root)).toThrow(expect.objectContaining({ code: "NOT_A_FILE" }));
  });
});
