import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "../../../lib/format/model.ts";
import { Readings } from "../../../lib/format/readings.ts";
import { makeLlama, useFolder } from "../../make.ts";

const folder = useFolder("readings");

test.each([1, 3])("models of one family share what was read of their %i files", (shards) => {
  const [a, b] = [1, 2].map((seed) => {
    return makeLlama(join(folder, `${shards}-${seed}`), { seed }, { shards });
  });
  const readings = new Readings();
  const [first, second] = [a, b].map((path) => openModel(path, readings));
  expect(second.tensors).toBe(first.tensors);
  expect(second.files.map(({ path }) => path)).not.toEqual(first.files.map(({ path }) => path));
  const other = openModel(
    makeLlama(join(folder, `${shards}-other`), { hidden: 16 }, { shards }),
    readings,
  );
  expect(other.tensors).not.toBe(first.tensors);
});
