/** Packs the checkout twice: with an addon for this machine, and without any. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { npm, run } from "./npm.mjs";

const root = join(import.meta.dirname, "../..");

/** What may lie in the package; anything else was packed by mistake. */
const EXPECTED = [
  /^(README|CHANGELOG)\.md$/,
  /^(LICENSE|package\.json|binding\.gyp)$/,
  /^dist\/[\w/-]+\.(js|js\.map|d\.ts|d\.ts\.map)$/,
  /^dist\/chunks\/LICENSE\.yaml$/,
  /^lib\/[\w/-]+\.ts$/,
  /^native\/(addon|codecs|cuda|engine|kernels|platform|simd|targets)\/[\w/-]+\.(cpp|h|def)$/,
  /^native\/cuda\/(kernels\.cu|image\.inc)$/,
  /^native\/(exports\.map|sources\.json|gyp\/common\.gypi|gyp\/list\.cjs)$/,
  /^prebuilds\/(darwin|linux|win32)-(x64|arm64)\/weightloom(\.glibc|\.musl)?\.node$/,
  /^scripts\/(install|node-gyp)\.mjs$/,
];

/** Eight addons of a megabyte each, six of them with code for GPUs, and that code once as text. */
const MOST_BYTES = 40e6;

function pack(from, to) {
  mkdirSync(to, { recursive: true });
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", to];
  const [packed] = JSON.parse(npm(args, { cwd: from }).stdout);
  return { path: join(to, packed.filename), files: packed.files, bytes: packed.unpackedSize };
}

/** Whether prebuilds/ has an addon that this machine would take. */
function hasPrebuild(folder) {
  const prebuilds = join(folder, "prebuilds", `${process.platform}-${process.arch}`);
  return existsSync(prebuilds) && readdirSync(prebuilds).length > 0;
}

function addOwnBuild(folder) {
  const to = join(folder, "prebuilds", `${process.platform}-${process.arch}`);
  const own = join(root, "build/Release/weightloom.node");
  mkdirSync(to, { recursive: true });
  copyFileSync(own, join(to, "weightloom.node"));
  console.log("no prebuild for this machine: packed the checkout's own addon");
}

export function packages(work) {
  const first = pack(root, join(work, "first"));
  if (first.bytes > MOST_BYTES) throw new Error(`the package has ${first.bytes} bytes`);
  // Without a path: some tars take the C of C:\\ for a host.
  run("tar", ["-xzf", basename(first.path), "-C", ".."], { cwd: dirname(first.path) });
  const folder = join(work, "package");
  if (!hasPrebuild(folder)) addOwnBuild(folder);
  const withAddon = pack(folder, join(work, "with")).path;
  rmSync(join(folder, "prebuilds"), { recursive: true, force: true });
  const withoutAddon = pack(folder, join(work, "without")).path;
  return { withAddon, withoutAddon, files: first.files.map(({ path }) => path) };
}

export function checkFiles(files) {
  const other = files.filter((path) => !EXPECTED.some((pattern) => pattern.test(path)));
  if (other.length > 0) throw new Error(`packed, but not expected: ${other.join(", ")}`);
  // The command has yaml within it.
  const licence = "dist/chunks/LICENSE.yaml";
  if (!files.includes(licence)) throw new Error(`not packed: ${licence}`);
  const sources = files.filter((path) => path.startsWith("lib/")).length;
  const compiled = files.filter((path) => /^dist\/(?!chunks\/).*\.js$/.test(path)).length;
  if (sources !== compiled) throw new Error(`${sources} files in lib, ${compiled} in dist`);
  console.log(`package: ok, ${files.length} files`);
}
