import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MergeError } from "../../lib/errors.ts";
import { byteLength, DTYPES, type Dtype } from "../../lib/format/dtype.ts";
import {
  parseHeader,
  parsePrefix,
  serializeHeader,
  type TensorEntry,
} from "../../lib/format/header.ts";
import { JsonScanner } from "../../lib/format/json.ts";

const text = fc.string({ unit: "binary" });
const names = fc.uniqueArray(
  text.filter((name) => name !== "__metadata__"),
  { maxLength: 12 },
);
const dtypes = fc.constantFrom(...(Object.keys(DTYPES) as Dtype[]));
const dimensions = fc
  .array(fc.oneof(fc.constant(0), fc.nat(5), fc.nat(1000)), { maxLength: 5 })
  .filter((shape) => shape.reduce((product, each) => product * Math.max(each, 1), 1) < 2 ** 40);

/** Shapes from rank 0, zeros included; sub-byte dtypes get a last dimension that fills bytes. */
const forms = fc.tuple(dtypes, dimensions).map(([dtype, shape]) => ({
  dtype,
  shape: DTYPES[dtype].bits < 8 ? [...shape, 4] : shape,
}));

const tensorLists = names.chain((list) =>
  fc.tuple(...list.map((name) => forms.map((form) => ({ name, ...form })))).map((tensors) => {
    let end = 0;
    return tensors.map(({ name, dtype, shape }): TensorEntry => {
      const count = shape.reduce((product, each) => product * each, 1);
      const begin = end;
      end += byteLength(dtype, count);
      return { name, dtype, shape, count, begin, end };
    });
  }),
);

const metadata = fc.option(
  fc.array(fc.tuple(text, text)).map((pairs) => new Map(pairs)),
  { nil: undefined },
);

/** The value at the scanner's place, built the way that `JSON.parse` builds it. */
function build(scanner: JsonScanner): unknown {
  const kind = scanner.kind();
  if (kind === "string") return scanner.string();
  if (kind === "number") return Number(scanner.number());
  if (kind === "boolean" || kind === "null") return scanner.literal();
  if (kind === "array") {
    const items: unknown[] = [];
    scanner.openArray();
    while (scanner.nextItem()) items.push(build(scanner));
    return items;
  }
  const members = {};
  scanner.openObject();
  for (let name = scanner.nextName(); name !== undefined; name = scanner.nextName()) {
    const property = {
      value: build(scanner),
      enumerable: true,
      writable: true,
      configurable: true,
    };
    Object.defineProperty(members, name, property);
  }
  return members;
}

type Outcome = { value: unknown } | { refused: string };

function outcome(read: () => unknown): Outcome {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof MergeError) return { refused: error.code };
    if (error instanceof SyntaxError) return { refused: "SyntaxError" };
    throw error;
  }
}

function scan(bytes: Buffer, read: (scanner: JsonScanner) => unknown): Outcome {
  return outcome(() => {
    const scanner = new JsonScanner(bytes, {
      what: "the text",
      notUtf8: "HEADER_NOT_UTF8",
      notJson: "HEADER_NOT_JSON",
      tooDeep: "HEADER_TOO_DEEP",
      tooMany: "HEADER_TOO_LARGE",
      names: 1000,
    });
    const value = read(scanner);
    scanner.finish();
    return value;
  });
}

/** What is accepted must be what JSON.parse reads; what is refused must be for a reason. */
function compare(json: string): void {
  const bytes = Buffer.from(json);
  const parsed = outcome(() => JSON.parse(bytes.toString()));
  const built = scan(bytes, build);
  const skipped = scan(bytes, (scanner) => scanner.skip());
  expect("value" in skipped).toBe("value" in built);
  if ("value" in built) expect(built).toEqual(parsed);
  else {
    expect(skipped).toEqual(built);
    const surrogate = /\\u[dD][89a-fA-F]/.test(json);
    if ("value" in parsed && !surrogate) {
      expect(["DUPLICATE_KEY", "HEADER_TOO_DEEP"]).toContain(built.refused);
    }
  }
}

const entries = fc.record(
  {
    dtype: fc.oneof(dtypes, fc.jsonValue({ maxDepth: 1 })),
    shape: fc.oneof(dimensions, fc.jsonValue({ maxDepth: 1 })),
    data_offsets: fc.oneof(fc.tuple(fc.nat(64), fc.nat(64)), fc.jsonValue({ maxDepth: 1 })),
    extra: fc.jsonValue({ maxDepth: 3 }),
  },
  { requiredKeys: [] },
);

const headers = fc
  .dictionary(fc.oneof(text, fc.constantFrom("__metadata__", "__proto__")), entries)
  .map((value) => JSON.stringify(value));

const pieces = fc.constantFrom(
  ...'{}[],:"\\ \n\t-+.eE019tfnu\0\x1f\x7f\u00a0\u00e9\ufeff',
  ...["\\u", "\\ud83d", "\\ude00", "\\u0061", "true", "false", "null", "1e5", "-0", "2.0", '"a":'],
  ...["{}", "[]", '""', "[".repeat(9), "]".repeat(9), "NaN", "//", "'", "__proto__"],
);

/** A text with some of its characters cut out, replaced or repeated. */
const mutated = fc
  .tuple(
    fc.oneof(fc.json(), headers, fc.json({ stringUnit: "binary" })),
    fc.array(fc.tuple(fc.nat(), fc.nat(4), fc.option(pieces, { nil: "" })), { maxLength: 4 }),
  )
  .map(([json, edits]) =>
    edits.reduce((value, [at, cut, piece]) => {
      const place = at % (value.length + 1);
      return value.slice(0, place) + piece + value.slice(place + cut);
    }, json),
  );

const runs = { numRuns: 500 };

describe("headers", () => {
  test("what is written is read back", () => {
    fc.assert(
      fc.property(tensorLists, metadata, fc.nat(), (tensors, pairs, shuffle) => {
        const order = [...tensors];
        if (order.length > 0) order.push(...order.splice(0, shuffle % order.length));
        const bytes = serializeHeader(order, pairs);
        const size = bytes.length + (tensors.at(-1)?.end ?? 0);
        expect(parsePrefix(bytes.subarray(0, 8), size)).toBe(bytes.length - 8);
        expect(bytes.length % 8).toBe(0);
        const header = parseHeader(bytes.subarray(8), size);
        expect(header.dataStart).toBe(bytes.length);
        expect(header.metadata).toEqual(pairs);
        expect(header.tensors).toEqual(new Map(tensors.map((each) => [each.name, each])));
      }),
      runs,
    );
  });

  test("a file of any other length is refused", () => {
    fc.assert(
      fc.property(tensorLists, fc.integer({ min: -9, max: 9 }), (tensors, more) => {
        const bytes = serializeHeader(tensors);
        const end = tensors.at(-1)?.end ?? 0;
        const read = outcome(() => parseHeader(bytes.subarray(8), bytes.length + end + more));
        const expected = more > 0 ? "FILE_TOO_LONG" : "FILE_TRUNCATED";
        if (more !== 0) expect(read).toEqual({ refused: expected });
      }),
      runs,
    );
  });

  test("any text is accepted whole or refused with a code", () => {
    fc.assert(
      fc.property(fc.oneof(mutated, headers), fc.nat(64), (json, data) => {
        const bytes = Buffer.from(json);
        const read = outcome(() => parseHeader(bytes, 8 + bytes.length + data));
        if ("value" in read) JSON.parse(bytes.toString());
        else expect(read.refused).not.toBe("SyntaxError");
      }),
      runs,
    );
  });

  test("any bytes are accepted whole or refused with a code", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(50), (bytes, size) => {
        outcome(() => parsePrefix(bytes, size));
        outcome(() => parseHeader(bytes, size));
      }),
      runs,
    );
  });
});

describe("the scanner beside JSON.parse", () => {
  test("on JSON", () => {
    fc.assert(fc.property(fc.json({ stringUnit: "binary" }), compare), runs);
  });

  test("on nearly JSON", () => {
    fc.assert(fc.property(mutated, compare), { numRuns: 3000 });
  });

  test("on pieces of JSON", () => {
    const soup = fc.array(pieces, { maxLength: 12 }).map((list) => list.join(""));
    fc.assert(fc.property(soup, compare), { numRuns: 3000 });
  });
});
