/**
 * maxMemory is kept: a process of its own merges a family ten times larger, while its anonymous
 * memory is sampled. The child runs the built package, as a user's process would.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, symlinkSync, writeSync } from "node:fs";
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
  const measured = await measure(script, { recipe, out, options });
  rmSync(out, { recursive: true, force: true });
  return measured;
}

/** Runs a script that has the package's functions and the given values by name. */
async function measure(script: string, values: object) {
  const names = Object.keys(values).join(", ");
  const given = `const { ${names} } = ${JSON.stringify(values)};`;
  const functions = "merge, average, diff";
  const source = `import { ${functions} } from "${PACKAGE}"; ${given} ${script}`;
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

describe.runIf(process.platform === "linux")("the number of models", () => {
  const model = join(folder, "checkpoint-0");
  const run = Array.from({ length: 300 }, (_, i) => join(folder, `checkpoint-${i}`));
  beforeAll(() => {
    makeSparse(model, { w: { dtype: "BF16", shape: [1024, 1024] } });
    for (const path of run.slice(1)) symlinkSync(model, path);
  });

  /** Most descriptors are counted while the work goes on. */
  const COUNTING = `
    import { readdirSync } from "node:fs";
    let most = 0;
    const onProgress = () => { most = Math.max(most, readdirSync("/proc/self/fd").length); };`;

  test("of an average raises neither descriptors nor memory", async () => {
    const script = `${COUNTING}
      await average(run, { out, onProgress, sync: false });
      console.log(most);`;
    const few = await measure(script, { run: run.slice(0, 100), out: join(folder, "few") });
    const many = await measure(script, { run, out: join(folder, "many") });
    expect([few.code, many.code]).toEqual([0, 0]);
    expect(Number(few.text)).toBeGreaterThan(10);
    expect(Number(many.text)).toBeLessThan(Number(few.text) + 20);
    expect(many.peak).toBeLessThan(few.peak + 32 * MIB);
  });

  test("of a diff does not either, nor does their size", async () => {
    const script = `${COUNTING}
      const { same } = await diff(models, { onProgress });
      console.log(same, most);`;
    const small = await measure(script, { models: run.slice(0, 32) });
    const large = await measure(script, { models: [base, base] });
    for (const { text, code } of [small, large]) {
      expect(code).toBe(0);
      expect(text).toMatch(/^true \d+\n$/);
      expect(Number(text.slice(5))).toBeLessThan(64);
    }
    expect(large.samples).toBeGreaterThan(10);
    expect(large.peak).toBeLessThan(BUDGET);
    expect(small.peak).toBeLessThan(BUDGET);
  });
});
