/** Workers are terminated, or end, with jobs of theirs pending; the process goes on. */

import { rmSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { linear } from "../../dist/index.js";
import { below, check, makeModels, PACKAGE, random, rounds, sleep } from "./work.mjs";

const { root, recipe } = makeModels();
const BODIES = [
  `const x = new Float32Array(8_000_000); w.ties.async([x, x], { base: x, density: 0.5 });`,
  `const x = new Float32Array(4_000_000);
   for (let i = 0; i < 5; i++) w.linear.async([x, x], { threads: 1 + i });`,
  `w.merge(${JSON.stringify(recipe)}, { out: "${root}/out-" + Math.random(), sync: false });`,
  `w.merge(${JSON.stringify(recipe)}, { out: "${root}/out-" + Math.random(), onProgress() {} });`,
  `const x = new Float32Array(2_000_000);
   for (;;) w.linear([x, x], { threads: 2 });`,
  `const x = new Float32Array(2_000_000);
   w.linear.async([x, x]).then(() => { throw new Error("mine"); });`,
  `w.linear([new Float32Array(1000)]); setTimeout(() => process.exit(3), 5);
   w.linear.async([new Float32Array(9_000_000)]);`,
];

for (let round = 0; round < rounds; round++) {
  const body = BODIES[below(BODIES.length)];
  const source = `import("${PACKAGE}").then(async (w) => {
    require("node:worker_threads").parentPort.postMessage("begins");
    ${body}
  })`;
  const worker = new Worker(source, { eval: true });
  worker.on("error", (error) => check(error.message === "mine", String(error)));
  if (random() < 0.9) await new Promise((resolve) => worker.once("message", resolve));
  await sleep(random() < 0.3 ? 0 : random() * 25);
  await worker.terminate();
  const [three] = linear([Float32Array.of(2), Float32Array.of(4)]);
  check(three === 3, `2 and 4 make ${three}`);
}
rmSync(root, { recursive: true, force: true });
