import { truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "../../../lib/format/model.ts";
import { sameBytes } from "../../../lib/format/same_bytes.ts";
import { makeModel, useFolder } from "../../make.ts";

const folder = useFolder("same-bytes");
const SIZE = 2 ** 20 + 3;

function model(name: string, at?: number) {
  const bytes = new Uint8Array(SIZE);
  if (at !== undefined) bytes[at] = 1;
  return openModel(makeModel(join(folder, name), { w: { dtype: "U8", shape: [SIZE], bytes } }));
}

const zeros = model("zeros");
const same = (other: ReturnType<typeof model>) => {
  return sameBytes(zeros, zeros.tensors.get("w")!, other, other.tensors.get("w")!);
};

test("tensors are compared to their last byte, in pieces", () => {
  expect(same(model("equal"))).toBe(true);
  expect(same(model("first", 0))).toBe(false);
  expect(same(model("last", SIZE - 1))).toBe(false);
});

test("a file that has become shorter is not the same, on either side", () => {
  const cut = model("cut");
  truncateSync(cut.files[0].path, cut.files[0].size - 1);
  expect(same(cut)).toBe(false);
  const [of, and] = [cut.tensors.get("w")!, zeros.tensors.get("w")!];
  expect(sameBytes(cut, of, zeros, and)).toBe(false);
});
