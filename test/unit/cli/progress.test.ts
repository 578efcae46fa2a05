import { afterEach, describe, expect, test, vi } from "vitest";
import { showProgress } from "../../../lib/cli/progress.ts";

const { isTTY } = process.stderr;

afterEach(() => {
  process.stderr.isTTY = isTTY;
  vi.restoreAllMocks();
});

const at = (bytesDone: number, bytesTotal: number) => ({
  bytesDone,
  bytesTotal,
  tensor: "w\u001b",
});

function linesOf(...updates: readonly (readonly [done: number, total: number])[]): string[] {
  process.stderr.isTTY = false;
  const seen: string[] = [];
  const shown = showProgress(false, { out: () => {}, error: (line) => seen.push(line) });
  for (const [done, total] of updates) shown.update(at(done, total));
  shown.stop();
  return seen.map((line) => line.replace(/[\d.]+ GB\/s/, "SPEED"));
}

describe("without a terminal", () => {
  test("a line comes at once, then not more often than every two seconds, and at the end", () => {
    expect(linesOf([0, 4000], [1000, 4000], [2000, 4000], [4000, 4000])).toEqual([
      "0% 0 B of 4.00 kB SPEED w\\u001b",
      "100% 4.00 kB of 4.00 kB SPEED w\\u001b",
    ]);
  });

  test("what has no bytes is done", () => {
    expect(linesOf([0, 0])).toEqual(["100% 0 B of 0 B SPEED w\\u001b"]);
  });
});

describe("on a terminal", () => {
  function written(use: (shown: ReturnType<typeof showProgress>) => void): string {
    process.stderr.isTTY = true;
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const error = vi.fn();
    use(showProgress(false, { out: () => {}, error }));
    expect(error).not.toHaveBeenCalled();
    return write.mock.calls.map(([text]) => String(text)).join("");
  }

  test("a bar shows how far it is, and goes when it ends", () => {
    const text = written((shown) => {
      shown.update(at(0, 4000));
      shown.update(at(2000, 4000));
      shown.stop();
      shown.stop();
    });
    expect(text).toContain("0% | 0 B of 4.00 kB");
    expect(text).not.toContain("w\u001b");
  });

  test("a bar that was never told anything writes nothing", () => {
    expect(written((shown) => shown.stop())).toBe("");
  });
});

test("quiet says nothing anywhere", () => {
  process.stderr.isTTY = true;
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const shown = showProgress(true, { out: () => {}, error: () => {} });
  shown.update(at(0, 1));
  shown.stop();
  expect(write).not.toHaveBeenCalled();
});
