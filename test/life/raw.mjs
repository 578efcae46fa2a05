/** Every function of the addon, called with whatever JavaScript can make. */
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { linearWords, wireOf } from "./wire.mjs";
import { rounds, seed } from "./work.mjs";

const require = createRequire(import.meta.url);
const addon = require("node-gyp-build")(fileURLToPath(new URL("../..", import.meta.url)));

function throwing() {
  return {
    get isa() {
      throw new Error("from a getter");
    },
  };
}

function trap() {
  return new Proxy([], {
    get() {
      throw new Error("from a trap");
    },
  });
}

/** Objects that fast-check does not make: of a kind that native code may mistake for another. */
const strange = fc.constantFrom(
  () => undefined,
  () => Symbol("s"),
  () => 1n << 70n,
  () => throwing,
  () => throwing(),
  () => trap(),
  () => new Proxy(new Uint8Array(8), {}),
  () => new Proxy(["a"], {}),
  () => new Proxy(() => {}, {}),
  () => Object.create(Uint8Array.prototype),
  () => Object.create(null),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(8),
  () => new Uint8Array(new SharedArrayBuffer(16)),
  () => new Uint8Array(new ArrayBuffer(16, { maxByteLength: 32 })),
  () => new Float64Array(3),
  () => new BigInt64Array(4),
  () => Buffer.alloc(24),
  () => Object.assign([], { length: 4_000_000_000 }),
  () => Array.from({ length: 3 }),
  () => new Array(3),
  () => new String("/nowhere"),
  () => new Number(3),
  () => "\ud800",
  () => "a\0b",
  () => "x".repeat(100_000),
  () => Number.NaN,
  () => -0,
  () => 2 ** 53,
  () => new Date(),
  () => /x/,
  () => new Map(),
  () => Promise.resolve(),
  () => new WeakRef({}),
  () => addon,
  () => addon.start,
);

const anything = fc.oneof(
  fc.anything({ withBigInt: true, withTypedArray: true, withSparseArray: true, maxDepth: 2 }),
  strange.map((make) => make()),
);

/** A word that is likely to be near a bound. */
const word = fc.oneof(
  fc.bigInt({ min: 0n, max: 40n }),
  fc.constantFrom(
    1n << 31n,
    1n << 32n,
    1n << 53n,
    1n << 62n,
    1n << 63n,
    (1n << 64n) - 1n,
    127n,
    128n,
  ),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
);

/** A valid job of which some words are others, or that is cut or too long. */
const nearlyJob = fc
  .record({
    count: fc.constantFrom(0, 1, 7, 64, 1000),
    changes: fc.array(fc.tuple(fc.nat(30), word), { maxLength: 3 }),
    cut: fc.constantFrom(0, 0, 0, 1, 7, 8, -8),
  })
  .map(({ count, changes, cut }) => {
    const words = linearWords(count);
    for (const [at, value] of changes) words[at % words.length] = value;
    const wire = wireOf(words);
    return cut < 0 ? Buffer.concat([wire, Buffer.alloc(-cut)]) : wire.subarray(cut);
  });

const memory = fc.constantFrom(0, 4, 28, 256, 4000).map((bytes) => new Uint8Array(bytes));
const places = fc.oneof(
  { weight: 3, arbitrary: fc.array(memory, { minLength: 3, maxLength: 3 }) },
  fc.array(fc.oneof(memory, anything, fc.constantFrom("/dev/null", "/dev/zero", tmpdir())), {
    maxLength: 5,
  }),
  anything,
);
const options = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ isa: "", threads: 2, map: true, sync: false, spare: 0 }) },
  fc.record({ isa: anything, threads: anything, map: anything, sync: anything, spare: anything }),
  fc.record({
    isa: fc.constantFrom("", "scalar", "avx2", "none"),
    threads: fc.integer(),
    spare: fc.nat(),
  }),
  anything,
);
const wire = fc.oneof({ weight: 4, arbitrary: nearlyJob }, anything);
const call = fc.oneof(
  fc.tuple(fc.constantFrom("start", "run"), fc.tuple(wire, places, options)),
  fc.tuple(fc.constantFrom("start", "run"), fc.array(anything, { maxLength: 5 })),
  fc.tuple(fc.constantFrom("reserve", "exchange"), fc.array(anything, { maxLength: 3 })),
  fc.tuple(
    fc.constantFrom("reserve", "exchange"),
    fc.tuple(fc.constantFrom("/nowhere/x", "", "a\0b", "/dev/null", tmpdir()), anything),
  ),
);

/** What a job's handle offers, called wrongly too. */
async function useHandle(handle, values) {
  for (const name of ["progress", "cancel", "whole"]) {
    if (typeof handle[name] !== "function") continue;
    for (const given of [values, [], [0]]) {
      try {
        handle[name](...given);
        handle[name].call(values[0], ...given);
      } catch {}
    }
  }
  const outcome = await handle.promise;
  if (outcome.code === "INTERNAL") throw new Error(`INTERNAL: ${outcome.message}`);
  try {
    handle.progress();
    handle.cancel();
  } catch {}
}

let others = [];
for (const [name, values] of fc.sample(call, { numRuns: rounds, seed })) {
  let result;
  try {
    result = addon[name](...values);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    continue;
  }
  if (name === "start") others.push(useHandle(result, values));
  else if (result?.code === "INTERNAL") throw new Error(`INTERNAL: ${result.message}`);
  if (others.length > 8) {
    globalThis.gc?.();
    await Promise.all(others);
    others = [];
  }
}
await Promise.all(others);
