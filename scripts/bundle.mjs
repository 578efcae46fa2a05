/**
 * Joins the modules of the command line into a few files: loading a hundred of them takes longer
 * than most commands run. Rewrites cli.js of a compiled folder (dist by default), and puts what its
 * commands share or load later into chunks/. Dependencies stay outside but for yaml, which every
 * merge loads and which has seventy files; its licence goes beside the chunks.
 */
import { copyFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../dist"));
const yaml = dirname(fileURLToPath(import.meta.resolve("yaml/package.json")));
const bundle = await rolldown({
  input: join(folder, "cli.js"),
  platform: "node",
  external: (id) => id !== "yaml" && !id.startsWith(".") && !isAbsolute(id),
  resolve: { alias: { yaml: join(yaml, "browser/index.js") } },
  logLevel: "warn",
});
await bundle.write({
  dir: folder,
  format: "esm",
  entryFileNames: "cli.js",
  chunkFileNames: "chunks/[name].js",
});
await bundle.close();
copyFileSync(join(yaml, "LICENSE"), join(folder, "chunks/LICENSE.yaml"));
