/**
 * maxMemory is kept: a process of its own merges a family ten times larger, while its anonymous
 * memory is sampled. The child runs the built package, as a user's process would.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { makeSparse, useFolder } from "../make.ts";
import { Random } from "../parity/values.ts";

const MIB = 2 ** 20;
const BUDGET = 128 * MIB;
const folder = useFolder("memory");
const NAMES = ["base", "a", "b"];
const [base, a, b] = NAMES.map((name) => join(folder, name));
const PACKAGE = pathToFileURL(join(import.meta.dirname, "../../dist/index.js")).href;

/** A few large tensors of zeros with islands of random values; 448 MiB. */
function makeMember(path: string, seed: number): void {
  makeSparse(path, {
    "model.embed_tokens.weight": { dtype: "BF16", shape: [65_536, 2048] },
    "model.layers.0.mlp.weight": { dtype: "BF16", shape: [8192, 8192] },
    "model.layers.1.mlp.weight": { dtype: "BF16", shape: [4096, 8192] },
  });
  const random = new Random(seed);
  // An exponent below 128, so that no value is NaN or infinite.
  const island = Uint8Array.from(
    { length: MIB },
    (_, i) => random.word() & (i % 2 === 1 ? 0xbf : 0xff),
  );
  const descriptor = openSync(join(path, "model.safetensors"), "r+");
  for (let at = 8 * MIB; at < 440 * MIB; at += 54 * MIB) {
    writeSync(descriptor, island, 0, island.length, at + 2 * seed);
  }
  closeSync(descriptor);
}

const RECIPES: RecipeObject[] = [
  {
    merge_method: "linear",
    models: NAMES.map((name) => ({ model: join(folder, name) })),
    parameters: { weight: [1, 2] },
  },
  {
    merge_method: "ties",
    base_model: base,
    models: [{ model: a }, { model: b }],
    parameters: { weight: 0.5, density: 0.3 },
  },
  {
    merge_method: "slerp",
    base_model: a,
    models: [{ model: a }, { model: b }],
    parameters: { t: 0.3 },
  },
];

/** Runs a script that has `merge`, `recipe`, `out` and `options`; its output and peak memory. */
async function runChild(recipe: RecipeObject, script: string, options: object) {
  const out = join(folder, "out");
  const given = `const [recipe, out, options] = ${JSON.stringify([recipe, out, options])};`;
  const source = `import { merge } from "${PACKAGE}"; ${given} ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source]);
  let text = "";
  let peak = 0;
  let samples = 0;
  child.stdout.on("data", (part) => {
    text += part;
  });
  child.stderr.on("data", (part) => {
    text += part;
  });
  const timer = setInterval(() => {
    peak = Math.max(peak, anonymousBytes(child.pid));
    samples++;
  }, 10);
  const code = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  rmSync(out, { recursive: true, force: true });
  return { text, code, peak, samples };
}

function anonymousBytes(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const MERGE = 'await merge(recipe, { out, sync: false, ...options }); console.log("merged");';

describe.runIf(process.platform === "linux")("anonymous memory of the whole process", () => {
  beforeAll(() => {
    [base, a, b].forEach((path, seed) => {
      makeMember(path, seed + 1);
    });
  });

  test.each(RECIPES)(
    "stays below 128 MiB for a family of 1.3 GiB: $merge_method",
    async (recipe) => {
      const { text, code, peak, samples } = await runChild(recipe, MERGE, { maxMemory: BUDGET });
      expect(text).toBe("merged\n");
      expect(code).toBe(0);
      expect(samples).toBeGreaterThan(10);
      expect(peak).toBeGreaterThan(8 * MIB);
      expect(peak).toBeLessThan(BUDGET);
    },
  );

  test("limits the threads to what fits, and reading by pread too", async () => {
    const options = { maxMemory: BUDGET, threads: 512, io: "pread" };
    const { text, peak } = await runChild(RECIPES[0], MERGE, options);
    expect(text).toBe("merged\n");
    expect(peak).toBeLessThan(BUDGET);
  });

  test("that is far too small is refused with what it takes, and that much is enough", async () => {
    const script = `
      const attempt = (maxMemory) =>
        merge(recipe, { out, sync: false, maxMemory }).then(() => "merged", (error) => error);
      const refused = await attempt(1_000_000);
      const [, needed] = /^it needs (.*) MB with one thread$/.exec(refused.hint);
      console.log(refused.code, await attempt(1.1e6 * Number(needed)));`;
    const { text } = await runChild(RECIPES[2], script, {});
    expect(text).toBe("MEMORY_BUDGET merged\n");
  });
});
