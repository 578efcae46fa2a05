/** A model with more layers than any of its parts: layers of two models, one after another. */
import { join } from "node:path";
import { merge, openModel } from "weightloom";

const models = join(import.meta.dirname, "../../examples/models");
const layers = (name: string, from: number, to: number) => ({
  sources: [{ model: join(models, name), layer_range: [from, to] as const }],
});

await merge(
  {
    merge_method: "passthrough",
    slices: [layers("reverse", 0, 4), layers("sort", 2, 5)],
    dtype: "bfloat16",
  },
  { out: "out/frankenmerge", overwrite: true },
);

const names = [...openModel("out/frankenmerge").tensors.keys()];
const count = new Set(names.flatMap((name) => /\.layers\.(\d+)\./.exec(name)?.[1] ?? [])).size;
console.log(`${count} layers from two models of 5`);
