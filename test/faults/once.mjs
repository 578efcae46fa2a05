/** Merges once and tells of it: {begins}, then {ok} or {ok, code, message}. Argument: {recipe, options}. */
import { execFileSync } from "node:child_process";
import { stat } from "node:fs/promises";
import { merge } from "../../dist/index.js";

const { recipe, options, descriptors } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

await stat(recipe);
// Only now: node's loader opens as many modules at once as there are.
if (descriptors !== undefined) {
  execFileSync("prlimit", ["--pid", String(process.pid), `--nofile=${descriptors}:${descriptors}`]);
}
say({ begins: 1 });
try {
  await merge(recipe, options);
  say({ ok: true });
} catch (error) {
  say({ ok: false, code: error.code ?? error.name, message: String(error.message) });
}
