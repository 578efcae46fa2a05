import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { readHeaderFile } from "../../../lib/format/header.ts";
import { fileBytes, refusal, useFolder } from "../../make.ts";

const fault = vi.hoisted(() => ({ endsAt: Number.POSITIVE_INFINITY }));
vi.mock("node:fs", async (load) => {
  const real = await load<typeof import("node:fs")>();
  const readSync = (fd: number, bytes: Uint8Array, at: number, length: number, from: number) => {
    return real.readSync(fd, bytes, at, Math.max(0, Math.min(length, fault.endsAt - from)), from);
  };
  return { ...real, readSync };
});

const folder = useFolder("header-faults");

test("a file that is cut short while its header is read is told as such", async () => {
  const path = join(folder, "model.safetensors");
  writeFileSync(path, fileBytes({ w: { dtype: "F32", shape: [4] } }));
  const { header } = readHeaderFile(path);
  fault.endsAt = 20;
  const error = await refusal(() => readHeaderFile(path));
  expect(error).toMatchObject({ code: "HEADER_TRUNCATED", place: { file: path } });
  expect(error.message).toBe(`expected a header of ${header.dataStart - 8} bytes, found 12`);
});
