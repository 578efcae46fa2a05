import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  type Scalar,
  visit,
  type YAMLMap,
} from "yaml";
import { type Place, type Problem, printable, problem, throwProblems } from "../errors.ts";
import { Budget, join, RECIPE_LIMITS, type RecipeDocument, tooLarge } from "./document.ts";

/** Turns offsets into lines and columns of one file. */
export interface Source {
  file: string | undefined;
  lines: LineCounter;
}

/** The place of an offset in the text. */
export function placeAt(source: Source, offset: number, path?: string): Place {
  const { line, col } = source.lines.linePos(offset);
  const place: Place = { line, column: col };
  if (source.file !== undefined) place.file = source.file;
  if (path !== undefined) place.path = path;
  return place;
}

/**
 * Plain data of a parsed YAML document: aliases expanded, merge keys applied (explicit entries
 * win over merged ones, earlier sources over later ones), every mapping a null-prototype record.
 * Throws on duplicate keys, on aliases without an anchor or inside their own, and past a limit.
 */
export function walkDocument(document: Document, source: Source): RecipeDocument {
  const walk = new Walk(source, resolveAliases(document, source));
  const value = walk.value(document.contents, "", 0, placeAt(source, 0, ""));
  throwProblems(walk.problems, "the recipe is not well-formed YAML");
  return { value, places: walk.places, written: walk.written };
}

function resolveAliases(document: Document, source: Source): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  const problems: Problem[] = [];
  const fault = (alias: Alias, what: string): void => {
    const message = `the alias *${printable(alias.source)} ${what}`;
    const at = placeAt(source, alias.range![0]);
    if (problems.length < 20) problems.push(problem("RECIPE_NOT_YAML", message, undefined, at));
  };
  visit(document, {
    Node: (_key, node, ancestors) => {
      if (!isAlias(node)) {
        if (node.anchor) anchors.set(node.anchor, node);
        return;
      }
      const target = anchors.get(node.source);
      if (target === undefined) fault(node, "has no anchor before it");
      else if (ancestors.includes(target)) fault(node, "stands inside its own anchor");
      else targets.set(node, target);
    },
  });
  throwProblems(problems, "the recipe is not well-formed YAML");
  return targets;
}

class Walk {
  readonly places: Map<string, Place> = new Map();
  readonly written: Map<string, string> = new Map();
  readonly problems: Problem[] = [];
  readonly #source: Source;
  readonly #targets: Map<Alias, Node>;
  readonly #budget = new Budget();
  #aliases = 0;

  constructor(source: Source, targets: Map<Alias, Node>) {
    this.#source = source;
    this.#targets = targets;
  }

  value(written: unknown, path: string, depth: number, place: Place): unknown {
    this.#budget.spend(path, depth, place);
    this.places.set(path, place);
    const node = this.#resolve(written);
    if (isSeq(node)) {
      return node.items.map((item, i) => {
        const at = join(path, i);
        return this.value(item, at, depth + 1, this.#placeOf(item, at));
      });
    }
    if (isMap(node)) return this.#record(node, path, depth);
    if (!isScalar(node)) return null;
    if (node.type === "PLAIN" && node.source !== undefined) this.written.set(path, node.source);
    return node.value;
  }

  #record(map: YAMLMap, path: string, depth: number): Record<string, unknown> {
    const record: Record<string, unknown> = Object.create(null);
    for (const [key, pair] of this.#entries(map, depth)) {
      const at = join(path, key);
      record[key] = this.value(pair.value, at, depth + 1, this.#placeOf(pair.key, at));
    }
    return record;
  }

  #entries(map: YAMLMap, depth: number): Map<string, Pair> {
    const entries = new Map<string, Pair>();
    let merged: Pair | undefined;
    for (const pair of map.items) {
      const key = pair.key as Scalar<string>;
      const merges = key.value === "<<" && key.type === "PLAIN";
      if (merges ? merged !== undefined : entries.has(key.value)) this.#duplicate(key);
      if (merges) merged = pair;
      else entries.set(key.value, pair);
    }
    if (merged !== undefined) this.#merge(merged, entries, depth);
    return entries;
  }

  #merge(pair: Pair, entries: Map<string, Pair>, depth: number): void {
    const place = this.#placeOf(pair.key);
    const given = this.#resolve(pair.value);
    for (const item of isSeq(given) ? given.items : [given]) {
      const from = this.#resolve(item);
      this.#budget.spend("", depth + 1, place);
      if (!isMap(from)) {
        this.#report("`<<` merges a mapping or a list of mappings, and this is neither", place);
        continue;
      }
      for (const [key, each] of this.#entries(from, depth + 1)) {
        this.#budget.spend("", depth + 1, place);
        if (!entries.has(key)) entries.set(key, each);
      }
    }
  }

  #resolve(node: unknown): unknown {
    if (!isAlias(node)) return node;
    this.#aliases += 1;
    if (this.#aliases > RECIPE_LIMITS.aliases) {
      const place = this.#placeOf(node);
      throw tooLarge(`more than ${RECIPE_LIMITS.aliases} aliases, nested ones expanded`, place);
    }
    return this.#targets.get(node);
  }

  #duplicate(key: Scalar<string>): void {
    const message = `the key \`${printable(key.value)}\` occurs twice in one mapping`;
    this.#report(message, this.#placeOf(key), "keep one of the two");
  }

  #report(message: string, place: Place, hint?: string): void {
    if (this.problems.length >= 20) return;
    this.problems.push(problem("RECIPE_NOT_YAML", message, hint, place));
  }

  /** The parser gives every node a range, also where nothing is written. */
  #placeOf(node: unknown, path?: string): Place {
    return placeAt(this.#source, (node as Node).range![0], path);
  }
}
