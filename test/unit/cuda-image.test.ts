/** The kernels that are shipped are those of the sources, exact, and still assemble. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { imageHash, images, inexact, ptxText, sourceHash } from "../../scripts/cuda-image.mjs";
import { useFolder } from "../make.ts";

const folder = useFolder("cuda-image");
const hasPtxas = spawnSync("ptxas", ["--version"], { stdio: "ignore" }).status === 0;

/** ELF of CUDA in a container of its own; packed, so only the container can be looked at. */
const CONTAINER = "50ed55ba";

describe("native/cuda/image.inc", () => {
  test("is of the sources: node scripts/cuda-image.mjs makes it anew", () => {
    expect(imageHash()).toBe(sourceHash());
  });

  test("has an image for each family of GPUs, and PTX", () => {
    const made = images();
    expect(made.map(({ architecture }) => architecture)).toEqual([80, 89, 90, 100, 120, 80]);
    expect(made.map(({ ptx }) => ptx)).toEqual([false, false, false, false, false, true]);
    for (const { bytes } of made) expect(bytes.toString("hex", 0, 4)).toBe(CONTAINER);
  });

  test("rounds every operation once, and flushes nothing", () => {
    expect(inexact(ptxText())).toBeUndefined();
    expect(inexact("\tfma.rn.f32 %f1, %f2, %f3, %f4;")).toBeDefined();
    expect(inexact("\tadd.ftz.f32 %f1, %f2, %f3;")).toBeDefined();
    expect(inexact("\tadd.f32 %f1, %f2, %f3;")).toBeDefined();
    expect(inexact("\tmul.f64 %fd1, %fd2, %fd3;")).toBeDefined();
    expect(inexact("\tadd.rn.f32 %f1, %f2, %f3;")).toBeUndefined();
  });

  test("has PTX that drivers since CUDA 11.7 know", () => {
    expect(ptxText()).toMatch(/^\s*\.version 7\.7\n\.target sm_80\n\.address_size 64\n/);
  });

  test.runIf(hasPtxas)("has PTX that assembles", () => {
    const text = join(folder, "kernels.ptx");
    writeFileSync(text, ptxText().replaceAll("\0", ""));
    const args = ["-O0", "-arch=sm_80", "-o", join(folder, "kernels.cubin"), text];
    const { stdout, stderr, status } = spawnSync("ptxas", args, { encoding: "utf8" });
    expect(`${stdout}${stderr}`).toBe("");
    expect(status).toBe(0);
  });
});
