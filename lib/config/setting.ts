import type { ParameterSpec } from "../methods/types.ts";
import { type Check, entry, found, isRecord, list, nearest } from "./check.ts";
import { booleanWord, divergence, numberFromText } from "./dialect.ts";
import { join } from "./document.ts";
import type { ConditionalValue, ParameterSetting, Parameters } from "./types.ts";

const FORMS = "a number, a list of numbers, or a list of {filter, value}";

/** Where parameters stand: under one model (or source), or further out. */
export type Level = "model" | "outer";

/**
 * Reads the parameters of one level, with the forms, types and ranges that the recipe's method
 * declares. Those of other methods, and global ones under a model, have no effect: they are noted
 * and left out. A setting with a problem counts as given.
 */
export function readParameters(
  check: Check,
  value: unknown,
  path: string,
  level: Level,
): Parameters {
  const parameters: Record<string, ParameterSetting> = Object.create(null);
  const record = value === undefined ? undefined : check.mapping(value, path);
  for (const [name, setting] of Object.entries(record ?? {})) {
    const at = join(path, name);
    const spec = check.method?.parameters.find((each) => each.name === name);
    if (spec === undefined && !check.parameterNames.has(name)) {
      unknownParameter(check, at, name);
      continue;
    }
    const read = readSetting(check, setting, at, spec);
    if (takesEffect(check, spec, at, level)) parameters[name] = read ?? 0;
  }
  return parameters;
}

function unknownParameter(check: Check, path: string, name: string): void {
  const own = check.method?.parameters.map((each) => each.name) ?? [];
  const near = nearest(name, own) ?? nearest(name, check.parameterNames);
  const has = check.method ? `${check.method.name} has ${list(own) || "no parameters"}` : undefined;
  const hint = near === undefined ? has : `did you mean \`${near}\`?`;
  check.fail("UNKNOWN_KEY", path, "no method has a parameter of this name", hint);
}

function takesEffect(
  check: Check,
  spec: ParameterSpec | undefined,
  path: string,
  level: Level,
): boolean {
  if (check.method === undefined) return true;
  if (spec === undefined) {
    check.note(path, `ignored, \`${check.method.name}\` has no such parameter`);
    return false;
  }
  if (spec.scope === "global" && level === "model") {
    check.note(path, "ignored, it is one value for the merge and cannot differ between models");
    return false;
  }
  return true;
}

/** Reads one setting in any of its forms; undefined when there were problems. */
export function readSetting(
  check: Check,
  value: unknown,
  path: string,
  spec?: ParameterSpec,
): ParameterSetting | undefined {
  if (isRecord(value)) return whole([readConditional(check, value, path, spec)]);
  if (!Array.isArray(value)) return readNumber(check, value, path, spec);
  const records = value.filter(isRecord).length;
  if (value.length === 0 || (records > 0 && records < value.length)) {
    const what = value.length === 0 ? "an empty list" : "a list that mixes the two";
    check.fail("WRONG_TYPE", path, `expected ${FORMS}, found ${what}`);
    return undefined;
  }
  if (records > 0) {
    return whole(value.map((item, i) => readConditional(check, item, join(path, i), spec)));
  }
  return whole(value.map((item, i) => readNumber(check, item, join(path, i), spec)));
}

function whole<T>(items: (T | undefined)[]): T[] | undefined {
  return items.includes(undefined) ? undefined : (items as T[]);
}

function readConditional(
  check: Check,
  value: unknown,
  path: string,
  spec: ParameterSpec | undefined,
): ConditionalValue | undefined {
  const record = check.mapping(value, path, ["filter", "value"])!;
  if (!("value" in record)) {
    check.fail("MISSING_KEY", path, "a conditional value has a key `value`");
    return undefined;
  }
  const read = readSetting(check, record.value, join(path, "value"), spec);
  const filter = entry(record, "filter");
  if (read === undefined) return undefined;
  if (filter === undefined) return { value: read };
  if (typeof filter === "string") return { filter, value: read };
  check.text(filter, join(path, "filter"), "a part of a tensor's name");
  return undefined;
}

/** Reads a number, or a boolean as 1 or 0, within the bounds of a parameter. */
export function readNumber(
  check: Check,
  value: unknown,
  path: string,
  spec?: ParameterSpec,
): number | undefined {
  if (spec?.words !== undefined && typeof value === "string") {
    const named = Object.hasOwn(spec.words, value) ? spec.words[value] : undefined;
    if (named !== undefined) return named;
  }
  const written = check.document.written.get(path);
  const differs = written === undefined ? undefined : divergence(written);
  const number = differs === undefined ? toNumber(value, written) : undefined;
  if (number !== undefined) return inRange(check, number, path, spec) ? number : undefined;
  const expected = spec === undefined ? "a number" : expectation(spec);
  const text = differs === undefined ? value : written;
  const hint = differs && `${differs}; write it as a plain decimal number`;
  check.mismatch(path, expected, text, hint);
  return undefined;
}

function toNumber(value: unknown, written: string | undefined): number | undefined {
  if (typeof value === "number") return value === 0 ? 0 : value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "string") return undefined;
  const word = written === undefined ? undefined : booleanWord(written);
  if (word !== undefined) return word ? 1 : 0;
  return toNumber(numberFromText(value), undefined);
}

function inRange(
  check: Check,
  number: number,
  path: string,
  spec: ParameterSpec | undefined,
): boolean {
  const { type = "number", min = -Infinity, max = Infinity } = spec ?? {};
  const fits =
    Number.isFinite(number) &&
    number >= min &&
    number <= max &&
    (type !== "integer" || Number.isSafeInteger(number)) &&
    (type !== "boolean" || number === 0 || number === 1);
  if (fits) return true;
  const expected = spec === undefined ? "a finite number" : expectation(spec);
  check.fail("OUT_OF_RANGE", path, `expected ${expected}, found ${found(number)}`, spec?.about);
  return false;
}

function expectation({ type, min, max }: ParameterSpec): string {
  if (type === "boolean") return "true or false";
  const kind = type === "integer" ? "an integer" : "a finite number";
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}`;
  if (min !== undefined) return `${kind}, at least ${min}`;
  return max === undefined ? kind : `${kind}, at most ${max}`;
}
