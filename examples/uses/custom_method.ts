/** A method of your own: planned, checked, staged and published like any other. */
import { join } from "node:path";
import { defineMethod, merge, openModel } from "weightloom";

const models = join(import.meta.dirname, "../../examples/models");

/** Takes, element by element, the model that moved farthest from the base. */
const farthest = defineMethod({
  name: "farthest",
  title: "Farthest from the base",
  base: "required",
  models: { min: 1, max: 255 },
  parameters: [
    { name: "scale", type: "number", scope: "global", default: 1, min: 0, about: "of the change" },
  ],
  combine({ inputs, base, out, parameters: { scale } }) {
    for (let i = 0; i < out.length; i++) {
      const from = base?.[i] ?? 0;
      const deltas = inputs.map((input) => input[i] - from);
      const far = deltas.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
      out[i] = from + scale * far;
    }
  },
});

await merge(
  {
    merge_method: "farthest",
    base_model: join(models, "base"),
    models: [{ model: join(models, "reverse") }, { model: join(models, "sort") }],
    parameters: { scale: 0.5 },
  },
  { out: "out/custom_method", overwrite: true, methods: [farthest] },
);
const [first] = openModel("out/custom_method").read("model.norm.weight");
console.log(`model.norm.weight begins with ${first}`);
