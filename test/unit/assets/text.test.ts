import { expect, test } from "vitest";
import { TextBytes } from "../../../lib/assets/text.ts";

test("pieces of any length become bytes, and say whether they are ASCII", () => {
  const text = new TextBytes(1);
  const pieces = ["a", "", "größer", "日本".repeat(500), "\u{1F9F6}", "z".repeat(5000)];
  const plain = pieces.map((piece) => text.add(piece));
  expect(plain).toEqual([true, true, false, false, false, true]);
  const want = Buffer.from(pieces.join(""));
  expect(text.length).toBe(want.length);
  expect(text.bytes().equals(want)).toBe(true);
});
