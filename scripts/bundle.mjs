/**
 * Joins the modules of the command line into a few files: loading a hundred of them takes longer
 * than most commands run. Rewrites cli.js of a compiled folder (dist by default), and puts what its
 * commands share or load later into chunks/. Dependencies stay outside.
 */
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../dist"));
const bundle = await rolldown({
  input: join(folder, "cli.js"),
  platform: "node",
  external: (id) => !id.startsWith(".") && !id.startsWith(folder),
  logLevel: "warn",
});
await bundle.write({
  dir: folder,
  format: "esm",
  entryFileNames: "cli.js",
  chunkFileNames: "chunks/[name].js",
});
await bundle.close();
