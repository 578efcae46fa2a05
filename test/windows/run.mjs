/**
 * What Windows does otherwise than POSIX, tried by a program without any test runner, so that it
 * runs under Wine too (scripts/win32-test.sh). It must pass everywhere.
 *
 *   node test/windows/run.mjs [WORK_FOLDER [REPORT]]
 *
 * Writes digests of the merged weights to REPORT, for a comparison between systems.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { backendInfo, merge } from "../../dist/index.js";

const [place = mkdtempSync(join(tmpdir(), "weightloom-windows-")), reportPath] =
  process.argv.slice(2);
const root = join(import.meta.dirname, "../..");
const recipe = join(root, "examples/tiny-family/ties.yml");
const at = (...parts) => join(place, ...parts);
const report = [];

const say = (text) => report.push(text);
const beside = (name) => readdirSync(place).filter((each) => each.startsWith(`${name}.`));

function weightsOf(folder) {
  const hash = createHash("sha256");
  const names = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));
  for (const name of names.sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}

async function codeOf(promise) {
  try {
    await promise;
    return "";
  } catch (error) {
    return error.code;
  }
}

/** Merges in a process of its own; resolves when it says that it has begun to write. */
function mergingChild(out) {
  const child = fork(import.meta.filename, ["child", out], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return new Promise((resolve) => {
    child.once("message", () => resolve({ child, ended }));
  });
}

/** In small shards, each with a record of its own. */
const SHARDED = { shardSize: 200_000, threads: 1, backend: "reference" };

async function bothBackends() {
  for (const backend of ["native", "reference"]) {
    const found = backendInfo();
    if (backend === "native" && found.backend !== "native") {
      assert.equal(process.env.WEIGHTLOOM_BACKEND, "reference", found.reason);
      continue;
    }
    const { backend: ran } = await merge(recipe, { out: at(backend), backend });
    assert.equal(ran, backend);
    say(`weights ${weightsOf(at(backend))}`);
  }
}

async function replaced() {
  mkdirSync(at("empty"));
  await merge(recipe, { out: at("empty") });
  const before = weightsOf(at("empty"));
  assert.equal(await codeOf(merge(recipe, { out: at("empty") })), "OUTPUT_EXISTS");
  writeFileSync(at("empty", "of the old model"), "");
  await merge(recipe, { out: at("empty"), overwrite: true });
  assert.equal(weightsOf(at("empty")), before);
  assert.equal(existsSync(at("empty", "of the old model")), false);
  assert.deepEqual(beside("empty"), []);
}

/** While someone reads the old model: replaced, or refused with nothing lost. */
async function replacedWhileRead() {
  await merge(recipe, { out: at("read") });
  const descriptor = openSync(at("read", "model.safetensors"), "r");
  const code = await codeOf(merge(recipe, { out: at("read"), overwrite: true }));
  closeSync(descriptor);
  assert.ok(code === "" || code === "WRITE_FAILED", code);
  say(`read while replaced: ${code || "replaced"}`);
  assert.equal(weightsOf(at("read")), weightsOf(at("empty")));
  await merge(recipe, { out: at("read"), overwrite: true });
  // What Windows does not let go of is named after this process, so that a later one removes it.
  const left = beside("read").filter((name) => !name.includes(`.${process.pid}-`));
  assert.deepEqual(process.platform === "win32" ? left : beside("read"), []);
}

async function killedAndResumed() {
  await merge(recipe, { out: at("undisturbed"), ...SHARDED });
  const { child, ended } = await mergingChild(at("killed"));
  assert.equal(await codeOf(merge(recipe, { out: at("killed"), ...SHARDED })), "OUTPUT_BUSY");
  child.kill("SIGKILL");
  await ended;
  assert.equal(existsSync(at("killed")), false);
  assert.equal(beside("killed").length, 1);
  const { notes } = await merge(recipe, { out: at("killed"), ...SHARDED });
  assert.match(notes.join(), /resumed: \d+ of \d+ shards were whole/);
  assert.equal(weightsOf(at("killed")), weightsOf(at("undisturbed")));
  assert.deepEqual(beside("killed"), []);
}

async function aborted() {
  const abort = new AbortController();
  const onProgress = () => abort.abort();
  const options = { out: at("aborted"), ...SHARDED, signal: abort.signal, onProgress };
  assert.equal(await codeOf(merge(recipe, options)), "ABORTED");
  assert.equal(existsSync(at("aborted")), false);
}

async function namedOtherwise() {
  const long = at(...Array.from({ length: 12 }, (_, i) => `${i}`.padStart(24, "x")));
  await merge(recipe, { out: long });
  assert.equal(weightsOf(long), weightsOf(at("empty")));
  await merge(relative(process.cwd(), recipe), { out: relative(process.cwd(), at("relative")) });
  assert.equal(weightsOf(at("relative")), weightsOf(at("empty")));
  if (process.platform !== "win32") return;
  const model = join(root, "examples/models/base").toUpperCase();
  assert.equal(await codeOf(merge(recipe, { out: model, overwrite: true })), "OUTPUT_IS_INPUT");
}

if (process.argv[2] === "child") {
  // Tells of itself when some shards are whole, and goes no further.
  const onProgress = ({ bytesDone, bytesTotal }) => {
    if (bytesDone < bytesTotal / 2) return;
    process.send("half");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
  };
  await merge(recipe, { out: process.argv[3], ...SHARDED, onProgress });
} else {
  mkdirSync(place, { recursive: true });
  for (const part of [bothBackends, replaced, replacedWhileRead, killedAndResumed, aborted]) {
    await part();
    say(`${part.name}: ok`);
  }
  await namedOtherwise();
  say("namedOtherwise: ok");
  if (reportPath !== undefined) writeFileSync(reportPath, `${report.join("\n")}\n`);
  console.log(report.join("\n"));
  rmSync(place, { recursive: true, force: true });
}
