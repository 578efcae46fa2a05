import { describe, expect, test } from "vitest";
import { parse, readBytes, readChoice, readInteger } from "../../../lib/cli/options.ts";
import { refusal } from "../../make.ts";

describe("readBytes", () => {
  test.each([
    ["0", 0],
    ["1000000", 1_000_000],
    ["500M", 500_000_000],
    ["500m", 500_000_000],
    ["5B", 5_000_000_000],
    ["5G", 5_000_000_000],
    ["5GB", 5_000_000_000],
    ["0.5G", 500_000_000],
    ["2k", 2000],
    ["1T", 1e12],
    ["512MiB", 512 * 2 ** 20],
    ["1.5GiB", 1.5 * 2 ** 30],
  ])("%s is %d", (text, bytes) => expect(readBytes(text, "--size")).toBe(bytes));

  test.each(["", "M", "-1", "1e6", "5 GB", "0x10", "1,5G", "five", "1P", "Infinity", "99999999T"])(
    "%j is refused, naming the option",
    async (text) => {
      const error = await refusal(() => readBytes(text, "--size"));
      expect(error.code).toBe("ARGUMENT");
      expect(error.message).toMatch(/^--size: /);
    },
  );
});

describe("readInteger", () => {
  test.each([
    ["0", 0n],
    ["7", 7n],
    ["18446744073709551615", 18_446_744_073_709_551_615n],
  ])("%s is %s", (text, value) => expect(readInteger(text, "--n")).toBe(value));

  test.each(["", "-1", "1.5", "1e3", "0x1", " 1", "123456789012345678901"])(
    "%j is refused",
    async (text) => {
      expect((await refusal(() => readInteger(text, "--n"))).code).toBe("ARGUMENT");
    },
  );
});

test("readChoice takes one of its words, and lists them otherwise", async () => {
  expect(readChoice("b", ["a", "b"], "--x")).toBe("b");
  const error = await refusal(() => readChoice("c", ["a", "b"], "--x"));
  expect(error.message).toBe("--x: a, b were expected, not c");
});

describe("parse", () => {
  const OPTIONS = {
    threads: { type: "string", short: "j" },
    overwrite: { type: "boolean" },
    sync: { type: "boolean" },
  } as const;

  test.each<[string[], object]>([
    [["a", "b"], {}],
    [["--overwrite", "a", "b"], { overwrite: true }],
    [["a", "--no-sync", "b"], { sync: false }],
    [["-j4", "a", "b"], { threads: "4" }],
    [["a", "b", "--threads=4"], { threads: "4" }],
    [["--threads", "4", "--", "a", "b"], { threads: "4" }],
  ])("%j", (args, values) => {
    const parsed = parse(args, OPTIONS, ["A", "B"]);
    expect({ ...parsed.values }).toEqual(values);
    expect(parsed.positionals).toEqual(["a", "b"]);
  });

  test.each<[string[], string]>([
    [[], "expected A B, found 0 of 2 arguments"],
    [["a"], "found 1 of 2"],
    [["a", "b", "c"], "found 3 of 2"],
    [["a", "b", "--threads"], "--threads"],
    [["a", "b", "--overwrite=yes"], "--overwrite"],
    [["a", "b", "-x"], "-x"],
    [["a", "b", "--zzz"], "no option --zzz"],
    [["a", "b", "--thread", "4"], "no option --thread"],
  ])("%j is refused", async (args, message) => {
    const error = await refusal(() => parse(args, OPTIONS, ["A", "B"]));
    expect(error.code).toBe("ARGUMENT");
    expect(error.message).toContain(message);
    expect(error.message).not.toContain("\n");
  });

  test.each([
    ["--thread", "did you mean --threads?"],
    ["--overwite", "did you mean --overwrite?"],
    ["--quux", undefined],
  ])("%s gets the hint: %s", async (option, hint) => {
    expect((await refusal(() => parse([option], OPTIONS, []))).hint).toBe(hint);
  });
});
