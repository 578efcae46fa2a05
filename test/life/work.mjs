/** Work to interrupt, and chance that can be repeated. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serializeHeader } from "../../dist/format/header.js";

export const PACKAGE = new URL("../../dist/index.js", import.meta.url).href;

/** What the runner gives a scenario: how many rounds, and a seed. */
export const [rounds, seed] = process.argv.slice(2, 4).map(Number);

let state = seed >>> 0 || 1;

/** The next of a sequence of numbers from 0 up to 1 that the seed decides. */
export function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

export const below = (limit) => Math.floor(random() * limit);

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Insists; a scenario that fails exits with an uncaught error. */
export function check(holds, what) {
  if (!holds) throw new Error(what);
}

/** A folder with two models of zeros of some MB and a recipe of them. */
export function makeModels(megabytes = 8) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "weightloom-life-")));
  const count = (megabytes * 2 ** 20) / 4 / 8;
  const tensors = Array.from({ length: 8 }, (_, i) => {
    const span = { begin: i * count * 4, end: (i + 1) * count * 4 };
    return { name: `model.layers.${i}.w`, dtype: "F32", shape: [count], ...span };
  });
  const header = serializeHeader(tensors);
  const models = ["a", "b"].map((name) => {
    const folder = join(root, name);
    mkdirSync(folder);
    const path = join(folder, "model.safetensors");
    writeFileSync(path, header);
    truncateSync(path, header.byteLength + tensors[7].end);
    return { model: folder };
  });
  return { root, recipe: { merge_method: "linear", models, parameters: { weight: 1 } } };
}

/** Names in the folder other than those of the inputs. */
export function remains(root) {
  return readdirSync(root).filter((name) => name !== "a" && name !== "b");
}

/** Waits until `holds`, for what goes on in the background. */
export async function eventually(holds, what) {
  for (let i = 0; i < 400; i++) {
    if (holds()) return;
    await sleep(25);
  }
  throw new Error(what());
}
