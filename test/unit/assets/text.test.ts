import { expect, test } from "vitest";
import { TextBytes } from "../../../lib/assets/text.ts";

test("pieces of any length become bytes, and marks in them places", () => {
  const text = new TextBytes(1);
  const pieces = ["a", "", "größer", "日本".repeat(500), "\u{1F9F6}", "z".repeat(5000)];
  const places = pieces.map((piece) => text.add(piece, [0, piece.length]));
  const ends = pieces.map((_, i) => Buffer.byteLength(pieces.slice(0, i + 1).join("")));
  expect(places).toEqual(ends.map((end, i) => [ends[i - 1] ?? 0, end]));
  expect(text.bytes().equals(Buffer.from(pieces.join("")))).toBe(true);
});
