/**
 * Which part of the checkpoints a recipe's module means. No template knows architectures: a part is
 * what the names of tensors tell apart, `vision_tower.…` from `language_model.…`.
 */
import { join } from "../config/document.ts";
import type { Recipe, RecipeBody } from "../config/types.ts";
import { type Problem, printable, problem } from "../errors.ts";
import type { Model } from "../format/model.ts";
import { splitLayer } from "./names.ts";

/** What one body of a recipe merges: series of layers, and tensors outside them. */
export interface Scope {
  /** Word of the checkpoint's names that tells the part from others; "" when it is everything. */
  part: string;
  hasSeries(prefix: string): boolean;
  hasOutside(name: string): boolean;
}

/** A body and what it merges. */
export interface ScopedBody {
  body: RecipeBody;
  scope: Scope;
}

/** Scope of a recipe without several modules. */
export const EVERYTHING: Scope = { part: "", hasSeries: () => true, hasOutside: () => true };

/** A leading path of tensor names; with `layered`, one that has layers. */
interface Part {
  /** `model.visual.` */
  path: string;
  /** `visual` */
  word: string;
  layered: boolean;
}

export type Kind = "text" | "vision" | "audio";

/** What a module or a part is about, as far as its name tells. */
export function kindOf(word: string): Kind | undefined {
  if (/vis(?:ion|ual)|image|vit\b/.test(word)) return "vision";
  if (/audio|speech/.test(word)) return "audio";
  if (/text|language|llm|decoder|^(?:lm|model|transformer)$/.test(word)) return "text";
  return undefined;
}

/** Path segments before the layer number: `model.layers.` → `model`, `layers`. */
function segmentsOf(path: string): string[] {
  return path.split(".").slice(0, -1);
}

/** Leading segments that all series share, short of a whole one. */
function sharedPath(series: readonly string[]): string {
  const [first = [], ...others] = series.map(segmentsOf);
  let shared = Math.max(0, Math.min(first.length, ...others.map(({ length }) => length)) - 1);
  for (const segments of others) {
    for (let i = 0; i < shared; i++) if (segments[i] !== first[i]) shared = i;
  }
  return first
    .slice(0, shared)
    .map((segment) => `${segment}.`)
    .join("");
}

function partOf(name: string, shared: string, layered: boolean): Part {
  const from = name.startsWith(shared) ? shared : "";
  const word = name.slice(from.length).split(".")[0];
  return { path: `${from}${word}.`, word, layered };
}

/** Parts of the checkpoints in the order of their names; the series of one part go together. */
function partsOf(models: Iterable<Model>): Part[] {
  const series = new Set<string>();
  const outside = new Set<string>();
  for (const { tensors } of models) {
    for (const name of tensors.keys()) {
      const split = splitLayer(name);
      if (split === undefined) outside.add(name);
      else series.add(split.prefix);
    }
  }
  const shared = sharedPath([...series]);
  const parts = new Map<string, Part>();
  const add = (part: Part) => parts.has(part.path) || parts.set(part.path, part);
  for (const prefix of series) add(partOf(prefix, shared, true));
  for (const name of outside) add(partOf(name, shared, false));
  return [...parts.values()];
}

function onlyOne(parts: readonly Part[]): Part | undefined {
  return parts.length === 1 ? parts[0] : undefined;
}

/** The part that a module's name means: by its word, else by its kind, else by a common piece. */
function findPart(name: string, parts: readonly Part[]): Part | undefined {
  const exact = parts.find(({ word }) => word === name);
  if (exact !== undefined) return exact;
  const layered = parts.filter((part) => part.layered);
  const kind = kindOf(name);
  const alike = onlyOne(layered.filter(({ word }) => kind !== undefined && kindOf(word) === kind));
  if (alike !== undefined) return alike;
  const fits = ({ word }: Part) => kind === undefined || (kindOf(word) ?? kind) === kind;
  return onlyOne(
    layered.filter((part) => {
      const { path, word } = part;
      return fits(part) && (path.includes(name) || (word !== "" && name.includes(word)));
    }),
  );
}

/** Gives every module its part; what is not clear becomes a problem at the module's place. */
class Assignment {
  readonly parts: readonly Part[];
  readonly claimed: Map<string, Part> = new Map();
  readonly #names: readonly string[];
  readonly #places: Recipe["places"];
  readonly #problems: Problem[];

  constructor(
    names: readonly string[],
    places: Recipe["places"],
    models: Iterable<Model>,
    problems: Problem[],
  ) {
    this.#names = names;
    this.#places = places;
    this.#problems = problems;
    this.parts = partsOf(models);
    for (const name of names) if (name !== "default") this.#claim(name);
    this.#checkComplete();
  }

  get layered(): Part[] {
    return this.parts.filter(({ layered }) => layered);
  }

  #claim(name: string): void {
    const place = this.#places[join("modules", name)];
    const part = findPart(name, this.parts);
    if (part === undefined) {
      const message = `the models have no module ${printable(name)}, or it is not clear which`;
      const hint = `modules found: ${this.layered.map(({ word }) => printable(word)).join(", ")}`;
      this.#problems.push(problem("UNKNOWN_KEY", message, hint, place));
      return;
    }
    const other = [...this.claimed].find(([, { path }]) => path === part.path);
    if (other !== undefined) {
      const names = `${printable(other[0])} and ${printable(name)}`;
      const message = `modules ${names} both mean ${printable(part.word)}`;
      this.#problems.push(problem("CONFLICTING_KEYS", message, "keep one of them", place));
      return;
    }
    this.claimed.set(name, part);
  }

  /** Everything with layers must be some module's, or the output would lack it. */
  #checkComplete(): void {
    if (this.#names.includes("default") || this.#problems.length > 0) return;
    const paths = new Set([...this.claimed.values()].map(({ path }) => path));
    const left = this.layered.filter(({ path }) => !paths.has(path)).map(({ word }) => word);
    if (left.length === 0) return;
    const message = `modules does not say what becomes of ${left.map(printable).join(", ")}`;
    const hint = "add them, or a module `default` for the rest";
    this.#problems.push(problem("MISSING_KEY", message, hint, this.#places.modules));
  }

  /** Module that takes what no other claims: `default`, else the language model, else the first. */
  fallback(): string {
    if (this.#names.includes("default")) return "default";
    const text = [...this.claimed].find(([, { word }]) => kindOf(word) === "text");
    return text === undefined ? this.#names[0] : text[0];
  }

  /** Name of the module that a tensor or a series belongs to. */
  ownerOf(name: string, fallback: string): string {
    let owner = fallback;
    let longest = 0;
    for (const [module, { path }] of this.claimed) {
      if (name.startsWith(path) && path.length > longest) [owner, longest] = [module, path.length];
    }
    return owner;
  }
}

/**
 * The bodies of a recipe, each with what it merges. Modules of the recipe are matched with what the
 * names of the models' tensors tell apart; what does not match becomes a problem.
 */
export function scopeBodies(
  recipe: Recipe,
  models: Iterable<Model>,
  problems: Problem[],
): ScopedBody[] {
  if (recipe.body !== undefined) return [{ body: recipe.body, scope: EVERYTHING }];
  const modules = Object.entries(recipe.modules as Required<Recipe>["modules"]);
  const [first] = modules;
  if (modules.length === 1 && first[0] === "default")
    return [{ body: first[1], scope: EVERYTHING }];
  const names = modules.map(([name]) => name);
  const assignment = new Assignment(names, recipe.places, models, problems);
  const fallback = assignment.fallback();
  return modules.map(([module, body]) => {
    const owns = (name: string) => assignment.ownerOf(name, fallback) === module;
    const part = assignment.claimed.get(module)?.word ?? "";
    return { body, scope: { part, hasSeries: owns, hasOutside: owns } };
  });
}
