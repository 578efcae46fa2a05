/**
 * Compiles the kernels of native/cuda for GPUs and writes them as native/cuda/image.inc, which is
 * committed: so nothing of CUDA is needed to build the package. Needs nvcc.
 *
 *   node scripts/cuda-image.mjs            writes image.inc
 *   node scripts/cuda-image.mjs --check    whether image.inc is of the sources as they are
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "native/cuda");
const output = join(folder, "image.inc");

/** One image for each; code for x.y runs on every x.z with z >= y. */
const ARCHITECTURES = [80, 89, 90, 100, 120];
/** PTX is of the first, so that every later GPU can run it. */
const PTX = ARCHITECTURES[0];
/** The PTX language of CUDA 11.7, the first that can leave arguments in constant memory. */
const PTX_VERSION = "7.7";
const FLAGS = [
  "-std=c++20",
  "-O3",
  "--fmad=false",
  "-prec-div=true",
  "-prec-sqrt=true",
  "-ftz=false",
  "-diag-suppress=128",
];

function fail(message) {
  console.error(`cuda-image: ${message}`);
  process.exit(1);
}

function run(program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error !== undefined) fail(`${program}: ${error.message}`);
  if (status !== 0) fail(`${program} ${args.join(" ")}\n${stdout}${stderr}`);
}

/** kernels.cu and everything of ours that it includes, in a fixed order. */
function sources(file = join(folder, "kernels.cu"), found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, name] of readFileSync(file, "utf8").matchAll(/^#include "(.+)"$/gm)) {
    sources(resolve(dirname(file), name), found);
  }
  return found;
}

/** The hash of the sources and of how they are compiled. */
export function sourceHash() {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([ARCHITECTURES, PTX, PTX_VERSION, FLAGS]));
  const names = [...sources()].map((file) => relative(root, file).replaceAll("\\", "/"));
  for (const name of names.sort()) {
    hash.update(`\0${name}\0`).update(readFileSync(join(root, name), "utf8").replaceAll("\r", ""));
  }
  return hash.digest("hex");
}

/** Hints to the compiler that older drivers do not know are left out. */
function lowered(ptx) {
  return ptx
    .replace(/^\.version .*$/m, `.version ${PTX_VERSION}`)
    .replace(/^.*\.pragma "used_bytes_mask.*$\n/gm, "");
}

/** A line of the PTX that rounds less or more than once, or flushes: there must be none. */
export function inexact(ptx) {
  // What names no rounding may be joined to another operation by the driver's compiler.
  const free = /^.*\b((add|sub|mul)\.f(32|64)\b|fma\.|mad\.(rn|rz)).*$/m;
  return (free.exec(ptx) ?? /^.*(\.ftz|\.approx|\.full\.f32).*$/m.exec(ptx))?.[0].trim();
}

function asArray(name, bytes) {
  const padded = Buffer.alloc(Math.ceil((bytes.length + 1) / 8) * 8);
  bytes.copy(padded);
  const words = [];
  for (let at = 0; at < padded.length; at += 8) {
    words.push(`0x${padded.readBigUInt64LE(at).toString(16)}`);
  }
  const lines = [];
  for (let i = 0; i < words.length; i += 8) lines.push(`${words.slice(i, i + 8).join(",")},`);
  return `alignas(16) constexpr uint64_t ${name}[] = {\n${lines.join("\n")}\n};\n`;
}

/** Compressed in the way that drivers since CUDA 12.4 know; older ones take the PTX. */
function cubin(work, architecture) {
  const [code, image] = [join(work, `${architecture}.cubin`), join(work, `${architecture}.fatbin`)];
  run(
    "nvcc",
    ...FLAGS,
    `-arch=sm_${architecture}`,
    "-cubin",
    "-o",
    code,
    join(folder, "kernels.cu"),
  );
  const input = `--image3=kind=elf,sm=${architecture},file=${code}`;
  run("fatbinary", `--create=${image}`, "-64", "--compress-all", "--compress-mode=size", input);
  return readFileSync(image);
}

/** Compressed in the way that all drivers know. */
function ptx(work) {
  const [text, image] = [join(work, "kernels.ptx"), join(work, "ptx.fatbin")];
  run("nvcc", ...FLAGS, `-arch=compute_${PTX}`, "-ptx", "-o", text, join(folder, "kernels.cu"));
  const made = lowered(readFileSync(text, "utf8"));
  if (inexact(made) !== undefined) fail(`the PTX is not exact: ${inexact(made)}`);
  writeFileSync(text, made);
  run("ptxas", `-arch=sm_${PTX}`, "-o", join(work, "assembled"), text);
  const input = `--image3=kind=ptx,sm=${PTX},file=${text}`;
  run("fatbinary", `--create=${image}`, "-64", "--compress-all", "--compress-mode=speed", input);
  return readFileSync(image);
}

function write(work) {
  const before = sourceHash();
  const images = ARCHITECTURES.map((architecture) => ({
    name: `kImage${architecture}`,
    architecture,
    bytes: cubin(work, architecture),
  }));
  images.push({ name: "kPtx", architecture: PTX, bytes: ptx(work), ptx: true });
  const rows = images.map(({ name, architecture, bytes, ptx = false }) => {
    return `    {${architecture}, ${ptx}, ${name}, ${bytes.length}},\n`;
  });
  if (sourceHash() !== before) fail("the sources changed meanwhile");
  const text = [
    "// Written by scripts/cuda-image.mjs; see image.h.\n",
    `constexpr char kImageSource[] =\n    "${before}";\n`,
    ...images.map(({ name, bytes }) => asArray(name, bytes)),
    `const Image kImages[] = {\n${rows.join("")}};\n`,
  ].join("");
  writeFileSync(output, text);
  const sizes = images.map(({ name, bytes }) => `${name} ${bytes.length}`).join(", ");
  console.log(`cuda-image: ${relative(root, output)}: ${sizes}`);
}

/** The hash that image.inc carries. */
export function imageHash() {
  return /kImageSource\[\] =\s*"([0-9a-f]{64})"/.exec(readFileSync(output, "utf8"))?.[1];
}

/** The images in image.inc. */
export function images() {
  const text = readFileSync(output, "utf8");
  const rows = [...text.matchAll(/^ {4}\{(\d+), (true|false), (\w+), (\d+)\},$/gm)];
  return rows.map(([, architecture, isPtx, name, size]) => {
    const [, body] = new RegExp(`${name}\\[\\] = \\{([^}]*)\\}`).exec(text);
    const words = body.split(",").filter((word) => word.trim() !== "");
    const bytes = Buffer.alloc(words.length * 8);
    words.forEach((word, i) => {
      bytes.writeBigUInt64LE(BigInt(word.trim()), 8 * i);
    });
    return {
      architecture: Number(architecture),
      ptx: isPtx === "true",
      bytes: bytes.subarray(0, Number(size)),
    };
  });
}

/** What an LZ4 block holds. */
function decompress(block, size) {
  const made = Buffer.alloc(size);
  let [from, to] = [0, 0];
  const length = (nibble) => {
    let sum = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255; ) sum += more = block[from++];
    return sum;
  };
  while (to < size) {
    const token = block[from++];
    const literals = length(token >> 4);
    block.copy(made, to, from, from + literals);
    from += literals;
    to += literals;
    if (to >= size) break;
    const distance = block.readUInt16LE(from);
    from += 2;
    for (let left = length(token & 15) + 4; left > 0; left--, to++) made[to] = made[to - distance];
  }
  return made;
}

/** The text of the PTX image: an entry of its container, of which the header says the sizes. */
export function ptxText() {
  const { bytes } = images().find(({ ptx: isPtx }) => isPtx);
  const entry = bytes.subarray(bytes.readUInt16LE(6));
  const [header, packed] = [entry.readUInt32LE(4), entry.readUInt32LE(16)];
  const size = Number(entry.readBigUInt64LE(56));
  return decompress(entry.subarray(header, header + packed), size).toString("latin1");
}

function main() {
  if (process.argv.includes("--check")) {
    if (imageHash() !== sourceHash()) {
      fail("image.inc is not of these sources: run node scripts/cuda-image.mjs where nvcc is");
    }
    return;
  }
  const work = mkdtempSync(join(tmpdir(), "cuda-image-"));
  try {
    write(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
