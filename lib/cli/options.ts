/** Reads the options of a command; every mistake is a MergeError of code ARGUMENT. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { MergeError } from "../errors.ts";

export interface Parsed {
  positionals: string[];
  values: Record<string, string | boolean | undefined>;
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Splits arguments into options and exactly `names.length` positionals. */
export function parse(args: readonly string[], options: Options, names: readonly string[]): Parsed {
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, allowNegative: true });
  } catch (error) {
    throw new MergeError("ARGUMENT", (error as Error).message.split("\n")[0]);
  }
  const { positionals, values } = parsed;
  if (positionals.length !== names.length) {
    const found = `${positionals.length} of ${names.length}`;
    throw new MergeError("ARGUMENT", `expected ${names.join(" ")}, found ${found} arguments`);
  }
  return { positionals, values: values as Parsed["values"] };
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9, B: 1e9, T: 1e12 };

/** `500M`, `5B`, `5GB`, `0.5G`, `1000000`: a number of bytes, multiples of 1000. */
export function readBytes(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGBT]?)(?:B|iB)?$/i.exec(text);
  const bytes = match === null ? Number.NaN : Number(match[1]) * UNITS[match[2].toUpperCase()];
  if (Number.isSafeInteger(Math.round(bytes))) return Math.round(bytes);
  throw new MergeError("ARGUMENT", `${option}: a size such as 500M was expected, not ${text}`);
}

export function readInteger(text: string, option: string): bigint {
  if (/^\d{1,20}$/.test(text)) return BigInt(text);
  throw new MergeError("ARGUMENT", `${option}: a non-negative integer was expected, not ${text}`);
}

export function readChoice<T extends string>(text: string, choices: readonly T[], option: string): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new MergeError("ARGUMENT", `${option}: ${choices.join(", ")} were expected, not ${text}`);
}
