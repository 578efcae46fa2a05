/** The process ends, in one of several ways, with jobs pending on the main thread and a worker. */

import { rmSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { linear, merge, ties } from "../../dist/index.js";
import { below, makeModels, PACKAGE, random } from "./work.mjs";

const { root, recipe } = makeModels();
process.on("exit", () => rmSync(root, { recursive: true, force: true }));
const x = new Float32Array(6_000_000);
const unheard = (promise) => promise.catch(() => {});
const STARTS = [
  () => unheard(ties.async([x, x], { base: x, density: 0.5 })),
  () => unheard(merge(recipe, { out: `${root}/out` })),
  () => unheard(merge(recipe, { out: `${root}/out2`, onProgress() {}, threads: 3 })),
  () => {
    const source = `import("${PACKAGE}").then((w) => w.linear.async([new Float32Array(9e6)]))`;
    return new Worker(source, { eval: true });
  },
  () => linear.async([x, x]).then(() => process.exit(7)),
];
for (let i = 0; i <= below(4); i++) STARTS[below(STARTS.length)]();

const ENDS = [
  () => process.exit(7),
  () => {
    process.exitCode = 7;
    throw new Error("on purpose");
  },
  () => Promise.reject(new Error("on purpose")),
  () => process.reallyExit(7),
  () => process.kill(process.pid, "SIGTERM"),
];
const end = ENDS[below(ENDS.length)];
if (random() < 0.2) end();
else setTimeout(end, random() * 30);
