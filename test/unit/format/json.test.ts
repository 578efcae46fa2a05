import { describe, expect, test } from "vitest";
import { MergeError } from "../../../lib/errors.ts";
import { JsonScanner, MAX_DEPTH, plainInteger } from "../../../lib/format/json.ts";

function scan(text: string | Uint8Array, names = 100): JsonScanner {
  return new JsonScanner(typeof text === "string" ? Buffer.from(text) : text, {
    what: "the text",
    file: "text.json",
    notUtf8: "HEADER_NOT_UTF8",
    notJson: "HEADER_NOT_JSON",
    tooDeep: "HEADER_TOO_DEEP",
    tooMany: "HEADER_TOO_LARGE",
    names,
  });
}

function refusal(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof MergeError) return error;
    throw error;
  }
  throw new Error("expected a refusal, found none");
}

function skipped(text: string, names?: number): void {
  const scanner = scan(text, names);
  scanner.skip();
  scanner.finish();
}

describe("pulling", () => {
  test("every kind of value", () => {
    const scanner = scan(' { "a" : [ 1.50 , "x" , true , false , null , { } , [ ] ] } ');
    expect(scanner.kind()).toBe("object");
    scanner.openObject();
    expect(scanner.nextName()).toBe("a");
    expect(scanner.kind()).toBe("array");
    scanner.openArray();
    const seen: unknown[] = [];
    while (scanner.nextItem()) {
      const kind = scanner.kind();
      if (kind === "number") seen.push(scanner.number());
      else if (kind === "string") seen.push(scanner.string());
      else if (kind === "boolean" || kind === "null") seen.push(scanner.literal());
      else {
        scanner.skip();
        seen.push(kind);
      }
    }
    expect(seen).toEqual(["1.50", "x", true, false, null, "object", "array"]);
    expect(scanner.nextName()).toBeUndefined();
    scanner.finish();
  });

  test("a view into a larger buffer", () => {
    const bytes = Buffer.from('xx"abc"yy').subarray(2, 7);
    const scanner = scan(bytes);
    expect(scanner.string()).toBe("abc");
    scanner.finish();
  });

  test("a value of another kind than asked for is bad JSON", () => {
    for (const ask of [
      "openObject",
      "openArray",
      "string",
      "number",
      "integer",
      "literal",
    ] as const) {
      const text = ask === "string" ? "1" : '"1"';
      expect(refusal(() => scan(text)[ask]()).code).toBe("HEADER_NOT_JSON");
    }
  });
});

describe("numbers", () => {
  const texts = [
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "2.0",
    "2e0",
    "2E+10",
    "1e-400",
    "0.00",
    "9".repeat(99),
  ];
  test.each(texts)("%s is handed over as text", (text) => {
    expect(scan(text).number()).toBe(text);
    expect(scan(`[${text}]`).kind()).toBe("array");
  });

  test.each(["-", "+1", ".5", "1.", "1e", "1e+", "--1", "NaN", "Infinity", "e1"])(
    "%s is none",
    (text) => {
      expect(refusal(() => scan(text).number()).code).toBe("HEADER_NOT_JSON");
    },
  );

  test.each(["01", "1.2.3", "1e5e5", "0x1", "1_000", "1n", "-01"])("%s has a tail", (text) => {
    expect(refusal(() => skipped(text)).code).toBe("HEADER_NOT_JSON");
    expect(refusal(() => skipped(`[${text}]`)).code).toBe("HEADER_NOT_JSON");
  });

  test.each<[string, number | undefined]>([
    ["0", 0],
    ["7", 7],
    ["123456789012345", 123456789012345],
    ["1234567890123456", 1234567890123456],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", undefined],
    ["9007199254740993", undefined],
    ["18446744073709551615", undefined],
    ["-0", undefined],
    ["-1", undefined],
    ["2.0", undefined],
    ["2e0", undefined],
    ["16.0000000000000000001", undefined],
    ["9".repeat(400), undefined],
  ])("%s as a plain integer is %s", (text, value) => {
    expect(plainInteger(text)).toBe(value);
    for (const around of [text, `${text} `]) expect(scan(around).integer()).toBe(value ?? text);
    for (const list of [`[${text}]`, `[${text},1]`, `[ ${text} ]`]) {
      const scanner = scan(list);
      scanner.openArray();
      scanner.nextItem();
      expect(scanner.integer()).toBe(value ?? text);
    }
  });

  test.each(["", "00", "01", "+1", " 1", "1 ", "0x1", "\u0661"])(
    "%j is no plain integer",
    (text) => {
      expect(plainInteger(text)).toBeUndefined();
    },
  );

  test("leading zeros in a list", () => {
    expect(refusal(() => skipped("[00,1]")).code).toBe("HEADER_NOT_JSON");
    const scanner = scan("[01]");
    scanner.openArray();
    scanner.nextItem();
    expect(scanner.integer()).toBe(0);
    expect(refusal(() => scanner.nextItem()).code).toBe("HEADER_NOT_JSON");
  });
});

describe("strings", () => {
  const texts = ["", "a", "\u00e9", "\u{1f600}", '"\\/\b\f\n\r\t\0\x1b', "\u2028\u2029", "\ufeff"];
  test.each(texts)("%j, plain and escaped", (text) => {
    expect(scan(JSON.stringify(text)).string()).toBe(text);
    const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
    const hex = units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
    expect(scan(`"${hex}"`).string()).toBe(text);
    expect(scan(`"x${hex.toUpperCase().replaceAll("\\U", "\\u")}y"`).string()).toBe(`x${text}y`);
  });

  test("strings that share the memory for short ones stay apart", () => {
    const letters = Array.from({ length: 800 }, (_, i) =>
      String.fromCharCode(0xc0, 0x1000 + i * 64),
    );
    const values = letters.flatMap((text) => {
      const bytes = Buffer.from(text).toString("latin1");
      return [bytes, text, `${text}a`, "dtype"];
    });
    const scanner = scan(JSON.stringify(values));
    const read: string[] = [];
    scanner.openArray();
    while (scanner.nextItem()) read.push(scanner.string());
    expect(read).toEqual(values);
  });

  test.each([
    ['"a', "closing quote"],
    ['"a\\', "closing quote"],
    ['"a\\"', "closing quote"],
    ['"a\tb"', "found byte 0x09"],
    ['"\\a"', "an escape that JSON knows"],
    ['"\\u12g4"', "four hexadecimal digits"],
    ['"\\u12"', "four hexadecimal digits"],
    ['"\\ud800"', "surrogate pair"],
    ['"\\udc00\\ud800"', "surrogate pair"],
    ['"\\ud800\\ud800"', "surrogate pair"],
    ['"\\ud800\\n"', "escape that JSON knows"],
  ])("%s is refused", (text, about) => {
    const error = refusal(() => scan(text).string());
    expect(error.code).toBe("HEADER_NOT_JSON");
    expect(error.message).toContain(about);
  });

  test("bytes that are not UTF-8 are refused at once", () => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      expect(refusal(() => scan(Uint8Array.from(bytes))).code).toBe("HEADER_NOT_UTF8");
    }
  });
});

describe("limits", () => {
  const lists = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}0${"}".repeat(depth)}`;

  test.each([lists, objects])("depth %#", (nest) => {
    expect(() => skipped(nest(MAX_DEPTH))).not.toThrow();
    expect(refusal(() => skipped(nest(MAX_DEPTH + 1))).code).toBe("HEADER_TOO_DEEP");
    expect(() => skipped(`[${Array(1000).fill(nest(MAX_DEPTH - 1))}]`)).not.toThrow();
  });

  const members = (count: number) => {
    return `{${Array.from({ length: count }, (_, i) => `"n${i}":0`).join(",")}}`;
  };

  test("names in one object", () => {
    expect(() => skipped(members(100))).not.toThrow();
    expect(refusal(() => skipped(members(101))).code).toBe("HEADER_TOO_LARGE");
    expect(() => skipped(`[${members(100)},${members(100)}]`)).not.toThrow();
  });

  test("a name twice, among few and among many", () => {
    for (let count = 1; count < 30; count++) {
      for (const again of [0, count - 1]) {
        const text = members(count).replace(/\}$/, `,"n${again}":1}`);
        expect(refusal(() => skipped(text)).code).toBe("DUPLICATE_KEY");
      }
    }
    expect(() => skipped('{"a":{"a":0},"b":{"a":0}}')).not.toThrow();
  });
});

describe("messages", () => {
  test.each([
    ['{"a":1,}', 'expected a string at byte 7 of the text, found "}"'],
    ['{"a" 1}', 'expected ":" at byte 5 of the text, found "1"'],
    ["[1 2]", 'expected "," or "]" at byte 3 of the text, found "2"'],
    ['{"a":1', 'expected "," or "}" at byte 6 of the text, found its end'],
    ["", "expected a value at byte 0 of the text, found its end"],
    ["\ufeff1", "expected a value at byte 0 of the text, found byte 0xef"],
    ["1 x", 'expected nothing more at byte 2 of the text, found "x"'],
    ["nul", 'expected true, false or null at byte 0 of the text, found "n"'],
    [
      '{"a":1,"\\u0061":2}',
      'expected a name once per object in the text, found "a" again at byte 7',
    ],
  ])("%j", (text, message) => {
    expect(refusal(() => skipped(text))).toMatchObject({ message, place: { file: "text.json" } });
  });
});
