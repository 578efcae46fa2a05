import { type FileHandle, open } from "node:fs/promises";
import {
  Composer,
  type CST,
  type Document,
  type ErrorCode,
  Lexer,
  LineCounter,
  Parser,
  type YAMLError,
} from "yaml";
import { MergeError, type Problem, printable, problem, throwProblems } from "../errors.ts";
import { AT_ONCE } from "../format/file.ts";
import { RECIPE_LIMITS, type RecipeDocument, tooLarge } from "./document.ts";
import { placeAt, type Source, walkDocument } from "./walk.ts";

const OWN_WORDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  NON_STRING_KEY: "a list, a mapping or an alias stands where a key was expected",
};

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  TAG_RESOLVE_FAILED: "recipes have no tags of their own; remove it",
  TAB_AS_INDENT: "indent with spaces",
};

/** A recipe file: its text, unchanged but for a byte order mark, and the documents in it. */
export interface RecipeFile {
  text: string;
  documents: RecipeDocument[];
}

/**
 * Reads YAML 1.2 (core schema, with merge keys; hence JSON too) into plain data, one entry for
 * each document, at least one. Throws RECIPE_TOO_LARGE past a limit of `RECIPE_LIMITS`, and
 * RECIPE_NOT_YAML for text that is not UTF-8 or not well-formed, for duplicate keys, tags beyond
 * the core schema, keys that are not scalars, and whatever the parser warns about.
 */
export function readRecipe(input: string | Uint8Array, file?: string): RecipeDocument[] {
  const text = decode(input, file);
  const source: Source = { file, lines: new LineCounter() };
  // A lone CR ends a line too, which the parser does not know. Places stay where they are.
  const documents = compose(text.replace(/\r(?!\n)/g, "\n"), source);
  throwProblems(
    documents.flatMap((each) => faultsOf(each, source)).slice(0, 20),
    "the recipe is not well-formed YAML",
  );
  return documents.map((each) => walkDocument(each, source));
}

/** Reads a recipe from a regular file. Throws RECIPE_UNREADABLE, or what `readRecipe` throws. */
export async function readRecipeFile(path: string): Promise<RecipeFile> {
  const bytes = await readBounded(path);
  const text = decode(bytes, path);
  return { text, documents: readRecipe(text, path) };
}

function compose(text: string, source: Source): Document[] {
  const options = { version: "1.2", schema: "core", stringKeys: true } as const;
  const composer = new Composer({ ...options, resolveKnownTags: false, uniqueKeys: false });
  const documents: Document[] = [];
  for (const document of composer.compose(tokens(text, source), true, text.length)) {
    documents.push(document);
    if (documents.length > RECIPE_LIMITS.documents) {
      throw tooLarge(`more than ${RECIPE_LIMITS.documents} documents`, fileOnly(source.file));
    }
  }
  return documents;
}

/** Syntax tokens of the text; stops at nesting that would exhaust the stack further on. */
function* tokens(text: string, source: Source): Generator<CST.Token, void> {
  const { addNewLine } = source.lines;
  const parser = new Parser(addNewLine);
  let lexemes = 0;
  addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    lexemes += 1;
    if (lexemes > RECIPE_LIMITS.lexemes) {
      throw tooLarge("too many words, marks and lines", placeAt(source, parser.offset));
    }
    // beside the collections, the stack holds the document and the scalar being read
    if (parser.stack.length > RECIPE_LIMITS.depth + 4) {
      const place = placeAt(source, parser.offset);
      throw tooLarge(`values nest deeper than ${RECIPE_LIMITS.depth} levels`, place);
    }
  }
  yield* parser.end();
}

function faultsOf(document: Document, source: Source): Problem[] {
  const faults: Problem[] = [...document.errors, ...document.warnings].map((each: YAMLError) => {
    const place = placeAt(source, Math.max(0, each.pos[0]));
    const message = OWN_WORDS[each.code] ?? printable(each.message);
    return problem("RECIPE_NOT_YAML", message, HINTS[each.code], place);
  });
  const { yaml } = document.directives!;
  if (yaml.explicit === true && yaml.version !== "1.2") {
    const place = placeAt(source, document.range![0]);
    const message = `the document asks for YAML ${yaml.version}; recipes are YAML 1.2`;
    faults.push(problem("RECIPE_NOT_YAML", message, "remove the %YAML line", place));
  }
  return faults;
}

function decode(input: string | Uint8Array, file: string | undefined): string {
  const size = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (size > RECIPE_LIMITS.bytes) {
    throw tooLarge(`${size} bytes, and ${RECIPE_LIMITS.bytes} are allowed`, fileOnly(file));
  }
  const text = typeof input === "string" ? input.replace(/^\ufeff/, "") : decodeUtf8(input, file);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: YAML allows no others
  const at = text.search(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/);
  if (at === -1) return text;
  const before = text.slice(0, at).split(/\r\n|[\r\n]/);
  const place = { ...fileOnly(file), line: before.length, column: before.at(-1)!.length + 1 };
  const message = `a control character (${printable(text[at])}) cannot stand in a recipe`;
  throw new MergeError("RECIPE_NOT_YAML", message, { hint: "is this a text file?", place });
}

function decodeUtf8(bytes: Uint8Array, file: string | undefined): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const hint = "save the recipe as UTF-8";
    const place = fileOnly(file);
    throw new MergeError("RECIPE_NOT_YAML", "the recipe is not UTF-8 text", { hint, place, cause });
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, AT_ONCE);
    const status = await handle.stat();
    if (!status.isFile()) throw unreadable(path, "it is not a regular file");
    const most = RECIPE_LIMITS.bytes;
    let bytes = Buffer.allocUnsafe(Math.min(status.size, most) + 1);
    for (let length = 0; length <= most; ) {
      // one that grows while it is read
      if (length === bytes.length) bytes = Buffer.concat([bytes], Math.min(2 * length, most + 1));
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length);
      if (bytesRead === 0) return bytes.subarray(0, length);
      length += bytesRead;
    }
    throw tooLarge(`more than ${most} bytes`, fileOnly(path));
  } catch (cause) {
    if (cause instanceof MergeError) throw cause;
    throw unreadable(path, (cause as Error).message, cause);
  } finally {
    // What was read is none the worse when closing fails.
    await handle?.close().catch(() => {});
  }
}

function unreadable(path: string, why: string, cause?: unknown): MergeError {
  const message = `cannot read the recipe ${printable(path)}: ${printable(why)}`;
  const hint = "give the path of a YAML or JSON file";
  return new MergeError("RECIPE_UNREADABLE", message, { hint, place: { file: path }, cause });
}

function fileOnly(file: string | undefined): { file?: string } {
  return file === undefined ? {} : { file };
}
