import { MergeError, printable } from "./errors.ts";
import { isFloatDtype } from "./format/dtype.ts";
import { readSpan, withRegularFile } from "./format/file.ts";
import { type Model, openModel as openHeaders } from "./format/model.ts";
import { decodeTile } from "./reference/tile.ts";

/** An opened model whose tensors can be read; `using` closes it. */
export interface OpenedModel extends Model, Disposable {
  /** Stored bytes of a tensor. @throws MergeError MISSING_TENSOR */
  bytes(name: string): Uint8Array;
  /** A tensor of a float dtype, decoded to binary32. @throws MergeError DTYPE_UNSUPPORTED */
  read(name: string): Float32Array;
  /** Ends reading: `bytes` and `read` are refused from here on. May be called again. */
  close(): void;
}

/**
 * Opens a model: a `.safetensors` file, or a folder with one or with shards and their index.
 * Only headers are read; no file stays open.
 * @throws MergeError MODEL_NOT_FOUND, or the code of the first rule that a file breaks
 * @example
 * using model = openModel("models/a");
 * const w = model.read("model.norm.weight");
 */
export function openModel(path: string): OpenedModel {
  const model = openHeaders(path);
  let closed = false;
  const close = () => {
    closed = true;
  };
  const find = (name: string) => {
    if (closed) throw new MergeError("ARGUMENT", `${printable(path)} has been closed`);
    const tensor = model.tensors.get(name);
    if (tensor !== undefined) return tensor;
    throw new MergeError("MISSING_TENSOR", `${printable(path)} has no tensor ${printable(name)}`);
  };
  const bytes = (name: string) => {
    const { file, offset, bytes: length } = find(name);
    return readBytes(model.files[file].path, offset, length);
  };
  const read = (name: string) => {
    const { dtype, count } = find(name);
    if (!isFloatDtype(dtype)) {
      throw new MergeError(
        "DTYPE_UNSUPPORTED",
        `${printable(name)} is ${dtype}, not a float dtype`,
      );
    }
    return decodeTile(dtype, bytes(name), count).values;
  };
  return { ...model, bytes, read, close, [Symbol.dispose]: close };
}

function readBytes(path: string, offset: number, length: number): Uint8Array {
  return withRegularFile(path, (descriptor) => {
    const bytes = readSpan(descriptor, offset, length);
    if (bytes.length === length) return bytes;
    throw new MergeError("FILE_TRUNCATED", `${printable(path)} ends early`);
  });
}
