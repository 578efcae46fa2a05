import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import {
  backendInfo,
  chooseBackend,
  chooseIo,
  chooseIsa,
  chooseThreads,
} from "../../../lib/run/backend.ts";
import { nativeBackend } from "../../../lib/run/native.ts";
import { makeLlama, refusal, useFolder } from "../../make.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PACKAGE = pathToFileURL(join(ROOT, "dist/index.js")).href;
const { targets } = backendInfo();

/** Runs a script with all exports as `w` in a process of its own; its standard output. */
function runScript(script: string, env: Record<string, string> = {}) {
  const source = `import * as w from "${PACKAGE}";\n${script}`;
  const args = ["--input-type=module", "-e", source];
  const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, args, options);
  return { stdout, stderr, status, signal };
}

/** What a script prints as JSON. */
function jsonFrom(script: string, env: Record<string, string> = {}) {
  const { stdout, stderr } = runScript(
    `console.log(JSON.stringify(await (async () => {${script}})()))`,
    env,
  );
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

const MEAN = "[...w.linear([Float32Array.of(1, 2), Float32Array.of(3, 4)])]";
const CODE =
  "await w.linear.async([Float32Array.of(1)]).catch((e) => ({ code: e.code, hint: e.hint }))";

describe("the native target", () => {
  const before = process.env.WEIGHTLOOM_ISA;
  afterEach(() => {
    if (before === undefined) delete process.env.WEIGHTLOOM_ISA;
    else process.env.WEIGHTLOOM_ISA = before;
  });

  test("scalar is always among those of this machine, and last", () => {
    expect(targets.at(-1)).toBe("scalar");
    expect(backendInfo()).toEqual({ backend: "native", targets });
  });

  test("is the option's, else that of WEIGHTLOOM_ISA, else the best", () => {
    delete process.env.WEIGHTLOOM_ISA;
    expect(chooseIsa(undefined)).toBe("");
    expect(chooseIsa("scalar")).toBe("scalar");
    process.env.WEIGHTLOOM_ISA = "scalar";
    expect(chooseIsa(undefined)).toBe("scalar");
    expect(chooseIsa(targets[0])).toBe(targets[0]);
  });

  test.each(targets)("%s can be forced by WEIGHTLOOM_ISA", (isa) => {
    expect(jsonFrom(`return ${MEAN}`, { WEIGHTLOOM_ISA: isa })).toEqual([2, 3]);
  });

  test("that the machine lacks is refused, with those it has", async () => {
    const found = jsonFrom(`return ${CODE}`, { WEIGHTLOOM_ISA: "mmx" });
    expect(found).toEqual({ code: "BACKEND", hint: `it can run: ${targets.join(", ")}` });
    expect((await refusal(() => chooseIsa("AVX2"))).code).toBe("BACKEND");
  });
});

describe("without the native backend", () => {
  const folder = useFolder("backend");
  const CASES: [string, Record<string, string>, RegExp][] = [
    [
      "by WEIGHTLOOM_BACKEND",
      { WEIGHTLOOM_BACKEND: "reference" },
      /^WEIGHTLOOM_BACKEND=reference$/,
    ],
    ["for want of a binary", { PREBUILDS_ONLY: "1" }, /^no native binary for \S+-\S+: /],
  ];

  test.each(CASES)("the reference computes, and the reason is told: %s", (_, env, reason) => {
    const [info, mean] = jsonFrom(`return [w.backendInfo(), ${MEAN}]`, env);
    expect(info).toMatchObject({ backend: "reference", targets: [] });
    expect(info.reason).toMatch(reason);
    expect(mean).toEqual([2, 3]);
  });

  test.each(CASES)("asking for it is an error with the reason: %s", (_, env) => {
    const script = `
      try {
        w.linear([Float32Array.of(1)], { backend: "native" });
      } catch ({ code, message }) {
        return [code, message, w.backendInfo().reason];
      }`;
    const [code, message, reason] = jsonFrom(script, env);
    expect(code).toBe("BACKEND");
    expect(message).toContain(reason);
  });

  test("a known target is not looked at", () => {
    const env = { WEIGHTLOOM_BACKEND: "reference", WEIGHTLOOM_ISA: "neon" };
    expect(jsonFrom(`return ${MEAN}`, env)).toEqual([2, 3]);
  });

  test("the command line says so, and merges all the same", () => {
    makeLlama(join(folder, "a"), {});
    writeFileSync(join(folder, "recipe.yml"), "merge_method: passthrough\nmodels: [{model: a}]\n");
    const cli = join(ROOT, "dist/cli.js");
    const args = [cli, "merge", join(folder, "recipe.yml"), join(folder, "out"), "--quiet"];
    const env = { ...process.env, WEIGHTLOOM_BACKEND: "reference" };
    const ended = spawnSync(process.execPath, args, { encoding: "utf8", env });
    expect(ended.stderr).toBe(
      "note: WEIGHTLOOM_BACKEND=reference; using the TypeScript reference backend\n",
    );
    expect(ended.stdout).toMatch(/\(passthrough, reference\)\n$/);
    expect(ended.status).toBe(0);
  });
});

describe("choices", () => {
  test("auto is native where it loads; each name gives its backend", () => {
    expect(chooseBackend().name).toBe("native");
    expect(chooseBackend("auto").name).toBe("native");
    expect(chooseBackend("native").name).toBe("native");
    expect(chooseBackend("reference").name).toBe("reference");
  });

  test.each([1, 2, 1024])("%d threads are taken as they are", (threads) => {
    expect(chooseThreads(threads)).toBe(threads);
  });

  test.each([0, -1, 1025, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "%d threads are refused",
    async (threads) => {
      expect((await refusal(() => chooseThreads(threads))).code).toBe("ARGUMENT");
    },
  );

  test("threads are by default what the system offers, at least one", () => {
    expect(chooseThreads(undefined)).toBeGreaterThanOrEqual(1);
  });

  test("inputs are mapped unless pread is asked for", async () => {
    expect([chooseIo(), chooseIo("auto"), chooseIo("mmap")]).toEqual(["mmap", "mmap", "mmap"]);
    expect(chooseIo("pread")).toBe("pread");
    expect((await refusal(() => chooseIo("direct" as "auto"))).code).toBe("ARGUMENT");
  });
});

describe("worker threads", () => {
  const worker = (body: string) => {
    const source = `import("${PACKAGE}").then(async (w) => {
      const { parentPort } = await import("node:worker_threads");
      ${body}
    })`;
    return `new Worker(${JSON.stringify(source)}, { eval: true })`;
  };
  const head = `
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";`;

  test("several compute at once, each with the addon of its own", () => {
    const body = `parentPort.postMessage([...(await w.linear.async([Float32Array.of(1, 2)]))]);`;
    const script = `${head}
      const workers = [0, 1, 2].map(() => ${worker(body)});
      const answers = await Promise.all(workers.map((each) => once(each, "message")));
      console.log(JSON.stringify(answers), ${MEAN}.join());`;
    expect(runScript(script)).toMatchObject({
      stdout: "[[[1,2]],[[1,2]],[[1,2]]] 2,3\n",
      status: 0,
    });
  });

  test("may be terminated in the middle of a job, and the process goes on", () => {
    const body = `
      const large = new Float32Array(40_000_000);
      const job = w.ties.async([large, large], { base: large, density: 0.5, threads: 2 });
      parentPort.postMessage("started");
      await job;
      parentPort.postMessage("done");`;
    const script = `${head}
      for (let i = 0; i < 3; i++) {
        const each = ${worker(body)};
        const [word] = await once(each, "message");
        await each.terminate();
        console.log(word);
      }
      console.log(${MEAN}.join());`;
    const ended = runScript(script);
    expect(ended).toMatchObject({ stderr: "", status: 0, signal: null });
    expect(ended.stdout).toBe("started\nstarted\nstarted\n2,3\n");
  });

  test("a process may end in the middle of a job", () => {
    const script = `
      const large = new Float32Array(40_000_000);
      w.linear.async([large, large]).then(() => console.log("done"));
      setTimeout(() => process.exit(7), 1);`;
    expect(runScript(script)).toMatchObject({ stderr: "", status: 7, signal: null });
  });
});

test("an input that cannot be opened is told without a tensor", async () => {
  const work = {
    sources: [{ path: "/nowhere/at/all", size: 4 }],
    outputs: [{ memory: new Uint8Array(4) }],
    steps: [
      {
        tensor: "w",
        dtype: "F32",
        count: 1,
        output: 0,
        offset: 0,
        inputs: [{ source: 0, offset: 0, dtype: "F32" }],
        operation: { op: "copy", input: 0 },
      },
    ],
  } as const;
  const options = { threads: 1, isa: "", sync: false, io: "pread" } as const;
  const error = await refusal(() => nativeBackend.executeSync(work, options));
  expect(error.code).toBe("FILE_UNREADABLE");
  expect(error.message).toMatch(/^\/nowhere\/at\/all: /);
});
