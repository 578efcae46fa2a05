/** Programs of users, in a folder where the package is installed: all module systems, and types. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./npm.mjs";

const modules = join(import.meta.dirname, "../../node_modules");
const tsc = join(modules, "typescript/bin/tsc");

const USE = `
const out: Float32Array = slerp(new Float32Array([1, 0]), new Float32Array([0, 1]), { t: 0.5 });
const made: Promise<MergeResult> = merge("recipe.yml", { out: "out" });
made.then(({ backend }) => backend satisfies "native" | "reference").catch(() => {});
if (Math.abs(out[0] - Math.SQRT1_2) > 1e-6) throw new Error("slerp");
// @ts-expect-error a parameter that slerp does not have
slerp(new Float32Array(1), new Float32Array(1), { density: 1 });
`;

const FILES = {
  "esm.mts": `import { type MergeResult, merge, slerp } from "weightloom";${USE}`,
  "cjs.cts": `import weightloom = require("weightloom");
import type { MergeResult } from "weightloom" with { "resolution-mode": "import" };
const { merge, slerp } = weightloom;${USE}`,
  "plain.cjs": `const { slerp, version } = require("weightloom");
if (version !== require("weightloom/package.json").version) throw new Error(version);
slerp(new Float32Array(2), new Float32Array(2), { t: 0 });`,
  "plain.mjs": `import * as weightloom from "weightloom";
import { createRequire } from "node:module";
const required = createRequire(import.meta.url)("weightloom");
if (required.merge !== weightloom.merge) throw new Error("two copies");`,
};

/** Ways of finding modules that TypeScript's users have. */
const RESOLUTIONS = [
  { files: ["esm.mts", "cjs.cts"], module: "nodenext", moduleResolution: "nodenext" },
  { files: ["esm.mts"], module: "esnext", moduleResolution: "bundler" },
];

export function checkConsumers(folder) {
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  for (const name of Object.keys(FILES).filter((each) => each.startsWith("plain"))) {
    run(process.execPath, [name], { cwd: folder });
  }
  for (const { files, module, moduleResolution } of RESOLUTIONS) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: "es2022",
      lib: ["es2023"],
      typeRoots: [join(modules, "@types")],
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false,
    };
    const config = JSON.stringify({ compilerOptions, files });
    writeFileSync(join(folder, "tsconfig.json"), config);
    run(process.execPath, [tsc, "-p", "."], { cwd: folder });
  }
  console.log("import, require and types: ok");
}
