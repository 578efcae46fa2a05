/** Reads the options of a command; every mistake is a MergeError of code ARGUMENT. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearest } from "../config/check.ts";
import { MergeError } from "../errors.ts";

export interface Parsed {
  positionals: string[];
  values: Record<string, string | boolean | undefined>;
}

/** Options of a command, as node's parser takes them. */
export type OptionSpecs = NonNullable<ParseArgsConfig["options"]>;

/**
 * Splits arguments into options and positionals: as many as `names` has, or more where "..." is
 * among them, which stands for any number of those before it.
 */
export function parse(
  args: readonly string[],
  options: OptionSpecs,
  names: readonly string[],
): Parsed {
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, allowNegative: true });
  } catch (error) {
    throw wrongOption((error as Error).message.split("\n")[0], Object.keys(options));
  }
  const { positionals, values } = parsed;
  const open = names.includes("...");
  const least = names.length - (open ? 1 : 0);
  if (positionals.length < least || (positionals.length > least && !open)) {
    const found = `${positionals.length} of ${least}`;
    throw new MergeError("ARGUMENT", `expected ${names.join(" ")}, found ${found} arguments`);
  }
  return { positionals, values: values as Parsed["values"] };
}

/** The error for what `parseArgs` refuses; an unknown option gets the nearest one as a hint. */
function wrongOption(message: string, names: readonly string[]): MergeError {
  const unknown = /^Unknown option '--([^']+)'/.exec(message)?.[1];
  if (unknown === undefined) return new MergeError("ARGUMENT", message);
  const near = nearest(unknown, names);
  const hint = near === undefined ? undefined : `did you mean --${near}?`;
  return new MergeError("ARGUMENT", `no option --${unknown}`, { hint });
}

const POWERS: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, B: 3, T: 4 };

/** `500M`, `5B`, `5GB`, `0.5G`, `1000000` in multiples of 1000; `512MiB` in multiples of 1024. */
export function readBytes(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGBT]?)(i?)B?$/i.exec(text);
  const unit =
    match === null ? 0 : (match[3] === "" ? 1000 : 1024) ** POWERS[match[2].toUpperCase()];
  const bytes = match === null ? Number.NaN : Number(match[1]) * unit;
  if (Number.isSafeInteger(Math.round(bytes))) return Math.round(bytes);
  throw new MergeError("ARGUMENT", `${option}: a size such as 500M was expected, not ${text}`);
}

export function readInteger(text: string, option: string): bigint {
  if (/^\d{1,20}$/.test(text)) return BigInt(text);
  throw new MergeError("ARGUMENT", `${option}: a non-negative integer was expected, not ${text}`);
}

export function readNumber(text: string, option: string): number {
  if (/^\d*\.?\d+(?:e-?\d+)?$/i.test(text)) return Number(text);
  throw new MergeError("ARGUMENT", `${option}: a number was expected, not ${text}`);
}

export function readChoice<T extends string>(
  text: string,
  choices: readonly T[],
  option: string,
): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new MergeError("ARGUMENT", `${option}: ${choices.join(", ")} were expected, not ${text}`);
}
