/**
 * The YAML reader: refuses with a MergeError and in time, or reads what means the same when written
 * as JSON; and reads JSON as JSON.parse does.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readRecipe } from "../../dist/config/read.js";
import { MergeError } from "../../dist/errors.js";
import { mutate } from "./mutate.mjs";

const GOLDEN = join(import.meta.dirname, "../fixtures/mergekit-golden");
const RECIPES = readdirSync(GOLDEN, { withFileTypes: true })
  .filter((each) => each.isDirectory())
  .map(({ name }) => readFileSync(join(GOLDEN, name, "config.yml"), "utf8"));
const OWN = [
  "base: &b {weight: 1, density: [0.1, 0.5]}\nmodels:\n  - <<: *b\n    model: a\n  - {<<: [*b], model: b}\n",
  "a: |\n  text\n  more\nb: >-\n  folded\n  text\n? key\n: value\n",
  "---\na: 1\n...\n---\nb: [yes, No, 0755, 1_000, .inf, ~, 0x1F, 1e-5, '1', \"\\u0041\\n\"]\n",
  '{"models":[{"model":"a","parameters":{"weight":[1,2.5,-3e-7]}}],"dtype":"bfloat16","x":null}',
  '{"a":{"b":{"c":[[],{},"",true,false]}},"\\u00e9\\"":"\\/\\b\\f\\n\\r\\t\\\\"}',
  "# comment\nslices:\n- sources:\n  - model: m\n    layer_range: [0, 4]\n",
];
const CORPUS = [...RECIPES, ...OWN];
const PIECES = [
  ..."-:?[]{},&*!|>'\"%@`#\n \t~=<",
  ...["- ", ": ", "? ", "&a ", "*a", "<<: *b", "!!str ", "!x ", "|\n ", ">-\n ", "---\n", "...\n"],
  ...[
    "[[[[[[[[[[",
    "{{{{{{",
    "%YAML 1.1\n",
    "\r\n",
    "\r",
    "\u2028",
    "\ufeff",
    "null",
    "1e999",
    "-0",
    ".nan",
  ],
];

/** Longest that reading may take, in milliseconds, on a busy machine. */
const LIMIT = 5000;

/** JSON that YAML reads alike: no short-hand of either is in the way. */
function comparable(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON and YAML differ in them
  return !/[\u0000-\u0009\u007f-\u009f\ufeff\u2028\u2029]|[\ud800-\udfff]|\\u[dD]|__proto__|"<<"|-0(?![.\d])|[^"\s]{300}|[eE]\+?\d{3}/.test(
    text,
  );
}

function parsed(text) {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function plain(documents) {
  return JSON.stringify(documents.map(({ value }) => value));
}

function read(text) {
  const started = process.cpuUsage();
  let found;
  try {
    found = readRecipe(text);
  } catch (error) {
    if (!(error instanceof MergeError)) throw error;
    found = error;
  }
  const { user, system } = process.cpuUsage(started);
  const took = (user + system) / 1000;
  if (took > LIMIT) throw new Error(`reading takes ${took} ms: ${JSON.stringify(text)}`);
  return found;
}

/** One try. @throws Error when something is read as what it is not */
export function attempt(chance) {
  const text = mutate(chance.of(CORPUS), chance, PIECES, CORPUS);
  const found = read(text);
  const json = comparable(text) ? parsed(text) : undefined;
  if (found instanceof MergeError) {
    const duplicate = /occurs twice|too large/.test(found.message);
    if (json === undefined || duplicate) return false;
    throw new Error(`JSON is refused: ${found.message}: ${JSON.stringify(text)}`);
  }
  if (json !== undefined && plain(found) !== JSON.stringify([json.value])) {
    throw new Error(`JSON is read otherwise: ${JSON.stringify(text)}`);
  }
  const again = plain(found);
  if (!comparable(again)) return true;
  for (const [i, value] of JSON.parse(again).entries()) {
    const once = read(JSON.stringify(value));
    if (once instanceof MergeError || plain(once) !== JSON.stringify([JSON.parse(again)[i]])) {
      throw new Error(`what was read reads otherwise: ${JSON.stringify(text)}`);
    }
  }
  return true;
}
