import { type Check, defined, entry, isRecord } from "./check.ts";
import { join } from "./document.ts";
import type { ModelReference } from "./types.ts";

interface Located {
  path: string;
  revision?: string;
}

/** A reference read from text, or why the text is none. */
export type ParsedReference = { reference: ModelReference } | { fault: string };

const LONG_FORM = "a path that contains @ or + has a long form: {model: {path: …}}";

/** Stands for a reference that could not be read, so that reading goes on. */
export const UNREADABLE: ModelReference = { path: "" };

/**
 * Reads mergekit's grammar `path[@revision][+lora[@revision]]`. It applies to local paths too: an
 * @ or + inside one is taken for the mark of a revision or an adapter.
 */
export function parseReference(text: string): ParsedReference {
  const parts = text.split("+");
  if (parts.length > 2) return { fault: "a reference has at most one +, before its adapter" };
  const [model, lora] = parts.map(parseLocated);
  if ("fault" in model) return model;
  if (lora === undefined) return { reference: model };
  return "fault" in lora ? lora : { reference: { ...model, lora } };
}

function parseLocated(text: string): Located | { fault: string } {
  const [path, revision, ...more] = text.split("@");
  if (more.length > 0) return { fault: "a path has at most one @, before its revision" };
  const fault =
    faultOf(path, "path") ?? (revision === undefined ? undefined : faultOf(revision, "revision"));
  if (fault !== undefined) return { fault };
  return revision === undefined ? { path } : { path, revision };
}

function faultOf(text: string, what: string): string | undefined {
  if (text.trim() === "") return `the ${what} is empty`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return /[\u0000-\u001f\u007f]/.test(text)
    ? `the ${what} contains a control character`
    : undefined;
}

/** The reference in the grammar of `parseReference`, for messages. */
export function formatReference(reference: ModelReference): string {
  const { lora } = reference;
  return lora ? `${formatLocated(reference)}+${formatLocated(lora)}` : formatLocated(reference);
}

function formatLocated(located: Located): string {
  return located.revision === undefined ? located.path : `${located.path}@${located.revision}`;
}

/** Whether two references name the same model with the same adapter and architecture. */
export function sameReference(a: ModelReference, b: ModelReference): boolean {
  return (
    a.path === b.path &&
    a.revision === b.revision &&
    a.lora?.path === b.lora?.path &&
    a.lora?.revision === b.lora?.revision &&
    a.overrideArchitecture === b.overrideArchitecture
  );
}

/**
 * Reads a reference as text or in the long form
 * `{model: {path, revision}, lora: {path, revision}, override_architecture}`, where `model` and
 * `lora` may also be text `path[@revision]`. `UNREADABLE` when there were problems.
 */
export function readReference(check: Check, value: unknown, path: string): ModelReference {
  if (isRecord(value)) return readLongForm(check, value, path);
  const text = check.text(value, path, "a model: `path[@revision][+lora[@revision]]`");
  if (text === undefined) return UNREADABLE;
  const parsed = parseReference(text);
  if ("reference" in parsed) return parsed.reference;
  check.mismatch(
    path,
    "a model: `path[@revision][+lora[@revision]]`",
    text,
    `${parsed.fault}; ${LONG_FORM}`,
  );
  return UNREADABLE;
}

function readLongForm(check: Check, value: unknown, path: string): ModelReference {
  const record = check.mapping(value, path, ["model", "lora", "override_architecture"]);
  const model = record && entry(record, "model");
  if (record === undefined || model === undefined) {
    check.fail("MISSING_KEY", path, "a model in the long form has a key `model`");
    return UNREADABLE;
  }
  const located = readLocated(check, model, join(path, "model"));
  const lora = entry(record, "lora");
  const architecture = entry(record, "override_architecture");
  const at = join(path, "override_architecture");
  const read: ModelReference = defined({
    ...(located ?? UNREADABLE),
    lora: lora === undefined ? undefined : readLocated(check, lora, join(path, "lora")),
    overrideArchitecture:
      architecture === undefined
        ? undefined
        : check.text(architecture, at, "an architecture's name"),
  });
  return located === undefined ? UNREADABLE : read;
}

function readLocated(check: Check, value: unknown, path: string): Located | undefined {
  if (!isRecord(value)) return readLocatedText(check, value, path);
  const record = check.mapping(value, path, ["path", "revision"])!;
  const local = entry(record, "path");
  if (local === undefined) {
    check.fail("MISSING_KEY", path, "expected a key `path`");
    return undefined;
  }
  const revision = entry(record, "revision");
  const read = {
    path: readPlain(check, local, join(path, "path"), "path"),
    revision:
      revision === undefined
        ? undefined
        : readPlain(check, revision, join(path, "revision"), "revision"),
  };
  return read.path === undefined ? undefined : defined({ ...read, path: read.path });
}

function readLocatedText(check: Check, value: unknown, path: string): Located | undefined {
  const text = check.text(value, path, "a path, `path@revision`, or `{path, revision}`");
  if (text === undefined) return undefined;
  const parsed = parseLocated(text);
  if (!("fault" in parsed)) return parsed;
  check.mismatch(
    path,
    "`path[@revision]`",
    text,
    `${parsed.fault}; a path that contains @ is written {path: …}`,
  );
  return undefined;
}

function readPlain(check: Check, value: unknown, path: string, what: string): string | undefined {
  const text = check.text(value, path, `a ${what}`);
  const fault = text === undefined ? undefined : faultOf(text, what);
  if (fault === undefined) return text;
  check.mismatch(path, `a ${what}`, text, fault);
  return undefined;
}
