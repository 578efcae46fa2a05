import { readFileSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { KeptFile } from "../../../lib/reference/kept_file.ts";
import { refusal, useFolder } from "../../make.ts";

const folder = useFolder("kept-file");

function file(name: string, text = "text"): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function textOf(kept: KeptFile): string {
  return kept.with((descriptor) => {
    const bytes = Buffer.alloc(4);
    readSync(descriptor, bytes, 0, 4, 0);
    return bytes.toString();
  });
}

/** Holds as many files as keep their descriptor, so that the next does not. */
function withoutRoom<T>(body: () => T): T {
  const path = file("filler");
  const fillers = Array.from({ length: 20 }, () => new KeptFile(path, "r"));
  try {
    return body();
  } finally {
    for (const each of fillers) each.release();
  }
}

test("a file can be used as often as wanted, kept or not", () => {
  const path = file("a");
  const both = [new KeptFile(path, "r"), withoutRoom(() => new KeptFile(path, "r"))];
  for (const kept of both) {
    expect(textOf(kept)).toBe("text");
    expect(textOf(kept)).toBe("text");
    kept.release();
    expect(textOf(kept)).toBe("text");
  }
});

test("one that is opened again is the one that was opened first", async () => {
  const path = file("b");
  const kept = withoutRoom(() => new KeptFile(path, "r"));
  renameSync(path, `${path}-before`);
  file("b", "else");
  expect((await refusal(() => textOf(kept))).code).toBe("INPUT_CHANGED");
  rmSync(path);
  expect((await refusal(() => textOf(kept))).code).toBe("MODEL_NOT_FOUND");
});

test("an output is written, synced and closed, kept or not", () => {
  for (const name of ["c", "d"]) {
    const path = file(name);
    const make = () => new KeptFile(path, "r+");
    const kept = name === "c" ? make() : withoutRoom(make);
    kept.with((descriptor) => writeSync(descriptor, "more", 0));
    kept.sync();
    kept.finish();
    kept.finish();
    expect(readFileSync(path, "utf8")).toBe("more");
  }
});

test("an output that cannot be written says so", async () => {
  const missing = () => new KeptFile(join(folder, "missing"), "r+");
  expect((await refusal(missing)).code).toBe("WRITE_FAILED");
  const kept = new KeptFile(file("e"), "r+");
  const thrown = new Error("from the user");
  expect(() =>
    kept.with(() => {
      throw thrown;
    }),
  ).toThrow(thrown);
  kept.release();
});
