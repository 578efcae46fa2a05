/**
 * Runs TypeScript tests with an addon built with the address and undefined-behaviour sanitizers:
 *
 *   node scripts/sanitized-tests.mjs                    every test
 *   node scripts/sanitized-tests.mjs test/parity        some of them, as for vitest
 *
 * The addon is built in a copy of the checkout in build-sanitized/, so that the usual one stays.
 * Leaks are not looked for: node itself leaves much to the end of the process.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { environment, root } from "./node-gyp.mjs";

const copy = join(root, "build-sanitized");
const FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g";
const PARTS = ["lib", "native", "test", "examples", "scripts", "docs", "bench"];
const PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
const CONFIGS = ["", ".test", ".examples", ".bench"].map((name) => `tsconfig${name}.json`);
const FILES = ["package.json", "binding.gyp", "vitest.config.ts", ...CONFIGS, ...PAGES];
/** Measures the memory of the process, much of which is the sanitizer's own. */
const WITHOUT = ["--exclude", "test/unit/memory.test.ts"];

function run(program, args, env = {}) {
  const options = { cwd: copy, stdio: "inherit", env: { ...process.env, ...env } };
  const { status } = spawnSync(program, args, options);
  if (status !== 0) process.exit(status ?? 1);
}

/** Full path of one of the compiler's runtimes. */
function runtime(name) {
  const { stdout } = spawnSync("g++", [`-print-file-name=${name}`], { encoding: "utf8" });
  return stdout.trim();
}

function makeCopy() {
  mkdirSync(copy, { recursive: true });
  for (const name of PARTS) rmSync(join(copy, name), { recursive: true, force: true });
  for (const name of [...PARTS, ...FILES]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  rmSync(join(copy, "node_modules"), { force: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
}

makeCopy();
const gyp = join(root, "node_modules/node-gyp/bin/node-gyp.js");
const flags = { ...environment(), CXXFLAGS: FLAGS, LDFLAGS: "-fsanitize=address,undefined" };
run(process.execPath, [gyp, "configure"], flags);
run(process.execPath, [gyp, "build", "-j", "2"], flags);
for (const project of [".", "tsconfig.examples.json", "tsconfig.bench.json"]) {
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", project]);
}
run(
  process.execPath,
  [join(root, "node_modules/vitest/vitest.mjs"), "run", ...WITHOUT, ...process.argv.slice(2)],
  {
    LD_PRELOAD: `${runtime("libasan.so")} ${runtime("libubsan.so")}`,
    ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1:handle_segv=0",
    UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
  },
);
