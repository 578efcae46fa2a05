/**
 * Inputs that change while the native backend merges them: an error and no model, never a crash.
 * Each case runs in a process of its own, because what it guards against would end the process. The
 * reference has its cases in merge-failures.test.ts.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { listTree, makeSparse, type Tensors, useFolder } from "../make.ts";
import { QUICK_TICKS } from "../ticks.ts";

const PACKAGE = pathToFileURL(join(import.meta.dirname, "../../dist/index.js")).href;
const ROUNDS = 12;
const folder = useFolder("inputs");
const MODELS = ["base", "a"].map((name) => join(folder, name));
const TENSORS: Tensors = Object.fromEntries(
  Array.from({ length: 6 }, (_, layer) => {
    return [`model.layers.${layer}.w`, { dtype: "BF16", shape: [2048, 4096] }];
  }),
);
beforeAll(() => {
  for (const path of MODELS) makeSparse(path, TENSORS);
});

/** Parameters of the child, and what it needs to merge, to disturb, and to tell how that ended. */
const HEAD = `
  import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
  import { once } from "node:events";
  import { Worker } from "node:worker_threads";
  import { merge } from ${JSON.stringify(PACKAGE)};
  ${QUICK_TICKS}
  const { models, method, out, options, rounds } = JSON.parse(process.argv[1]);
  const victim = models[1] + "/model.safetensors";
  const { size } = statSync(victim);
  const recipe = {
    merge_method: method,
    base_model: method === "linear" ? undefined : models[0],
    models: models.map((model) => ({ model })),
    parameters: method === "linear" ? { weight: 1 } : { weight: 1, density: 0.5 },
  };
  const attempt = (more = {}) => {
    rmSync(out, { recursive: true, force: true });
    const given = { out, sync: false, ...options, ...more };
    return merge(recipe, given).then(() => "merged", (e) => e.code + " " + e.message);
  };
  const started = performance.now();
  const seen = [await attempt()];
  const took = performance.now() - started;
  const later = (share) => new Promise((resolve) => setTimeout(resolve, share * took));
  // A merge can be done before its input is cut: until enough rounds have been, and one in time.
  const cutOnce = () => seen.some((each) => each.startsWith("INPUT_CHANGED"));
  const goesOn = (round, least) => round < least || (round < 20 * least && !cutOnce());
  const header = readFileSync(victim).subarray(0, 4096);
  const cut = () => truncateSync(victim, Math.floor(size * Math.random()));
  const restore = () => {
    rmSync(victim);
    writeFileSync(victim, header);
    truncateSync(victim, size);
  };`;

interface Child {
  method: string;
  options: object;
}

/** How each merge of a child ended; insists that the child lived. */
function run(script: string, { method, options }: Child): string[] {
  const out = join(folder, "out");
  const given = JSON.stringify({ models: MODELS, method, out, options, rounds: ROUNDS });
  const source = `${HEAD}\n${script}\nconsole.log(JSON.stringify(seen));`;
  const args = ["--input-type=module", "-e", source, given];
  const ended = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(ended).toMatchObject({ status: 0, signal: null, stderr: "" });
  const [first, ...others] = JSON.parse(ended.stdout);
  expect(first).toBe("merged");
  return others;
}

const CHANGED = new RegExp(`^INPUT_CHANGED .*${join(folder, "a/model.safetensors")} changed`);

/**
 * Every round ended by the error or by a model (or, cut before it was planned, by the code of a
 * short file), some by the error, and no round left a stage.
 */
function expectErrorOrModel(seen: readonly string[]): void {
  expect(seen.length).toBeGreaterThanOrEqual(ROUNDS);
  const others = seen.filter((each) => !CHANGED.test(each));
  for (const each of others) expect(each).toMatch(/^(merged$|FILE_TRUNCATED |HEADER_)/);
  expect(others.length).toBeLessThan(seen.length);
  const left = listTree(folder).filter((name) => name.includes(".weightloom-"));
  expect(left).toEqual([]);
}

const WAYS: Child[] = [
  { method: "linear", options: { io: "mmap" } },
  { method: "linear", options: { io: "mmap", threads: 1 } },
  { method: "ties", options: { io: "mmap", threads: 5 } },
  { method: "linear", options: { io: "pread" } },
];

describe("an input cut short at a random time", () => {
  test.each(WAYS)("is an error: $method, $options", (way) => {
    const script = `
      for (let i = 0; goesOn(i, rounds); i++) {
        const running = attempt();
        await later(0.8 * Math.random());
        cut();
        seen.push(await running);
        restore();
      }`;
    expectErrorOrModel(run(script, way));
  });

  test.each(WAYS)("is an error on a worker thread: $method, $options", (way) => {
    const script = `
      const source = \`
        import { parentPort, workerData } from "node:worker_threads";
        import { merge } from ${JSON.stringify(PACKAGE)};
        parentPort.on("message", async () => {
          const tell = (e) => e.code + " " + e.message;
          parentPort.postMessage(await merge(...workerData).then(() => "merged", tell));
        });
        parentPort.postMessage("ready");\`;
      const places = [0, 1].map((i) => out + i);
      const workers = places.map((place) => {
        const workerData = [recipe, { out: place, sync: false, ...options }];
        return new Worker(source, { eval: true, workerData });
      });
      await Promise.all(workers.map((each) => once(each, "message")));
      for (let i = 0; goesOn(i, rounds / 2); i++) {
        for (const place of places) rmSync(place, { recursive: true, force: true });
        for (const each of workers) each.postMessage("go");
        const ended = Promise.all(workers.map((each) => once(each, "message")));
        await later(0.8 * Math.random());
        cut();
        seen.push(...(await ended).flat());
        restore();
      }
      await Promise.all(workers.map((each) => each.terminate()));
      for (const place of places) rmSync(place, { recursive: true, force: true });`;
    expectErrorOrModel(run(script, way));
  });
});

describe("an input that changes on the way, when the first bytes are done", () => {
  const CHANGES: [string, string][] = [
    ["cut short", "truncateSync(victim, 1000)"],
    ["emptied", "truncateSync(victim, 0)"],
    ["cut and grown again", "truncateSync(victim, 1000); truncateSync(victim, size)"],
    ["written to in place", 'writeFileSync(victim, header, { flag: "r+" })'],
  ];
  const cases = WAYS.flatMap((way) => CHANGES.map(([name, change]) => ({ name, change, way })));
  test.each(cases)("$name: $way.method, $way.options", ({ change, way }) => {
    // A merge can be done before it is first asked for its progress.
    const script = `
      let changed = false;
      const onProgress = ({ bytesDone, bytesTotal }) => {
        if (changed || bytesDone === bytesTotal) return;
        changed = true;
        ${change};
      };
      for (let i = 0; i < 20 && !changed; i++) {
        const ended = await attempt({ onProgress });
        if (changed) seen.push(ended);
      }
      restore();`;
    const [ended] = run(script, way);
    expect(ended).toMatch(CHANGED);
  });
});
