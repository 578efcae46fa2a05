/**
 * The package as its users get it: packed, installed in an empty folder, run there.
 *
 *   npm run test:package                 without a compiler: with and without a prebuilt addon
 *   npm run test:package -- --compile    also with the compiler of this machine and no prebuild
 *
 * Where prebuilds/ has none for this machine, the checkout's own addon is packed in its place.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { merge } from "../../dist/index.js";
import { checkConsumers } from "./consumers.mjs";
import { contentOf, installed, RECIPE } from "./install.mjs";
import { checkFiles, packages } from "./pack.mjs";
import { checkTools } from "./tools.mjs";

const work = realpathSync(mkdtempSync(join(tmpdir(), "weightloom-package-")));

function insist(condition, message) {
  if (!condition) throw new Error(message);
}

/** Merges in a fresh install, and insists on the bytes and the backend. */
async function checkInstall(what, tarball, expected, options) {
  const began = performance.now();
  const place = installed(join(work, what.replaceAll(" ", "-")), tarball, options);
  const { output, content, backend } = place.merge();
  insist(content === expected.content, `${what}: the merged model differs`);
  insist(backend === expected.backend, `${what}: ran on ${backend}, not ${expected.backend}`);
  const line = /using the TypeScript reference backend/g;
  const told = output.match(line)?.length ?? 0;
  const wanted = backend === "reference" ? 1 : 0;
  insist(told === wanted, `${what}: told ${told} times of the reference backend:\n${output}`);
  if (expected.traps !== undefined) {
    insist(place.trapped() === expected.traps, `${what}: tools were called: ${place.trapped()}`);
  }
  if (expected.says !== undefined) {
    insist(expected.says.test(place.log), `${what}: the install says\n${place.log}`);
  }
  console.log(`${what}: ok, ${backend}, ${Math.round(performance.now() - began)} ms`);
  return place;
}

try {
  const { withAddon, withoutAddon, files } = packages(work);
  checkFiles(files);
  checkTools(withAddon);
  await merge(RECIPE, { out: join(work, "expected") });
  const content = contentOf(join(work, "expected"));
  const native = { content, backend: "native", traps: "" };
  const quiet = { scripts: false };
  const place = await checkInstall("prebuild, scripts ignored", withAddon, native, quiet);
  checkConsumers(place.folder);
  await checkInstall("prebuild", withAddon, native, { scripts: true });
  const reference = { content, backend: "reference" };
  await checkInstall("no prebuild, scripts ignored", withoutAddon, reference, quiet);
  const says = /no native addon: no C\+\+ compiler; using the TypeScript reference backend/;
  const told = { ...reference, says };
  await checkInstall("no prebuild, no compiler", withoutAddon, told, { scripts: true });
  if (process.argv.includes("--compile")) {
    const made = { content, backend: "native" };
    await checkInstall("no prebuild", withoutAddon, made, { scripts: true, compiler: true });
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
