/** What publint and attw say of the package. */
import { join } from "node:path";
import { run } from "./npm.mjs";

const modules = join(import.meta.dirname, "../../node_modules");

export function checkTools(tarball) {
  run(process.execPath, [join(modules, "publint/src/cli.js"), tarball, "--strict"]);
  // ESM only: CommonJS callers get the ES module, which Node 20.19 lets them require.
  const attw = join(modules, "@arethetypeswrong/cli/dist/index.js");
  run(process.execPath, [attw, tarball, "--profile", "esm-only", "--no-emoji"]);
  console.log("publint and attw: ok");
}
