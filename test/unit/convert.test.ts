import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { convert, reshard } from "../../lib/convert.ts";
import { serializeHeader } from "../../lib/format/header.ts";
import { openModel } from "../../lib/model.ts";
import { verify } from "../../lib/verify.ts";
import { makeModel, type Tensors, useFolder } from "../make.ts";

const folder = useFolder("convert");
const TENSORS: Tensors = {
  "a.weight": { dtype: "F32", shape: [16, 8] },
  "b.weight": { dtype: "F16", shape: [100] },
  counts: { dtype: "I64", shape: [2], values: [7, -1] },
  wide: { dtype: "F64", shape: [1] },
};
const config = { torch_dtype: "float32", architectures: ["X"] };
const companions = { "tokenizer.json": "{}" };
const model = makeModel(join(folder, "model"), TENSORS, { config, companions });

describe("convert", () => {
  test("rounds floats once, copies the rest, and says what kept its dtype", async () => {
    const out = join(folder, "bf16");
    const { notes } = await convert(model, { dtype: "bf16", out });
    const [before, after] = [openModel(model), openModel(out)];
    expect([...after.tensors.values()].map(({ dtype }) => dtype)).toEqual([
      "I64",
      "F64",
      "BF16",
      "BF16",
    ]);
    for (const name of ["a.weight", "b.weight"]) {
      const near = [...before.read(name)].map((x) => {
        const ulp = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 7);
        const below = Math.floor(x / ulp);
        const above = x / ulp - below;
        const up = above > 0.5 || (above === 0.5 && below % 2 !== 0);
        return (up ? below + 1 : below) * ulp;
      });
      expect([...after.read(name)]).toEqual(near);
    }
    expect(after.bytes("counts")).toEqual(before.bytes("counts"));
    expect(after.bytes("wide")).toEqual(before.bytes("wide"));
    expect(notes).toContain("1 tensors of dtype F64 were copied");
    expect(after.config?.value.architectures).toEqual(["X"]);
    expect(existsSync(join(out, "tokenizer.json"))).toBe(true);
    expect(existsSync(join(out, "README.md"))).toBe(false);
  });

  test("and back is exact", async () => {
    const [narrow, wide] = ["narrow", "wide"].map((name) => join(folder, name));
    await convert(model, { dtype: "float16", out: narrow });
    await convert(narrow, { dtype: "fp32", out: wide });
    const read = (path: string) => openModel(path).read("a.weight");
    expect(read(wide)).toEqual(read(narrow));
  });

  test("to a dtype that cannot be written is refused", async () => {
    const wanted = { dtype: "int8" as never, out: join(folder, "never") };
    await expect(convert(model, wanted)).rejects.toMatchObject({ code: "UNKNOWN_DTYPE" });
  });

  test("of a quantised model is refused", async () => {
    const quantized = makeModel(
      join(folder, "quantized"),
      { w: { dtype: "F8_E4M3", shape: [4] } },
      { config: { quantization_config: { quant_method: "fp8" } } },
    );
    await expect(
      convert(quantized, { dtype: "bf16", out: join(folder, "never") }),
    ).rejects.toMatchObject({ code: "UNSUPPORTED", message: expect.stringContaining("fp8") });
  });
});

describe("reshard", () => {
  test("copies bytes into files of at most the size, and back into one", async () => {
    const [many, one] = ["many", "one"].map((name) => join(folder, name));
    await reshard(model, { shardSize: 300, out: many });
    await reshard(many, { shardSize: 0, out: one });
    const [before, between, after] = [model, many, one].map((path) => openModel(path));
    expect(between.files.length).toBe(2);
    expect(after.files.length).toBe(1);
    for (const name of Object.keys(TENSORS)) {
      expect(between.bytes(name)).toEqual(before.bytes(name));
      expect(after.bytes(name)).toEqual(before.bytes(name));
      expect(after.tensors.get(name)?.dtype).toBe(TENSORS[name].dtype);
    }
  });

  describe("and what files say of themselves", () => {
    const told = join(folder, "told");
    const file = (shard: number, metadata: Record<string, string>) => {
      const header = serializeHeader(
        [{ name: `w${shard}`, dtype: "U8", shape: [300], begin: 0, end: 300 }],
        new Map(Object.entries(metadata)),
      );
      const name = `model-0000${shard}-of-00002.safetensors`;
      writeFileSync(join(told, name), Buffer.concat([header, new Uint8Array(300)]));
      return [`w${shard}`, name];
    };
    beforeAll(() => {
      mkdirSync(told);
      const shards = [file(1, { step: "7" }), file(2, { step: "8", 'run "x"': "é\n" })];
      const index = JSON.stringify({ weight_map: Object.fromEntries(shards) });
      writeFileSync(join(told, "model.safetensors.index.json"), index);
    });
    const metadataOf = (path: string) => {
      return openModel(path).files.map(({ header }) => Object.fromEntries(header.metadata ?? []));
    };

    test.each([0, 400])("goes along, to every file of at most %i bytes", async (shardSize) => {
      const out = join(folder, `kept-${shardSize}`);
      await reshard(told, { shardSize, out });
      const kept = { format: "pt", step: "7", 'run "x"': "é\n" };
      expect(metadataOf(out)).toEqual(shardSize === 0 ? [kept] : [kept, kept]);
      expect((await verify(out, { replay: true })).same).toBe(true);
    });

    test("keeps a format of its own", async () => {
      file(1, { format: "mlx" });
      const out = join(folder, "kept-format");
      await reshard(told, { out });
      expect(metadataOf(out)[0].format).toBe("mlx");
    });

    test("is not what another dtype or a merge has", async () => {
      const out = join(folder, "not-kept");
      await convert(told, { dtype: "bf16", out });
      expect(metadataOf(out)).toEqual([{ format: "pt" }]);
    });
  });

  test("onto the model itself is refused", async () => {
    await expect(reshard(model, { out: model, overwrite: true })).rejects.toMatchObject({
      code: "OUTPUT_IS_INPUT",
    });
  });
});
