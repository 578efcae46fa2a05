/** Whether two tensors hold the same bytes, read in pieces. */
import { readSpan, withRegularFile } from "./file.ts";
import type { Model } from "./model.ts";
import type { ModelTensor } from "./tensors.ts";

/** Bytes compared at first, which tells most tensors apart, and then at a time. */
const FIRST = 2 ** 20;
const CHUNK = 2 ** 24;

/** Both tensors must have as many bytes. */
export function sameBytes(a: Model, of: ModelTensor, b: Model, and: ModelTensor): boolean {
  return withRegularFile(a.files[of.file].path, (left) => {
    return withRegularFile(b.files[and.file].path, (right) => same(left, right, of, and));
  });
}

function same(left: number, right: number, a: ModelTensor, b: ModelTensor): boolean {
  for (let at = 0; at < a.bytes; ) {
    const length = Math.min(at === 0 ? FIRST : CHUNK, a.bytes - at);
    const bytes = readSpan(left, a.offset + at, length);
    if (bytes.length < length) return false;
    if (!bytes.equals(readSpan(right, b.offset + at, length))) return false;
    at += length;
  }
  return true;
}
