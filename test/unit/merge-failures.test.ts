/** Whatever goes wrong: a MergeError, the inputs untouched, nothing at the target or beside it. */
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { MergeError } from "../../lib/errors.ts";
import { type MergeOptions, merge } from "../../lib/merge.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { BACKENDS } from "../backends.ts";
import {
  listTree,
  llama,
  makeLlama,
  makeModel,
  refusal,
  tensorContent,
  useFolder,
} from "../make.ts";
import { askOften } from "../ticks.ts";

const folder = useFolder("failures");
let made = 0;

interface Place {
  root: string;
  a: string;
  b: string;
  out: string;
}

/** Two models of their own for a test. */
function place(hidden = 8): Place {
  const root = join(folder, `test-${made++}`);
  const a = makeLlama(join(root, "a"), { seed: 1, hidden });
  return { root, a, b: makeLlama(join(root, "b"), { seed: 2, hidden }), out: join(root, "out") };
}

function mean(...models: string[]): RecipeObject {
  const entries = models.map((model) => ({ model }));
  return { merge_method: "linear", models: entries, parameters: { weight: 1 } };
}

/** What a merge is refused with; insists that it leaves nothing behind. */
async function cleanRefusal(
  { root, out }: Place,
  recipe: string | RecipeObject,
  options: Partial<MergeOptions> = {},
): Promise<MergeError> {
  const before = listTree(root);
  const error = await refusal(() => merge(recipe, { out, ...options }));
  // The stage of a merge that was cancelled may be removed a little later.
  await expect.poll(() => listTree(root)).toEqual(before);
  return error;
}

describe.each(BACKENDS)("%s: nothing is left when", (backend) => {
  test("the recipe is bad", async () => {
    const where = place();
    const recipe = { ...mean(where.a), merge_method: "nothing" } as unknown as RecipeObject;
    expect((await cleanRefusal(where, recipe, { backend })).code).toBe("UNKNOWN_METHOD");
  });

  test("the models do not fit", async () => {
    const where = place();
    const other = makeLlama(join(where.root, "other"), { hidden: 4 });
    const error = await cleanRefusal(where, mean(where.a, other), { backend });
    expect(error.problems[0].code).toBe("SHAPE_MISMATCH");
  });

  test("an integer tensor differs, which only its bytes show", async () => {
    const where = place();
    const models = [1, 2].map((value) => {
      const steps = { steps: { dtype: "I64", shape: [3], values: [7, 8, value] } } as const;
      return makeModel(join(where.root, `steps-${value}`), { ...llama(), ...steps });
    });
    const error = await cleanRefusal(where, mean(...models), { backend });
    expect(error.code).toBe("TENSOR_DIFFERS");
    expect(error.message).toContain("steps");
  });

  test("the output's folder had to be made", async () => {
    const where = place();
    const models = [1, 2].map((value) => {
      const flag = { flag: { dtype: "BOOL", shape: [1], values: [value - 1] } } as const;
      return makeModel(join(where.root, `flag-${value}`), flag);
    });
    const out = join(where.root, "deep/er/out");
    const error = await cleanRefusal(where, mean(...models), { backend, out });
    expect(error.code).toBe("TENSOR_DIFFERS");
  });

  test("config.json lacks what the output needs", async () => {
    const where = place();
    const config = { num_hidden_layers: 1, layer_types: ["full_attention"] };
    const model = makeModel(join(where.root, "lists"), llama(), { config });
    const sources = [{ model, layer_range: [0, 2] as const }];
    const recipe: RecipeObject = { merge_method: "passthrough", slices: [{ sources }] };
    expect((await cleanRefusal(where, recipe, { backend })).code).toBe("LAYER_RANGE");
  });

  test("onProgress throws, and its error is passed on as it is", async () => {
    const where = place();
    const before = listTree(where.root);
    const mine = new RangeError("mine");
    const onProgress = () => {
      throw mine;
    };
    const options = { out: where.out, backend, onProgress };
    await expect(merge(mean(where.a, where.b), options)).rejects.toBe(mine);
    expect(listTree(where.root)).toEqual(before);
  });

  test("onProgress throws at the last moment", async () => {
    const where = place();
    const before = listTree(where.root);
    const onProgress = ({ bytesDone, bytesTotal }: { bytesDone: number; bytesTotal: number }) => {
      if (bytesDone === bytesTotal) throw new Error("mine");
    };
    const options = { out: where.out, backend, onProgress };
    await expect(merge(mean(where.a, where.b), options)).rejects.toThrow("mine");
    expect(listTree(where.root)).toEqual(before);
  });

  test("the signal is aborted by then", async () => {
    const where = place();
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const error = await cleanRefusal(where, mean(where.a), { backend, signal });
    expect(error).toMatchObject({ code: "ABORTED", name: "AbortError", cause: reason });
  });

  test("the signal is aborted from onProgress at the last moment", async () => {
    const where = place();
    const abort = new AbortController();
    const onProgress = ({ bytesDone, bytesTotal }: { bytesDone: number; bytesTotal: number }) => {
      if (bytesDone === bytesTotal) abort.abort();
    };
    const options = { backend, onProgress, signal: abort.signal };
    const error = await cleanRefusal(where, mean(where.a, where.b), options);
    expect(error).toMatchObject({ code: "ABORTED", name: "AbortError" });
  });

  test("the budget is too small", async () => {
    const where = place();
    const error = await cleanRefusal(where, mean(where.a), { backend, maxMemory: 1_000_000 });
    expect(error.code).toBe("MEMORY_BUDGET");
    expect(error.hint).toMatch(/^it needs \d+(\.\d+)? MB/);
  });
});

describe.each(BACKENDS)(
  "%s: an input that is changed after planning and before the run",
  (backend) => {
    /** Options whose `threads` is asked for after planning, when something happens to the input. */
    function meddling(out: string, happens: () => void): MergeOptions {
      return {
        out,
        backend,
        get threads() {
          happens();
          return 1;
        },
      };
    }

    const CHANGES: [string, (path: string) => void][] = [
      ["truncated", (path) => truncateSync(path, 1000)],
      ["longer", (path) => writeFileSync(path, "more", { flag: "a" })],
      ["gone", (path) => rmSync(path)],
      ["another file of the same bytes", (path) => replaceByCopy(path)],
      ["written again", (path) => utimesSync(path, 7, 7)],
      ["a folder", (path) => turnIntoFolder(path)],
    ];

    function replaceByCopy(path: string): void {
      writeFileSync(`${path}.new`, readFileSync(path));
      renameSync(`${path}.new`, path);
    }

    function turnIntoFolder(path: string): void {
      rmSync(path);
      mkdirSync(path);
    }

    test.each(CHANGES)("is noticed: %s", async (_, change) => {
      const where = place();
      const path = join(where.b, "model.safetensors");
      const recipe = mean(where.a, where.b);
      const options = meddling(where.out, () => change(path));
      const error = await refusal(() => merge(recipe, options));
      expect(error.code).toBe("INPUT_CHANGED");
      expect(error.message).toContain(path);
      expect(listTree(where.root).filter((name) => name.startsWith("out"))).toEqual([]);
    });
  },
);

describe("an input that is changed while the reference works", () => {
  /** Merges models that take a while; something happens to the second at the first progress. */
  async function mergeWhile(where: Place, change: (path: string) => void) {
    askOften();
    let changed = false;
    const onProgress = () => {
      if (!changed) change(join(where.b, "model.safetensors"));
      changed = true;
    };
    const options = { out: where.out, backend: "reference", onProgress } as const;
    return merge(mean(where.a, where.b), options).finally(() => expect(changed).toBe(true));
  }

  const CHANGES: [string, (path: string) => void][] = [
    ["truncated", (path) => truncateSync(path, 1000)],
    ["overwritten in place", (path) => writeFileSync(path, "x", { flag: "r+" })],
    ["longer", (path) => writeFileSync(path, "more", { flag: "a" })],
  ];
  test.each(CHANGES)("is noticed: %s", async (_, change) => {
    const where = place(256);
    const error = await refusal(() => mergeWhile(where, change));
    expect(error.code).toBe("INPUT_CHANGED");
    expect(listTree(where.root).filter((name) => name.startsWith("out"))).toEqual([]);
  });

  const HARMLESS: [string, (path: string) => void][] = [
    ["removed", (path) => rmSync(path)],
    ["replaced by renaming", (path) => replace(path)],
  ];
  function replace(path: string): void {
    writeFileSync(`${path}.new`, "another file");
    renameSync(`${path}.new`, path);
  }
  test.each(HARMLESS)("is merged as it was: %s", async (_, change) => {
    const where = place(256);
    const undisturbed = join(where.root, "undisturbed");
    await merge(mean(where.a, where.b), { out: undisturbed });
    await mergeWhile(where, change);
    expect(tensorContent(where.out)).toEqual(tensorContent(undisturbed));
  });
});

describe("with overwrite, what lay at the target stays when", () => {
  function placeWithOld(): Place {
    const where = place(256);
    mkdirSync(where.out);
    writeFileSync(join(where.out, "model.safetensors"), "the old model");
    return where;
  }

  test.each(BACKENDS)("the merge is cancelled: %s", async (backend) => {
    const where = placeWithOld();
    const abort = new AbortController();
    const onProgress = () => abort.abort();
    const options = { backend, onProgress, signal: abort.signal, overwrite: true };
    expect((await cleanRefusal(where, mean(where.a, where.b), options)).code).toBe("ABORTED");
  });

  test.each(BACKENDS)("an input changes: %s", async (backend) => {
    const where = placeWithOld();
    const old = listTree(where.out);
    const path = join(where.b, "model.safetensors");
    const onProgress = () => utimesSync(path, 5, 5);
    askOften();
    const options = { out: where.out, backend, onProgress, overwrite: true } as const;
    const ends = merge(mean(where.a, where.b), options);
    if (backend === "reference") {
      expect((await refusal(() => ends)).code).toBe("INPUT_CHANGED");
      expect(listTree(where.out)).toEqual(old);
    } else {
      await ends.catch(() => {});
      expect(readFileSync(join(where.out, "model.safetensors")).byteLength).toBeGreaterThan(0);
    }
  });
});

test("an output below a file is refused", async () => {
  const where = place();
  const out = join(where.a, "config.json", "out");
  const other = makeLlama(join(where.root, "other"), {});
  expect((await cleanRefusal(where, mean(other), { out })).code).toBe("WRITE_FAILED");
});

test.each(["out\0", "\0"])("a path with a NUL character is refused: %j", async (name) => {
  const where = place();
  const out = join(where.root, name);
  expect((await cleanRefusal(where, mean(where.a), { out })).code).toBe("ARGUMENT");
});
