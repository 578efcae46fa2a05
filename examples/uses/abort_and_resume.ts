/**
 * A merge that is cancelled leaves nothing behind. One whose process dies leaves whole shards, with
 * which the next merge goes on; the result is the same to the byte.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MergeError, merge } from "weightloom";

const recipe = join(import.meta.dirname, "../../examples/tiny-family/ties.yml");
// Small shards, one thread, and the slower backend, so that there is time to interrupt it.
const options = { shardSize: 300_000, threads: 1, backend: "reference" } as const;

async function cancelled() {
  const abort = new AbortController();
  const onProgress = () => abort.abort();
  try {
    await merge(recipe, { ...options, out: "out/cancelled", signal: abort.signal, onProgress });
  } catch (error) {
    if (!(error instanceof MergeError)) throw error;
    console.log(`cancelled: ${error.code}`);
  }
}

async function killed() {
  const child = fork(fileURLToPath(import.meta.url), ["child"]);
  await once(child, "message");
  child.kill("SIGKILL");
  await once(child, "exit");
  const { notes } = await merge(recipe, { ...options, out: "out/resumed" });
  console.log(notes.find((note) => note.startsWith("resumed")) ?? notes);
}

if (process.argv[2] === "child") {
  const onProgress = ({ bytesDone = 0, bytesTotal = 1 }) => {
    if (bytesDone < bytesTotal / 2) return;
    process.send?.("half");
    // Stands still, until it is killed.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
  };
  await merge(recipe, { ...options, out: "out/resumed", onProgress });
} else {
  rmSync("out/resumed", { recursive: true, force: true });
  await cancelled();
  await killed();
}
