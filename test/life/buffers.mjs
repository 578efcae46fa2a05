/** Buffers that are detached, resized or shared, before a job and by what runs inside its call. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { linear, tensor } from "../../dist/index.js";
import { linearWords, wireOf } from "./wire.mjs";
import { below, check, rounds } from "./work.mjs";

const require = createRequire(import.meta.url);
const addon = require("node-gyp-build")(fileURLToPath(new URL("../..", import.meta.url)));
const options = { isa: "", threads: 2, map: true, sync: false, spare: 0 };

function detach(array) {
  structuredClone(array.buffer, { transfer: [array.buffer] });
}

/** Large enough for the system to take the memory away when it is freed. */
const COUNT = 300_000;
const floats = (value, count = COUNT) => new Float32Array(count).fill(value);
const refused = (run) => {
  try {
    const outcome = run();
    return "code" in outcome && outcome.code !== "INTERNAL";
  } catch (error) {
    return error instanceof Error;
  }
};

/** Calls `start` or `run` with places of which the last is a getter that does something. */
function callWithGetter(name, places, act) {
  const list = [...places];
  const at = below(list.length);
  const value = list[at];
  Object.defineProperty(list, at, {
    enumerable: true,
    get() {
      act(list);
      return value;
    },
  });
  return addon[name](wireOf(linearWords(COUNT)), list, options);
}

const ROWS = {
  "detached before": () => {
    const [a, b, c] = [floats(2), floats(4), floats(0)];
    detach([a, b, c][below(3)]);
    check(
      refused(() => addon.run(wireOf(linearWords(COUNT)), [a, b, c], options)),
      "a detached buffer was taken",
    );
  },
  "detached by a getter among the places": () => {
    const places = [floats(2), floats(4), floats(0)];
    const victim = places[below(3)];
    callWithGetter("run", places, () => {
      detach(victim);
      globalThis.gc();
    });
  },
  "detached by a getter among the options": () => {
    const places = [floats(2), floats(4), floats(0)];
    const wire = wireOf(linearWords(COUNT));
    const hostile = {
      ...options,
      get sync() {
        for (const each of [...places, wire]) detach(each);
        globalThis.gc();
        return false;
      },
    };
    check(
      refused(() => addon.run(wire, places, hostile)),
      "a buffer that went away was taken",
    );
  },
  "a list that grows or shrinks while it is read": () => {
    const places = [floats(2), floats(4), floats(0)];
    const length = below(40);
    callWithGetter("run", places, (list) => {
      list.length = Math.min(length, 3);
      while (list.length < length) list.push(floats(1, 8));
    });
  },
  "resizable, and shrunk by a getter": () => {
    const places = [floats(2), floats(4), floats(0)];
    const buffer = new ArrayBuffer(4 * COUNT, { maxByteLength: 8 * COUNT });
    const shrinking = new Float32Array(buffer);
    places[below(3)] = shrinking;
    callWithGetter("run", places, () => buffer.resize(8));
  },
  "resizable, and shrunk while the job runs": async () => {
    const buffer = new ArrayBuffer(4 * COUNT, { maxByteLength: 8 * COUNT });
    const places = [floats(2), new Float32Array(buffer, 0, COUNT), floats(0)];
    const job = addon.start(wireOf(linearWords(COUNT)), places, options);
    buffer.resize(0);
    const outcome = await job.promise;
    check("code" in outcome, "a resizable buffer was taken for a job that goes on");
  },
  "detached while the job runs, and owned by another": async () => {
    const [a, b, c] = [floats(2), floats(4), floats(0)];
    const job = addon.start(wireOf(linearWords(COUNT)), [a, b, c], options);
    const moved = structuredClone(c.buffer, { transfer: [c.buffer] });
    await job.promise;
    check(new Float32Array(moved)[below(COUNT)] === 3, "the job wrote elsewhere");
  },
  shared: async () => {
    const shared = () => new Float32Array(new SharedArrayBuffer(4 * COUNT));
    const [a, b, c] = [shared(), shared(), shared()];
    a.fill(2);
    b.fill(4);
    const outcome = await addon.start(wireOf(linearWords(COUNT)), [a, b, c], options).promise;
    check("code" in outcome || c[below(COUNT)] === 3, "a shared buffer gives another result");
  },
  "shared and growable": () => {
    const buffer = new SharedArrayBuffer(4 * COUNT, { maxByteLength: 8 * COUNT });
    const places = [new Float32Array(buffer, 0, COUNT), floats(4), floats(0)];
    callWithGetter("run", places, () => buffer.grow(8 * COUNT));
  },
  "through the package": async () => {
    const resizable = new Float32Array(new ArrayBuffer(4 * COUNT, { maxByteLength: 8 * COUNT }));
    const shared = new Float32Array(new SharedArrayBuffer(4 * COUNT));
    const gone = floats(1);
    detach(gone);
    for (const odd of [resizable, shared, gone]) {
      for (const call of [linear, linear.async]) {
        const other = floats(4, odd.length);
        const run = async () => call([odd, other]);
        const made = await run().catch((error) => error);
        if (made instanceof Error) check(made.name === "MergeError", `${made.stack}`);
        else check(made.length === odd.length, "a length differs");
      }
    }
    const odd = new Uint8Array(4 * COUNT + 3).subarray(3);
    const view = new Uint16Array(odd.buffer, 4, 8);
    check(linear([tensor("BF16", view, [8])]) !== undefined, "an offset view");
  },
};

const names = Object.keys(ROWS);
for (let round = 0; round < rounds; round++) {
  const name = names[round % names.length];
  try {
    await ROWS[name]();
  } catch (error) {
    throw new Error(name, { cause: error });
  }
}
