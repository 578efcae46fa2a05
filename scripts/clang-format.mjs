// Formats the native sources, or with --check fails when one is not formatted.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NAMES = ["clang-format", "clang-format-19", "clang-format-16", "clang-format-14"];

function findProgram() {
  const names = [process.env.CLANG_FORMAT, ...NAMES].filter(Boolean);
  return names.find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

function sources() {
  return ["native", "bench/cuda"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => /\.(h|cpp|cu)$/.test(name))
      .sort()
      .map((name) => join(folder, name)),
  );
}

const program = findProgram();
if (program === undefined) {
  console.error("clang-format was not found: install it, or set CLANG_FORMAT to its path");
  process.exit(1);
}
const mode = process.argv.includes("--check") ? ["--dry-run", "--Werror"] : ["-i"];
const { status } = spawnSync(program, [...mode, ...sources()], { cwd: root, stdio: "inherit" });
process.exit(status ?? 1);
