/** Every function of the package inside worker threads: the built package, as users load it. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, test } from "vitest";
import { diff } from "../../lib/diff.ts";
import { merge } from "../../lib/merge.ts";
import { backendInfo } from "../../lib/run/backend.ts";
import { makeLlama, makeSparse, tensorContent, useFolder } from "../make.ts";

const folder = useFolder("workers");
const PACKAGE = pathToFileURL(join(import.meta.dirname, "../../dist/index.js")).href;
const [base, a, b] = ["base", "a", "b"].map((name, seed) => {
  return makeLlama(join(folder, name), { hidden: 64, seed: seed + 1 });
});
const at = (name: string) => join(folder, name);

/** A worker that runs a module over the package, as `w`, and the given values by name. */
function start(body: string, given: object): Worker {
  const source = `
    import { parentPort, workerData } from "node:worker_threads";
    import * as w from ${JSON.stringify(PACKAGE)};
    const { ${Object.keys(given).join(", ")} } = workerData;
    ${body}`;
  const address = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  return new Worker(address, { workerData: given });
}

/** What a module that posts one message posts, or the error that ends it. */
function inWorker(body: string, given: object): Promise<unknown> {
  const worker = start(body, given);
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("it ended without a word")));
  });
}

const recipe = {
  merge_method: "ties",
  base_model: base,
  models: [a, b].map((model) => ({ model, parameters: { weight: 1, density: 0.5 } })),
};

beforeAll(() => merge(recipe, { out: at("main") }));

test("a merge is the same as on the main thread, and tells its progress", async () => {
  const body = `
    const run = w.merge(recipe, { out });
    let last;
    for await (const each of run) last = each;
    parentPort.postMessage({ backend: (await run).backend, last });`;
  const told = await inWorker(body, { recipe, out: at("worker") });
  const { backend } = backendInfo();
  expect(told).toMatchObject({ backend, last: { bytesDone: expect.any(Number) } });
  expect(tensorContent(at("worker"))).toEqual(tensorContent(at("main")));
});

describe("the other functions", () => {
  const BODIES: Record<string, string> = {
    inspect: "parentPort.postMessage((await w.inspect(base)).tensors.length);",
    plan: "parentPort.postMessage((await w.plan(recipe)).hash.length);",
    diff: "parentPort.postMessage(await w.diff([a, b], { base }));",
    verify: "parentPort.postMessage((await w.verify(main, { replay: true })).same);",
    average: "parentPort.postMessage((await w.average([a, b], { out: out + 1 })).out);",
    convert: 'parentPort.postMessage((await w.convert(a, { dtype: "fp16", out: out + 2 })).out);',
    reshard: "parentPort.postMessage((await w.reshard(a, { shardSize: 900, out: out + 3 })).out);",
    openModel: "parentPort.postMessage(w.openModel(a).read('model.norm.weight').length);",
  };
  const given = { recipe, base, a, b, main: at("main"), out: at("out-") };
  const WANTED: Record<string, () => unknown> = {
    inspect: () => 9,
    plan: () => 64,
    diff: () => diff([a, b], { base }),
    verify: () => true,
    average: () => at("out-1"),
    convert: () => at("out-2"),
    reshard: () => at("out-3"),
    openModel: () => 64,
  };
  test.each(Object.entries(BODIES))(
    "%s gives what it gives on the main thread",
    async (name, body) => {
      expect(await inWorker(body, given)).toEqual(await WANTED[name]());
    },
  );
});

test("four workers at once do not mind each other", async () => {
  const body = "parentPort.postMessage(await w.diff([a, b], { base, threads: 3 }));";
  const all = await Promise.all([1, 2, 3, 4].map(() => inWorker(body, { base, a, b })));
  const want = await diff([a, b], { base });
  for (const each of all) expect(each).toEqual(want);
});

test("errors keep code, hint and place over the message", async () => {
  const body = `
    const error = await w.diff([a, a + "-nowhere"]).catch((reason) => reason);
    const { name, code, place, problems } = error;
    parentPort.postMessage({ name, code, place, problems });`;
  expect(await inWorker(body, { a })).toMatchObject({
    name: "MergeError",
    code: "MODEL_NOT_FOUND",
    place: { file: `${a}-nowhere` },
    problems: [{ code: "MODEL_NOT_FOUND" }],
  });
});

test("a worker that is terminated amid a diff leaves the process alone", async () => {
  const large = [1, 2].map((i) => {
    return makeSparse(at(`large-${i}`), { x: { dtype: "F32", shape: [2 ** 27] } });
  });
  const body = 'void w.diff(large, { onProgress: () => parentPort.postMessage("running") });';
  const worker = start(body, { large });
  await new Promise((resolve) => worker.once("message", resolve));
  await worker.terminate();
  expect((await diff([a, a])).same).toBe(true);
});
