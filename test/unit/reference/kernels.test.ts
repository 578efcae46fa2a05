/** Corners of the kernels, by their definitions; every backend gives the same bits. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { MergeTensorsOptions } from "../../../lib/array-types.ts";
import { mergeTensors, slerp } from "../../../lib/arrays.ts";
import { merge } from "../../../lib/merge.ts";
import { openModel } from "../../../lib/model.ts";
import { chooseBackend } from "../../../lib/run/backend.ts";
import { type Tensor, tensor } from "../../../lib/tensor.ts";
import { BACKENDS } from "../../backends.ts";
import { makeModel, useFolder } from "../../make.ts";

const folder = useFolder("kernels");
const f32 = (...values: number[]) => Float32Array.from(values);
const base = f32(1, 2, 3, 4);
const a = f32(1.5, 2, -3, 5);
const b = f32(0, 2.5, 3, 4.5);

describe.each(BACKENDS)("on the %s backend", (backend) => {
  const of = (method: string, models: readonly Float32Array[], options: MergeTensorsOptions) => {
    return [...(mergeTensors(method, models, { backend, ...options }) as Float32Array)];
  };

  test("slerp goes on beyond both ends", () => {
    const [x, y] = [f32(1, 0), f32(0, 1)];
    const [before, after] = [-0.5, 1.5].map((t) => slerp(x, y, { t, backend }) as Float32Array);
    const half = Math.SQRT1_2;
    for (const [found, expected] of [
      [before, [half, -half]],
      [after, [-half, half]],
    ] as const) {
      expected.forEach((each, i) => {
        expect(found[i]).toBeCloseTo(each, 6);
      });
    }
  });

  test("ram passes NaN on", () => {
    const out = of("ram", [f32(Number.NaN, 3), f32(1, 2)], { base: f32(1, 2) });
    expect(out[0]).toBeNaN();
    expect(out[1]).toBe(3);
  });

  test("sce that selects nothing is the base, and passes NaN on", () => {
    const few = { base, parameters: { select_topk: 0.1 } };
    expect(of("sce", [a, b], few)).toEqual([...base]);
    const out = of("sce", [f32(Number.NaN, 2, 3, 4), b], { base });
    expect(out[0]).toBeNaN();
    expect(out.slice(1).every(Number.isFinite)).toBe(true);
  });

  test("sce of a share that rounds to all is sce of all", () => {
    const parameters = { select_topk: 1 - 2 ** -40 };
    const all = of("sce", [a, b], { base });
    expect(of("sce", [a, f32(0, 2.5, 3.5, 4.5)], { base, parameters })).toEqual(
      of("sce", [a, f32(0, 2.5, 3.5, 4.5)], { base }),
    );
    expect(all).not.toEqual([...base]);
  });

  test("arcee_fusion leaves the base where nothing can be ranked", () => {
    expect(of("arcee_fusion", [f32(Number.NaN, 2, 3, 4)], { base })).toEqual([...base]);
    expect(of("arcee_fusion", [base], { base })).toEqual([...base]);
  });

  test("arcee_fusion ranks importances below zero, which rounding gives nearly equal rows", () => {
    const from = f32(
      0.000013102093362249434,
      0.000025445322535233572,
      0.0000620417486061342,
      0.000032467913115397096,
    );
    const to = f32(
      0.000013102041521051433,
      0.000025449442546232603,
      0.00006203255907166749,
      0.00003247475979151204,
    );
    // Median and spread are of negative numbers; their sum is above zero, which none reaches.
    expect(of("arcee_fusion", [to], { base: from })).toEqual([...from]);
  });

  test("nearswap whose t a manifest makes negative stays with the base", () => {
    const memory = new Uint8Array(16);
    const sources = [base, a].map((each) => ({ memory: new Uint8Array(each.buffer) }));
    const inputs = [0, 1].map((source) => ({ source, offset: 0, dtype: "F32" }) as const);
    const operation = { op: "nearswap", base: 0, input: 1, t: -1 } as const;
    const place = { dtype: "F32", count: 4, output: 0, offset: 0 } as const;
    const steps = [{ tensor: "w", ...place, inputs, operation }];
    const options = { threads: 1, isa: "", sync: false, io: "mmap" } as const;
    chooseBackend(backend).executeSync({ sources, outputs: [{ memory }], steps }, options);
    expect([...new Float32Array(memory.buffer)]).toEqual([...base]);
  });

  test("breadcrumbs and della of density 0 keep nothing", () => {
    for (const method of ["breadcrumbs", "della"]) {
      const parameters = { density: 0, weight: 1 };
      expect(of(method, [a, b], { base, parameters })).toEqual([...base]);
    }
  });

  test("dare of a density that rounds to all keeps all", () => {
    const parameters = { density: 1 - 2 ** -40, weight: 1, rescale: false };
    expect(of("dare_linear", [a], { base, parameters })).toEqual([...a]);
  });

  test("a row of several blocks has one pair of coefficients", () => {
    const width = 65_536 + 3;
    const row = (first: number, second: number) => {
      return Float32Array.from({ length: 2 * width }, (_, i) => (i < width ? first : second));
    };
    const shape = [2, width];
    const [x, y] = [row(1, 2), row(3, 4)].map((values) => tensor("F32", values, shape));
    const parameters = { weight: [1, 3], nuslerp_flatten: false };
    const { data } = mergeTensors("nuslerp", [x, y], { backend, parameters }) as Tensor;
    const out = data as Float32Array;
    // Rows are parallel: mergekit's formula is the weighted mean then.
    expect(new Set(out.subarray(0, width))).toEqual(new Set([2.5]));
    expect(new Set(out.subarray(width))).toEqual(new Set([3.5]));
  });

  test("a model of one element that is trimmed as a whole keeps it", async () => {
    const one = (name: string, value: number) => {
      const w = { dtype: "F32", shape: [1], values: [value] } as const;
      return makeModel(join(folder, `${name}-${backend}`), { w });
    };
    const out = join(folder, `out-${backend}`);
    const models = [{ model: one("x", 3), parameters: { weight: 1, density: 0.5 } }];
    const recipe = { merge_method: "ties", base_model: one("base", 1), models } as const;
    await merge(
      { ...recipe, parameters: { density_scope: "model" } },
      { out, backend, sync: false },
    );
    expect([...openModel(out).read("w")]).toEqual([3]);
  });
});
