import { MergeError } from "./errors.ts";
import type { FloatDtype } from "./format/dtype.ts";

/** Arrays that can hold the stored bits of a dtype. */
export type TensorData = Float32Array | Uint16Array | Uint8Array;

/** Whether an array can hold a dtype's stored bits; bytes can hold any. */
function canHold(dtype: FloatDtype, data: unknown): data is TensorData {
  if (data instanceof Uint8Array) return true;
  return WIDTH[dtype] === 2
    ? data instanceof Uint16Array
    : dtype === "F32" && data instanceof Float32Array;
}

/** Insists on memory that neither moves nor changes hands while it is read. */
function checkBuffer(buffer: ArrayBufferLike): void {
  if (!(buffer instanceof ArrayBuffer))
    throw argument("data: a buffer that is not shared was expected");
  if ((buffer as { resizable?: boolean }).resizable === true) {
    throw argument("data: a buffer that cannot be resized was expected");
  }
  try {
    new Uint8Array(buffer);
  } catch {
    throw argument("data: a buffer that was not transferred was expected");
  }
}

/** A tensor in memory: stored bits, dtype and shape. */
export interface Tensor {
  readonly dtype: FloatDtype;
  readonly data: TensorData;
  readonly shape: readonly number[];
}

const WIDTH: Readonly<Record<FloatDtype, 1 | 2 | 4>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
};

/**
 * Describes an array as a tensor, without copying.
 *
 * @param dtype what the stored bits mean
 * @param data a Float32Array for F32; a Uint16Array for F16 and BF16; a Uint8Array of bytes for any
 * @param shape defaults to one axis
 * @throws MergeError ARGUMENT when length, dtype and shape do not fit, or the buffer is resizable
 * @example const w = tensor("BF16", new Uint16Array([0x3f80, 0x4000]), [2]);
 */
export function tensor(dtype: FloatDtype, data: TensorData, shape?: readonly number[]): Tensor {
  const width = WIDTH[checkFloatDtype(dtype)];
  if (!canHold(dtype, data)) {
    const array = width === 4 ? "Float32Array" : "Uint16Array";
    throw argument(
      `data: a ${width === 1 ? "" : `${array} or a `}Uint8Array was expected for ${dtype}`,
    );
  }
  checkBuffer(data.buffer);
  if (data.byteLength % width !== 0)
    throw argument(`data: whole elements of ${dtype} were expected`);
  const count = data.byteLength / width;
  const axes = shape ?? [count];
  if (!Array.isArray(axes)) throw argument("shape: a list of integers was expected");
  if (axes.some((axis) => !Number.isSafeInteger(axis) || axis < 0)) {
    throw argument(`shape: non-negative integers were expected, not [${axes.join(", ")}]`);
  }
  if (axes.reduce((product, axis) => product * axis, 1) !== count) {
    throw argument(`shape [${axes.join(", ")}] does not hold ${count} elements`);
  }
  return { dtype, data, shape: axes };
}

/** The dtype itself. @throws MergeError ARGUMENT unless it can be merged */
export function checkFloatDtype(dtype: FloatDtype): FloatDtype {
  if (Object.hasOwn(WIDTH, dtype)) return dtype;
  throw argument(`dtype: F32, F16, BF16, F8_E4M3 or F8_E5M2 was expected, not ${String(dtype)}`);
}

/** Elements of a tensor. */
export function elementCount(of: Tensor): number {
  return of.data.byteLength / WIDTH[of.dtype];
}

/** A new tensor of zeros. */
export function emptyTensor(dtype: FloatDtype, shape: readonly number[]): Tensor {
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (dtype === "F32") return { dtype, data: new Float32Array(count), shape };
  return {
    dtype,
    data: WIDTH[dtype] === 2 ? new Uint16Array(count) : new Uint8Array(count),
    shape,
  };
}

/** The stored bytes of a tensor, as a view. */
export function bytesOf(of: Tensor): Uint8Array {
  return new Uint8Array(of.data.buffer, of.data.byteOffset, of.data.byteLength);
}

function argument(message: string): MergeError {
  return new MergeError("ARGUMENT", message);
}
