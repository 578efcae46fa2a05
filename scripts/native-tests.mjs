/**
 * Builds and runs the native tests with CMake.
 *
 *   node scripts/native-tests.mjs                                  in build-native
 *   node scripts/native-tests.mjs --sanitize address,undefined     in build-native-asan
 *   node scripts/native-tests.mjs --sanitize thread                in build-native-tsan
 */
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({ options: { sanitize: { type: "string", default: "" } } });
const { sanitize } = values;

function folder() {
  if (sanitize === "") return "build-native";
  return sanitize.includes("thread") ? "build-native-tsan" : "build-native-asan";
}

function has(program) {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Known reports that are none; the file says why. */
const suppressions = join(root, "native/test/tsan.supp");
const env = { ...process.env, TSAN_OPTIONS: `suppressions=${suppressions}` };

function run(program, ...args) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: "inherit", env });
  if (error !== undefined) console.error(`${program}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

const build = folder();
const jobs = Math.max(2, availableParallelism());
const generator = has("ninja") ? ["-G", "Ninja"] : [];
run("cmake", "-S", ".", "-B", build, ...generator, `-DWEIGHTLOOM_SANITIZE=${sanitize}`);
run("cmake", "--build", build, "--parallel");
run("ctest", "--test-dir", build, "--output-on-failure", "--parallel", `${jobs}`);
