/**
 * Compiles the CUDA driver of native/test/cuda_mock, with which everything but the code of a GPU
 * can be tested without one, unless that was done for these sources before. Prints its path, or
 * nothing where it cannot be had.
 *
 *   WEIGHTLOOM_CUDA_DRIVER=$(node scripts/cuda-mock.mjs) npx weightloom doctor
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDERS = ["test/cuda_mock", "cuda", "kernels", "codecs", "simd", "engine"];
const SOURCES = ["driver.cpp", "kernels.cpp"].map((name) => join("native/test/cuda_mock", name));
const FLAGS = ["-std=c++20", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-fvisibility=hidden"];

function sourcesHash() {
  const hash = createHash("sha256").update(FLAGS.join(" "));
  for (const folder of FOLDERS) {
    const names = readdirSync(join(root, "native", folder)).filter((name) =>
      /\.(h|cpp|def)$/.test(name),
    );
    for (const name of names.sort()) {
      hash.update(`\0${name}\0`).update(readFileSync(join(root, "native", folder, name)));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

/**
 * Path of the library, or undefined where there is no compiler for it; sources that do not compile
 * are an error.
 */
export function cudaMock() {
  if (process.platform !== "linux") return undefined;
  const folder = join(root, "node_modules/.cache/weightloom");
  const path = join(folder, `libcuda_mock-${sourcesHash()}.so`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const fresh = `${path}.${process.pid}`;
  const compiler = process.env.CXX ?? "c++";
  const { status, error } = spawnSync(compiler, [...FLAGS, ...SOURCES, "-o", fresh], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (error?.code === "ENOENT") return undefined;
  if (status !== 0) throw new Error(`${compiler} does not compile native/test/cuda_mock`);
  renameSync(fresh, path);
  return path;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(cudaMock() ?? "");
