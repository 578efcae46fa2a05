/** Aborts at random times, and exceptions in the progress callback at a random call. */

import { existsSync, rmSync } from "node:fs";
import { merge, ties } from "../../dist/index.js";
import { below, check, eventually, makeModels, random, remains, rounds } from "./work.mjs";

const { root, recipe } = makeModels(4);
const backends = ["native", "native", "native", "reference"];

async function abortMerge(out) {
  const controller = new AbortController();
  const abort = () => controller.abort(new Error("mine"));
  if (random() < 0.1) abort();
  else setTimeout(abort, random() * 40);
  const options = {
    out,
    backend: backends[below(4)],
    signal: controller.signal,
    sync: random() < 0.5,
  };
  const error = await merge(recipe, options).catch((thrown) => thrown);
  if (error instanceof Error) check(error.code === "ABORTED", `${error.code}: ${error.message}`);
  return !(error instanceof Error);
}

async function throwInProgress(out) {
  let calls = below(4);
  const mine = new Error("mine");
  const onProgress = () => {
    if (calls-- <= 0) throw mine;
  };
  const options = { out, onProgress, backend: backends[below(4)], sync: false };
  const error = await merge(recipe, options).catch((thrown) => thrown);
  check(!(error instanceof Error) || error === mine, String(error));
  return error !== mine;
}

async function abortInMemory() {
  const x = new Float32Array(1_000_000).fill(2);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), random() * 6);
  const job = ties.async([x, x], { base: x, signal: controller.signal, threads: 1 + below(4) });
  const result = await job.catch((thrown) => thrown);
  if (result instanceof Error) check(result.code === "ABORTED", String(result));
  else check(result[below(result.length)] === 2, "a wrong value");
}

for (let round = 0; round < rounds; round++) {
  const out = `${root}/out-${round}`;
  const kind = below(3);
  if (kind === 2) {
    await abortInMemory();
    continue;
  }
  const published = kind === 0 ? await abortMerge(out) : await throwInProgress(out);
  check(existsSync(out) === published, `published: ${published}, and the output is not so`);
  rmSync(out, { recursive: true, force: true });
  await eventually(
    () => remains(root).length === 0,
    () => `left: ${remains(root).join(", ")}`,
  );
}
rmSync(root, { recursive: true, force: true });
