import { type Check, defined, entry, isRecord, list, type PlainRecord } from "./check.ts";
import { join, RECIPE_LIMITS } from "./document.ts";
import { readReference, UNREADABLE } from "./reference.ts";
import { readNumber, readParameters } from "./setting.ts";
import type {
  Parameters,
  Recipe,
  RecipeBody,
  RecipeModel,
  RecipeSlice,
  RecipeSource,
} from "./types.ts";

/** Reads what a recipe merges: its models, slices or modules. */
export function readContents(check: Check, top: PlainRecord): Pick<Recipe, "body" | "modules"> {
  const kind = onlyOne(check, top, "", ["models", "slices", "modules"]);
  if (kind !== "modules") return { body: readBody(check, top, "", kind, Object.create(null)) };
  const modules: Record<string, RecipeBody> = Object.create(null);
  const record = check.mapping(top.modules, "modules") ?? {};
  for (const [name, value] of Object.entries(record)) {
    modules[name] = readModule(check, value, join("modules", name));
  }
  if (isRecord(top.modules) && Object.keys(modules).length === 0) {
    check.fail("MISSING_KEY", "modules", "expected at least one module");
  }
  return { modules };
}

function readModule(check: Check, value: unknown, path: string): RecipeBody {
  const record = check.mapping(value, path, ["models", "slices", "parameters"]);
  if (record === undefined) return { models: [], parameters: {} };
  const kind = onlyOne(check, record, path, ["models", "slices"]);
  return readBody(check, record, path, kind, readOuter(check, record, path));
}

/** The one key of several that is there; problems and undefined when none or more are. */
function onlyOne<K extends string>(
  check: Check,
  record: PlainRecord,
  path: string,
  keys: readonly K[],
): K | undefined {
  const present = keys.filter((key) => entry(record, key) !== undefined);
  if (present.length === 1) return present[0];
  if (present.length === 0) {
    check.fail("MISSING_KEY", path, `expected one of ${list(keys)}`);
  } else {
    const message = `expected only one of ${list(keys)}, found ${list(present)}`;
    check.fail("CONFLICTING_KEYS", join(path, present[1]), message, "keep one of them");
  }
  return undefined;
}

function readBody(
  check: Check,
  record: PlainRecord,
  path: string,
  kind: "models" | "slices" | undefined,
  parameters: Parameters,
): RecipeBody {
  if (kind === undefined) return { models: [], parameters };
  const at = join(path, kind);
  const items = check.items(record[kind], at, kind);
  return kind === "models"
    ? { models: readEach(check, items, at, readModel), parameters }
    : { slices: items.map((item, i) => readSlice(check, item, join(at, i))), parameters };
}

/** Reads models or sources; none of them when the recipe has too many. */
function readEach<T>(
  check: Check,
  items: readonly unknown[],
  path: string,
  read: (check: Check, item: unknown, path: string) => T,
): T[] {
  const before = check.sources;
  check.sources += items.length;
  if (check.sources <= RECIPE_LIMITS.sources) {
    return items.map((item, i) => read(check, item, join(path, i)));
  }
  if (before > RECIPE_LIMITS.sources) return [];
  const message = `the recipe has more than ${RECIPE_LIMITS.sources} models and sources`;
  check.fail("RECIPE_TOO_LARGE", path, message, "split the merge into several");
  return [];
}

function readSlice(check: Check, value: unknown, path: string): RecipeSlice {
  const keys = ["sources", "base_model", "residual_weight", "parameters"];
  const record = check.mapping(value, path, keys);
  if (record === undefined) return { sources: [], parameters: {}, place: check.place(path) };
  const base = entry(record, "base_model");
  if (entry(record, "residual_weight") !== undefined) {
    check.note(join(path, "residual_weight"), "ignored, it has no effect in any method");
  }
  const at = join(path, "sources");
  const items = check.items(record.sources, at, "sources");
  const sources = readEach(check, items, at, readSource);
  checkDepths(check, sources, path);
  return defined({
    sources,
    baseModel:
      base === undefined ? undefined : readReference(check, base, join(path, "base_model")),
    parameters: readOuter(check, record, path),
    place: check.place(path),
  });
}

function checkDepths(check: Check, sources: readonly RecipeSource[], path: string): void {
  const depths = sources.map(({ layerRange: [from, to] }) => to - from).filter((n) => n > 0);
  if (depths.every((depth) => depth === depths[0])) return;
  const message = `all sources of a slice need as many layers, found ${depths.slice(0, 10).join(", ")}`;
  check.fail("LAYER_RANGE", path, message);
}

function readSource(check: Check, value: unknown, path: string): RecipeSource {
  const record = check.mapping(value, path, ["model", "layer_range", "parameters"]);
  const layerRange = record ? readLayerRange(check, record.layer_range, path) : NO_LAYERS;
  return { ...readEntry(check, record, path), layerRange };
}

function readModel(check: Check, value: unknown, path: string): RecipeModel {
  return readEntry(check, check.mapping(value, path, ["model", "parameters"]), path);
}

function readEntry(check: Check, record: PlainRecord | undefined, path: string): RecipeModel {
  const place = check.place(path);
  if (record === undefined) return { model: UNREADABLE, parameters: {}, place };
  const model = entry(record, "model");
  if (model === undefined) check.fail("MISSING_KEY", path, "expected a key `model`");
  const given = entry(record, "parameters");
  return {
    model: model === undefined ? UNREADABLE : readReference(check, model, join(path, "model")),
    parameters: readParameters(check, given, join(path, "parameters"), "model"),
    place,
  };
}

/** Reads the `parameters` of a recipe, module or slice. */
export function readOuter(check: Check, record: PlainRecord, path: string): Parameters {
  return readParameters(check, entry(record, "parameters"), join(path, "parameters"), "outer");
}

const LAYER = {
  name: "layer_range",
  scope: "model",
  type: "integer",
  min: 0,
  about: "layers are counted from 0",
} as const;

/** Stands for a range that could not be read. */
const NO_LAYERS = [0, 0] as const;

function readLayerRange(check: Check, value: unknown, source: string): readonly [number, number] {
  const path = join(source, "layer_range");
  const expected = "two layers [from, to], `to` not included";
  if (value === undefined || value === null) {
    check.fail("MISSING_KEY", source, `expected a key \`layer_range\`: ${expected}`);
    return NO_LAYERS;
  }
  if (!Array.isArray(value) || value.length !== 2) {
    check.mismatch(path, expected, value);
    return NO_LAYERS;
  }
  const ends = value.map((end, i) => readLayer(check, end, join(path, i)));
  const [from, to] = ends;
  if (from === undefined || to === undefined) return NO_LAYERS;
  if (from < to) return [from, to];
  const what = from === to ? "an empty range" : "a reversed range";
  check.fail("LAYER_RANGE", path, `expected ${expected}, found ${what} [${from}, ${to}]`);
  return NO_LAYERS;
}

function readLayer(check: Check, value: unknown, path: string): number | undefined {
  if (typeof value !== "boolean") return readNumber(check, value, path, LAYER);
  check.mismatch(path, "a layer's number", value);
  return undefined;
}
