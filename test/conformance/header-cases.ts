import type { ErrorCode } from "../../lib/errors.ts";
import { DTYPES } from "../../lib/format/dtype.ts";

/** One file and what must become of it. `id` is a row of the table, then what tells it apart. */
export interface HeaderCase {
  readonly id: string;
  readonly bytes: () => Uint8Array;
  readonly verdict: "accept" | ErrorCode;
  /** Verdict of the Rust reference, where it is another than ours. */
  readonly reference?: "accept" | "reject";
  /** Tensor names that an accepted file has, in the order of their bytes. */
  readonly names?: readonly string[];
  /** Most milliseconds that reading may take. */
  readonly limit?: number;
}

type Options = Pick<HeaderCase, "reference" | "names" | "limit">;

/** A file whose prefix says `length`, followed by `rest`. */
export function prefixed(length: bigint, rest: string | Uint8Array = ""): Uint8Array {
  const tail = typeof rest === "string" ? Buffer.from(rest) : rest;
  const bytes = new Uint8Array(8 + tail.length);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  bytes.set(tail, 8);
  return bytes;
}

/** A file with this header text, followed by `data` bytes of value 2. */
export function file(header: string | Uint8Array, data = 0): Uint8Array {
  const json = typeof header === "string" ? Buffer.from(header) : header;
  return prefixed(BigInt(json.length), Buffer.concat([json, Buffer.alloc(data, 2)]));
}

/** Text of a tensor entry; `shape` and `offsets` are JSON text. */
export function entry(dtype: string, shape: string, offsets: string): string {
  return `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
}

const ONE = entry("I32", "[1]", "[0,4]");

function accept(id: string, header: string | Uint8Array, data = 0, options: Options = {}) {
  return { id, bytes: () => file(header, data), verdict: "accept", ...options } as const;
}

function reject(
  id: string,
  verdict: ErrorCode,
  header: string | Uint8Array,
  data = 0,
  options: Options = {},
): HeaderCase {
  return { id, bytes: () => file(header, data), verdict, ...options };
}

function shaped(
  id: string,
  verdict: HeaderCase["verdict"],
  shape: string,
  span = 4,
  dtype = "F32",
) {
  const header = `{"t":${entry(dtype, shape, `[0,${span}]`)}}`;
  return { id, bytes: () => file(header, span), verdict };
}

function bytesOf(...parts: (string | number[])[]): Uint8Array {
  return Buffer.concat(parts.map((part) => Buffer.from(part as string)));
}

const PREFIX: readonly HeaderCase[] = [
  { id: "P1-empty", bytes: () => new Uint8Array(0), verdict: "HEADER_TRUNCATED" },
  ...[1, 2, 3, 4, 5, 6, 7].map(
    (n): HeaderCase => ({
      id: `P2-${n}-bytes`,
      bytes: () => new Uint8Array(n),
      verdict: "HEADER_TRUNCATED",
    }),
  ),
  { id: "P3-zero", bytes: () => prefixed(0n), verdict: "HEADER_EMPTY" },
  { id: "P3-zero-with-data", bytes: () => prefixed(0n, "data"), verdict: "HEADER_EMPTY" },
  { id: "P4-past-the-end", bytes: () => prefixed(3n, "{}"), verdict: "HEADER_TRUNCATED" },
  { id: "P4-far-past-the-end", bytes: () => prefixed(4000n, "{}"), verdict: "HEADER_TRUNCATED" },
  { id: "P5-over-the-cap", bytes: () => prefixed(100_000_001n), verdict: "HEADER_TOO_LARGE" },
  { id: "P6-at-the-cap", bytes: () => prefixed(100_000_000n), verdict: "HEADER_TRUNCATED" },
  { id: "P7-all-ones", bytes: () => prefixed(2n ** 64n - 1n), verdict: "HEADER_TOO_LARGE" },
  { id: "P8-sign-bit", bytes: () => prefixed(2n ** 63n, "{}"), verdict: "HEADER_TOO_LARGE" },
  { id: "P8-53-bits", bytes: () => prefixed(2n ** 53n + 2n, "{}"), verdict: "HEADER_TOO_LARGE" },
  { id: "P9-cut", bytes: () => prefixed(20n, `{"t":${ONE}}    `), verdict: "HEADER_NOT_JSON" },
  { id: "P9-cut-last", bytes: () => prefixed(1n, "{}"), verdict: "HEADER_NOT_JSON" },
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) =>
    accept(`P10-odd-${n}`, `{"t":${ONE}}${" ".repeat(n)}`, 4, { names: ["t"] }),
  ),
  {
    id: "P11-99-MB",
    bytes: () => {
      const bytes = Buffer.alloc(99_000_008, " ");
      bytes.set(prefixed(99_000_000n, "{}"));
      return bytes;
    },
    verdict: "accept",
    limit: 3000,
  },
];

const ENCODING: readonly HeaderCase[] = [
  accept("W1-empty", "{}"),
  accept("W1-spaces", "{}      "),
  accept("W2-white-space", "{}\r \t\n"),
  accept("W2-inside", `\t{\r\n "t" :\t${ONE} }\n`, 4, { names: ["t"] }),
  accept("W3-leading-space", " {}"),
  accept("W3-leading-newline", `\n{"t":${ONE}}`, 4),
  reject("W4-nul-padding", "HEADER_NOT_JSON", "{}\0\0\0"),
  reject("W5-letters", "HEADER_NOT_JSON", "{}x"),
  reject("W5-second-object", "HEADER_NOT_JSON", "{}{}"),
  reject("W5-closing-brace", "HEADER_NOT_JSON", "{}}"),
  reject("W5-comma", "HEADER_NOT_JSON", "{},"),
  reject("W6-byte-order-mark", "HEADER_NOT_JSON", bytesOf([0xef, 0xbb, 0xbf], "{}")),
  reject("W6-utf-16", "HEADER_NOT_UTF8", bytesOf([0xff, 0xfe], [0x7b, 0], [0x7d, 0])),
  reject("W7-spaces", "HEADER_NOT_JSON", "        "),
  reject("W8-form-feed", "HEADER_NOT_JSON", "{}\f"),
  reject("W8-vertical-tab", "HEADER_NOT_JSON", "{\v}"),
  reject("W8-no-break-space", "HEADER_NOT_JSON", "{}\u00a0"),
  reject("W8-line-separator", "HEADER_NOT_JSON", "{}\u2028"),
  reject("W9-ff", "HEADER_NOT_UTF8", bytesOf('{"', [0xff], `":${ONE}}`), 4),
  reject("W9-overlong", "HEADER_NOT_UTF8", bytesOf('{"', [0xc0, 0xaf], `":${ONE}}`), 4),
  reject("W9-overlong-nul", "HEADER_NOT_UTF8", bytesOf('{"', [0xc0, 0x80], `":${ONE}}`), 4),
  reject("W9-surrogate", "HEADER_NOT_UTF8", bytesOf('{"', [0xed, 0xa0, 0x80], `":${ONE}}`), 4),
  reject("W9-beyond", "HEADER_NOT_UTF8", bytesOf('{"', [0xf4, 0x90, 0x80, 0x80], `":${ONE}}`), 4),
  reject("W9-cut", "HEADER_NOT_UTF8", bytesOf('{"', [0xe2, 0x82], `":${ONE}}`), 4),
  reject("W10-lone-high", "HEADER_NOT_JSON", `{"\\ud83d":${ONE}}`, 4),
  reject("W10-lone-low", "HEADER_NOT_JSON", `{"\\ude00":${ONE}}`, 4),
  reject("W10-two-highs", "HEADER_NOT_JSON", `{"\\ud83d\\ud83d":${ONE}}`, 4),
  reject("W10-high-then-letter", "HEADER_NOT_JSON", `{"\\ud83dx":${ONE}}`, 4),
  reject("W10-high-then-newline", "HEADER_NOT_JSON", `{"\\ud83d\\n":${ONE}}`, 4),
  accept("W11-pair", `{"\\ud83d\\uDE00":${ONE}}`, 4, { names: ["\u{1f600}"] }),
  reject("W12-newline-in-name", "HEADER_NOT_JSON", `{"a\nb":${ONE}}`, 4),
  reject("W12-nul-in-name", "HEADER_NOT_JSON", `{"a\0b":${ONE}}`, 4),
  reject("W12-unit-separator", "HEADER_NOT_JSON", `{"a\x1fb":${ONE}}`, 4),
  accept("W12-delete-is-plain", `{"a\x7fb":${ONE}}`, 4, { names: ["a\x7fb"] }),
  accept("W13-escaped-nul", `{"a\\u0000b":${ONE}}`, 4, { names: ["a\0b"] }),
  accept("W13-escapes", `{"\\"\\\\\\/\\b\\f\\n\\r\\t\\u001B":${ONE}}`, 4, {
    names: ['"\\/\b\f\n\r\t\x1b'],
  }),
  reject("W13-terminal-escape", "SIZE_MISMATCH", `{"\\u001b[31m":${ONE.replace("[1]", "[2]")}}`, 4),
];

const NOT_JSON: readonly (readonly [about: string, text: string])[] = [
  ["unclosed", "{"],
  ["unclosed-entry", `{"t":${ONE}`],
  ["unclosed-name", '{"t'],
  ["unclosed-escape", '{"t\\'],
  ["no-colon", `{"t"${ONE}}`],
  ["no-value", '{"t":}'],
  ["no-comma", `{"t":${ONE}"u":${ONE}}`],
  ["two-commas", `{"t":${ONE},,"u":${ONE}}`],
  ["leading-comma", `{,"t":${ONE}}`],
  ["trailing-comma", `{"t":${ONE},}`],
  ["trailing-comma-in-list", `{"t":${entry("I32", "[1,]", "[0,4]")}}`],
  ["wrong-bracket", `{"t":${entry("I32", "[1}", "[0,4]")}}`],
  ["comment", `{/* no */"t":${ONE}}`],
  ["line-comment", `{"t":${ONE}}// no`],
  ["single-quotes", `{'t':${ONE}}`],
  ["bare-name", `{t:${ONE}}`],
  ["nan", `{"t":${entry("I32", "[NaN]", "[0,4]")}}`],
  ["infinity", `{"t":${entry("I32", "[Infinity]", "[0,4]")}}`],
  ["capital-literal", '{"__metadata__":Null}'],
  ["cut-literal", '{"__metadata__":nul}'],
  ["unknown-escape", `{"\\x41":${ONE}}`],
  ["short-escape", `{"\\u41":${ONE}}`],
  ["signed-escape", `{"\\u+041":${ONE}}`],
  ["number-dot", '{"t":{"x":1.}}'],
  ["number-bare-dot", '{"t":{"x":.5}}'],
  ["number-exponent", '{"t":{"x":1e}}'],
  ["number-minus", '{"t":{"x":-}}'],
  ["number-hex", '{"t":{"x":0x10}}'],
  ["number-zeros", '{"t":{"x":00}}'],
];

function nested(levels: number, extra = "["): string {
  const close = extra === "[" ? "]" : "}";
  const open = extra === "[" ? "[" : '{"x":';
  const core = extra === "[" ? "" : "0";
  const value = open.repeat(levels) + core + close.repeat(levels);
  return `{"t":${ONE.slice(0, -1)},"x":${value}}}`;
}

const SHAPE: readonly HeaderCase[] = [
  reject("J1-array", "HEADER_SHAPE", "[]"),
  reject("J1-string", "HEADER_SHAPE", '"t"'),
  reject("J1-number", "HEADER_SHAPE", "1"),
  reject("J1-null", "HEADER_SHAPE", "null"),
  reject("J1-true", "HEADER_SHAPE", "true"),
  ...NOT_JSON.map(([about, text]) => reject(`J2-${about}`, "HEADER_NOT_JSON", text, 4)),
  accept("J3-unknown-field", `{"t":${ONE.slice(0, -1)},"note":"x","list":[1,{"a":null}]}}`, 4),
  accept("J4-at-the-limit", nested(14), 4),
  accept("J4-objects-at-the-limit", nested(14, "{"), 4),
  reject("J4-over-the-limit", "HEADER_TOO_DEEP", nested(15), 4, { reference: "accept" }),
  reject("J4-objects-over", "HEADER_TOO_DEEP", nested(15, "{"), 4, { reference: "accept" }),
  reject("J4-100-deep", "HEADER_TOO_DEEP", nested(100), 4, { reference: "accept" }),
  reject("J5-200-deep", "HEADER_TOO_DEEP", nested(200), 4),
  reject("J5-million-deep", "HEADER_TOO_DEEP", nested(1_000_000), 4, { limit: 500 }),
  reject("J5-million-objects", "HEADER_TOO_DEEP", nested(1_000_000, "{"), 4, { limit: 500 }),
  reject("J5-million-open", "HEADER_TOO_DEEP", `{"t":{"x":${"[".repeat(1_000_000)}`, 4, {
    limit: 500,
  }),
  reject("J6-entry-as-array", "HEADER_SHAPE", '{"t":["I32",[1],[0,4]]}', 4, {
    reference: "accept",
  }),
  reject(
    "J7-dtype-as-object",
    "HEADER_SHAPE",
    `{"t":{"dtype":{"I32":null},"shape":[1],"data_offsets":[0,4]}}`,
    4,
    { reference: "accept" },
  ),
  reject("J8-null", "HEADER_SHAPE", '{"t":null}'),
  reject("J8-number", "HEADER_SHAPE", '{"t":1}'),
  reject("J8-string", "HEADER_SHAPE", '{"t":"I32"}'),
  reject("J9-no-dtype", "HEADER_SHAPE", '{"t":{"shape":[1],"data_offsets":[0,4]}}', 4),
  reject("J9-no-shape", "HEADER_SHAPE", '{"t":{"dtype":"I32","data_offsets":[0,4]}}', 4),
  reject("J9-no-offsets", "HEADER_SHAPE", '{"t":{"dtype":"I32","shape":[1]}}', 4),
  reject("J9-empty-entry", "HEADER_SHAPE", '{"t":{}}'),
  reject("J9-other-case", "HEADER_SHAPE", `{"t":${ONE.replace("shape", "Shape")}}`, 4),
  accept("J10-shuffled", '{"t":{"data_offsets":[0,4],"dtype":"I32","shape":[1]}}', 4),
  accept("J11-empty-name", `{"":${ONE}}`, 4, { names: [""] }),
  accept("J11-proto", `{"__proto__":${ONE}}`, 4, { names: ["__proto__"] }),
  accept("J11-constructor", `{"constructor":${ONE}}`, 4, { names: ["constructor"] }),
  accept("J11-non-ascii", `{"\u5c42.\u00e9\u{1f600}":${ONE}}`, 4, {
    names: ["\u5c42.\u00e9\u{1f600}"],
  }),
  accept("J11-proto-field", `{"t":${ONE.slice(0, -1)},"__proto__":{"shape":[9]}}}`, 4),
  { id: "J12-300000-entries", bytes: manyEntries, verdict: "accept", limit: 3000 },
];

/** 300,000 tensors of one byte in a header of 24 MB, made without much garbage. */
export function manyEntries(): Uint8Array {
  const count = 300_000;
  const length = 24_000_000;
  const bytes = Buffer.alloc(8 + length + count, " ");
  bytes.writeBigUInt64LE(BigInt(length));
  let end = 8;
  for (let i = 0; i < count; i++) {
    const text = `"model.layer.${i}.w":${entry("U8", "[1]", `[${i},${i + 1}]`)}`;
    end += bytes.write(`${i === 0 ? "{" : ","}${text}`, end);
  }
  bytes.write("}", end);
  return bytes;
}

const DUPLICATES: readonly HeaderCase[] = [
  reject("D1-same-span", "DUPLICATE_KEY", `{"t":${ONE},"t":${ONE}}`, 4, { reference: "accept" }),
  reject("D2-next-span", "DUPLICATE_KEY", `{"t":${ONE},"t":${entry("I32", "[1]", "[4,8]")}}`, 8),
  reject("D3-other-dtype", "DUPLICATE_KEY", `{"t":${ONE},"t":${ONE.replace("I32", "F32")}}`, 4, {
    reference: "accept",
  }),
  reject("D4-by-escape", "DUPLICATE_KEY", `{"t":${ONE},"\\u0074":${ONE}}`, 4, {
    reference: "accept",
  }),
  reject("D5-two-metadata", "DUPLICATE_KEY", '{"__metadata__":{},"__metadata__":{}}'),
  reject("D5-metadata-by-escape", "DUPLICATE_KEY", '{"__metadata__":{},"_\\u005fmetadata__":{}}'),
  reject("D6-in-metadata", "DUPLICATE_KEY", '{"__metadata__":{"a":"1","a":"2"}}', 0, {
    reference: "accept",
  }),
  reject("D7-dtype", "DUPLICATE_KEY", `{"t":${ONE.slice(0, -1)},"dtype":"I32"}}`, 4),
  reject("D7-shape", "DUPLICATE_KEY", `{"t":${ONE.slice(0, -1)},"shape":[1]}}`, 4),
  reject("D7-data-offsets", "DUPLICATE_KEY", `{"t":${ONE.slice(0, -1)},"data_offsets":[0,4]}}`, 4),
];

const METADATA: readonly HeaderCase[] = [
  accept("M1-map", '{"__metadata__":{"format":"pt","note":"\\u00e9"}}'),
  accept("M1-empty-map", '{"__metadata__":{}}'),
  accept("M1-last", `{"t":${ONE},"__metadata__":{"format":"pt"}}`, 4, { names: ["t"] }),
  accept("M1-proto-key", '{"__metadata__":{"__proto__":"x","constructor":"y"}}'),
  accept("M2-null", '{"__metadata__":null}'),
  ...["1", "true", "null", "{}", "[]"].map((value) =>
    reject(`M3-${value}`, "METADATA_NOT_STRINGS", `{"__metadata__":{"a":${value}}}`),
  ),
  ...["[]", '"a"', "1", "false"].map((value) =>
    reject(`M4-${value}`, "METADATA_NOT_STRINGS", `{"__metadata__":${value}}`),
  ),
  reject("M5-tensor-entry", "METADATA_NOT_STRINGS", `{"__metadata__":${ONE}}`, 4),
  {
    id: "M6-50-MB",
    bytes: () => file(`{"__metadata__":{"a":"${"x".repeat(50_000_000)}"}}`),
    verdict: "accept",
    limit: 1500,
  },
  {
    id: "M6-50-MB-refused",
    bytes: () => file(`{"__metadata__":{"a":"${"x".repeat(50_000_000)}"},"t":${ONE}}`),
    verdict: "FILE_TRUNCATED",
    limit: 1500,
  },
];

const DTYPE: readonly HeaderCase[] = [
  ...Object.entries(DTYPES).map(([name, { bits }]) => {
    const count = bits < 8 ? 4 : 3;
    const bytes = (count * bits) / 8;
    return accept(`T1-${name}`, `{"t":${entry(name, `[${count}]`, `[0,${bytes}]`)}}`, bytes);
  }),
  shaped("T2-F4-odd", "MISALIGNED", "[3]", 1, "F4"),
  shaped("T2-F6-E2M3-three", "MISALIGNED", "[3]", 2, "F6_E2M3"),
  shaped("T2-F6-E3M2-six", "MISALIGNED", "[2,3]", 4, "F6_E3M2"),
  ...["f32", "F128", "C128", "E8M0", "UE8", "FP4", "", " F32", "__proto__", "toString"].map(
    (name) => shaped(`T3-${name}`, "UNKNOWN_TENSOR_DTYPE", "[1]", 4, name),
  ),
  reject("T3-number", "HEADER_SHAPE", `{"t":${ONE.replace('"I32"', "3")}}`, 4),
  reject("T3-null", "HEADER_SHAPE", `{"t":${ONE.replace('"I32"', "null")}}`, 4),
  shaped("T4-bool-of-two", "accept", "[3]", 3, "BOOL"),
  accept(
    "T5-not-by-dtype",
    `{"a":${entry("U8", "[1]", "[0,1]")},"b":${entry("F64", "[1]", "[1,9]")}}`,
    9,
    { names: ["a", "b"] },
  ),
];

const NOT_DIMENSIONS: readonly (readonly [about: string, text: string])[] = [
  ["negative", "-1"],
  ["minus-zero", "-0"],
  ["float", "2.0"],
  ["exponent", "2e0"],
  ["tiny-fraction", "16.0000000000000000001"],
  ["string", '"2"'],
  ["true", "true"],
  ["null", "null"],
  ["list", "[2]"],
  ["object", "{}"],
];

const SHAPES: readonly HeaderCase[] = [
  shaped("S1-scalar", "accept", "[]"),
  shaped("S2-empty", "accept", "[2,0]", 0),
  shaped("S2-zero-first", "accept", "[0,2]", 0),
  ...NOT_DIMENSIONS.map(([about, text]) => shaped(`S3-${about}`, "BAD_SHAPE", `[1,${text}]`)),
  ...["null", "1", '"1"', "{}", "true"].map((text) =>
    shaped(`S3-not-list-${text}`, "BAD_SHAPE", text),
  ),
  shaped("S3-leading-zero", "HEADER_NOT_JSON", "[01]"),
  shaped("S3-plus", "HEADER_NOT_JSON", "[+1]"),
  shaped("S4-product", "SHAPE_OVERFLOW", "[8589934592,8589934592]"),
  shaped("S4-bits", "SHAPE_OVERFLOW", "[1125899906842624]", 4, "F64"),
  shaped("S4-dimension", "BAD_SHAPE", "[18446744073709551616]"),
  shaped("S4-100-digits", "BAD_SHAPE", `[${"9".repeat(100)}]`),
  shaped("S4-million-digits", "BAD_SHAPE", `[${"9".repeat(1_000_000)}]`),
  shaped("S5-wraps-to-0", "SHAPE_OVERFLOW", "[4294967296,4294967296]", 0, "U8"),
  shaped("S5-wraps-to-1", "SHAPE_OVERFLOW", "[274177,67280421310721]", 1, "U8"),
  shaped("S5-bytes-wrap", "SHAPE_OVERFLOW", "[2147483648,2147483648]", 0, "F32"),
  { ...shaped("S6-zero-first", "BAD_SHAPE", "[0,18446744073709551615,4]", 0), reference: "accept" },
  {
    ...shaped("S6-product", "SHAPE_OVERFLOW", "[0,4294967296,4294967296]", 0),
    reference: "accept",
  },
  shaped("S6-at-the-limit", "accept", "[0,1125899906842623]", 0, "U8"),
  {
    ...shaped("S6-over-the-limit", "SHAPE_OVERFLOW", "[0,1125899906842624]", 0, "U8"),
    reference: "accept",
  },
  shaped("S7-zero-last", "BAD_SHAPE", "[18446744073709551615,4,0]", 0),
  shaped("S7-product", "SHAPE_OVERFLOW", "[4294967296,4294967296,0]", 0),
  shaped("S8-2^53", "BAD_SHAPE", "[9007199254740992]"),
  shaped("S8-2^53+1", "BAD_SHAPE", "[9007199254740993]"),
  shaped("S8-2^53-1", "SHAPE_OVERFLOW", "[9007199254740991]"),
  shaped("S8-product-2^53+1", "SHAPE_OVERFLOW", "[3,3002399751580331]", 4, "U8"),
  shaped("S9-rank-64", "accept", `[${Array(64).fill(1)}]`),
  { ...shaped("S9-rank-65", "BAD_SHAPE", `[${Array(65).fill(1)}]`), reference: "accept" },
  { ...shaped("S9-rank-10000", "BAD_SHAPE", `[${Array(10_000).fill(1)}]`), reference: "accept" },
];

function spans(...list: readonly (readonly [name: string, begin: number, end: number])[]): string {
  const entries = list.map(([name, begin, end]) => {
    return `"${name}":${entry("U8", `[${Math.max(0, end - begin)}]`, `[${begin},${end}]`)}`;
  });
  return `{${entries.join(",")}}`;
}

function offsets(text: string): string {
  return `{"t":${entry("I32", "[1]", text)}}`;
}

const NOT_OFFSETS: readonly (readonly [about: string, text: string])[] = [
  ["none", "[]"],
  ["one", "[0]"],
  ["three", "[0,4,8]"],
  ["object", '{"0":0,"1":4}'],
  ["null", "null"],
  ["string", '"0,4"'],
  ["float", "[0.0,4]"],
  ["exponent", "[0,4e0]"],
  ["negative", "[-4,0]"],
  ["minus-zero", "[-0,4]"],
  ["strings", '["0","4"]'],
];

const OFFSETS: readonly HeaderCase[] = [
  ...NOT_OFFSETS.map(([about, text]) => reject(`O1-${about}`, "BAD_OFFSETS", offsets(text), 4)),
  reject("O2-reversed", "OFFSET_REVERSED", offsets("[4,0]"), 4),
  reject("O2-second", "OFFSET_REVERSED", spans(["a", 0, 4], ["b", 4, 2]), 4),
  reject("O3-not-at-0", "OFFSET_HOLE", spans(["a", 4, 8]), 8),
  reject("O4-overlap", "OFFSET_OVERLAP", spans(["a", 0, 4], ["b", 2, 6]), 6),
  reject("O4-same-span", "OFFSET_OVERLAP", spans(["a", 0, 4], ["b", 0, 4]), 4),
  reject("O4-inside", "OFFSET_OVERLAP", spans(["a", 0, 8], ["b", 2, 4]), 8),
  {
    id: "O4-100000-on-one-span",
    bytes: () =>
      file(spans(...Array.from({ length: 100_000 }, (_, i) => [`t${i}`, 0, 16] as const)), 16),
    verdict: "OFFSET_OVERLAP",
    limit: 1500,
  },
  reject("O5-hole", "OFFSET_HOLE", spans(["a", 0, 4], ["b", 8, 12]), 12),
  reject("O6-one-byte-more", "FILE_TOO_LONG", spans(["a", 0, 4]), 5),
  reject("O6-polyglot", "FILE_TOO_LONG", spans(["a", 0, 4]), 4000),
  reject("O7-one-byte-less", "FILE_TRUNCATED", spans(["a", 0, 4]), 3),
  reject("O7-no-data", "FILE_TRUNCATED", spans(["a", 0, 4])),
  reject("O8-long-span", "SIZE_MISMATCH", `{"t":${entry("I32", "[1]", "[0,8]")}}`, 8),
  reject("O8-short-span", "SIZE_MISMATCH", `{"t":${entry("I32", "[2]", "[0,4]")}}`, 4),
  reject("O8-scalar-without-bytes", "SIZE_MISMATCH", `{"t":${entry("I32", "[]", "[0,0]")}}`),
  reject("O8-F4", "SIZE_MISMATCH", `{"t":${entry("F4", "[4]", "[0,4]")}}`, 4),
  accept("O9-any-order", spans(["c", 6, 9], ["a", 0, 2], ["b", 2, 6]), 9, {
    names: ["a", "b", "c"],
  }),
  accept("O10-empty-between", spans(["a", 0, 4], ["b", 4, 4], ["c", 4, 8]), 8, {
    names: ["a", "b", "c"],
  }),
  accept("O10-two-empty", spans(["z", 4, 4], ["a", 0, 4], ["b", 4, 4], ["c", 4, 8]), 8, {
    names: ["a", "b", "z", "c"],
  }),
  accept("O10-empty-at-both-ends", spans(["a", 0, 0], ["b", 0, 4], ["c", 4, 4]), 4),
  reject("O11-empty-beyond", "OFFSET_HOLE", spans(["a", 0, 4], ["b", 8, 8]), 4),
  reject("O11-empty-inside", "OFFSET_OVERLAP", spans(["a", 0, 4], ["b", 2, 2]), 4),
  reject("O12-end-2^64-1", "BAD_OFFSETS", offsets("[0,18446744073709551615]"), 4),
  reject("O12-end-2^64", "BAD_OFFSETS", offsets("[0,18446744073709551616]"), 4),
  reject("O12-end-2^53", "BAD_OFFSETS", offsets("[0,9007199254740992]"), 4),
  reject("O12-end-2^53-1", "SIZE_MISMATCH", offsets("[0,9007199254740991]"), 4),
  reject("O12-sum", "FILE_TRUNCATED", spans(["a", 0, 1_125_899_906_842_623]), 4),
  accept(
    "O13-odd-offset",
    `{"a":${entry("U8", "[3]", "[0,3]")},"b":${entry("F32", "[1]", "[3,7]")}}`,
    7,
    { names: ["a", "b"] },
  ),
  reject("O14-empty-object", "FILE_TOO_LONG", "{}", 4),
  reject("O14-metadata-only", "FILE_TOO_LONG", '{"__metadata__":{"a":"b"}}', 4),
];

/** Every row of the conformance table but P12, whose cases are not made of bytes. */
export const HEADER_CASES: readonly HeaderCase[] = [
  ...PREFIX,
  ...ENCODING,
  ...SHAPE,
  ...DUPLICATES,
  ...METADATA,
  ...DTYPE,
  ...SHAPES,
  ...OFFSETS,
];

/** How many rows each letter of the table has. */
export const ROWS: Readonly<Record<string, number>> = {
  P: 12,
  W: 13,
  J: 12,
  D: 7,
  M: 6,
  T: 5,
  S: 9,
  O: 14,
};
