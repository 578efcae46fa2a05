/** Garbage is collected while jobs run whose arrays nobody else holds. Needs --expose-gc. */

import { rmSync } from "node:fs";
import { dare, linear, merge, slerp } from "../../dist/index.js";
import { below, check, makeModels, random, rounds, sleep } from "./work.mjs";

const { root, recipe } = makeModels(4);

function filled(value) {
  return new Float32Array(500_000 + below(1000)).fill(value);
}

function jobs() {
  const [two, four] = [filled(2), new Float32Array(filled(4))];
  const length = Math.min(two.length, four.length);
  const pair = [two.subarray(0, length), four.subarray(0, length)];
  return [
    linear.async(pair).then((out) =>
      check(
        out.every((x) => x === 3),
        "a mean is wrong",
      ),
    ),
    slerp.async(...pair, { t: 0 }).then((out) =>
      check(
        out.every((x) => x === 2),
        "an end is wrong",
      ),
    ),
    dare.async([pair[0]], { base: pair[0], density: 0.5 }).then((out) => {
      check(
        out.every((x) => x === 2),
        "a base is wrong",
      );
    }),
  ];
}

/** Memory that takes the place of whatever was freed too early. */
function litter() {
  for (let i = 0; i < 8; i++) new Float32Array(500_000).fill(Number.NaN);
}

for (let round = 0; round < rounds; round++) {
  const pending = [...jobs(), ...jobs()];
  const out = `${root}/out-${round}`;
  if (random() < 0.3)
    pending.push(merge(recipe, { out, sync: false, onProgress: () => globalThis.gc() }));
  const all = Promise.all(pending);
  for (let i = 0; i < 6; i++) {
    globalThis.gc();
    litter();
    await sleep(random() * 3);
  }
  await all;
  rmSync(out, { recursive: true, force: true });
}
rmSync(root, { recursive: true, force: true });
