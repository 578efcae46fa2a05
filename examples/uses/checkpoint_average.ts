/** The mean of checkpoints of one training, as in "model soups": linear with equal weights. */
import { join } from "node:path";
import { merge, openModel } from "weightloom";

// Stand for three checkpoints; any number up to 256 will do.
const models = join(import.meta.dirname, "../../examples/models");
const checkpoints = ["reverse", "sort", "add"].map((name) => join(models, name));

await merge(
  {
    merge_method: "linear",
    models: checkpoints.map((model) => ({ model })),
    parameters: { weight: 1 },
  },
  { out: "out/checkpoint_average", overwrite: true },
);

const name = "model.norm.weight";
const values = checkpoints.map((path) => openModel(path).read(name)[0]);
console.log(`mean of ${values.join(", ")}: ${openModel("out/checkpoint_average").read(name)[0]}`);
