/** Merges once and tells of it: {begins}, then {ok} or {ok, code, message}. Argument: {recipe, options}. */
import { stat } from "node:fs/promises";
import { merge } from "../../dist/index.js";

const { recipe, options } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

await stat(recipe);
say({ begins: 1 });
try {
  await merge(recipe, options);
  say({ ok: true });
} catch (error) {
  say({ ok: false, code: error.code ?? error.name, message: String(error.message) });
}
