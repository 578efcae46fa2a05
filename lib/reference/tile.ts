import type { FloatDtype } from "../format/dtype.ts";
import { decode } from "./codec.ts";

/** Decoded elements, as numbers and as the bits they are made of: two views of one memory. */
export interface Tile {
  values: Float32Array<ArrayBuffer>;
  bits: Uint32Array<ArrayBuffer>;
}

export function makeTile(length: number): Tile {
  const values = new Float32Array(length);
  return { values, bits: new Uint32Array(values.buffer) };
}

export function decodeTile(dtype: FloatDtype, from: Uint8Array, count: number): Tile {
  const tile = makeTile(count);
  decode(dtype, from, 0, tile.bits);
  return tile;
}
