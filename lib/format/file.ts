/** Regular files, opened for a moment; failures of the system become MergeErrors. */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type ErrorCode, MergeError } from "../errors.ts";

/**
 * Flags to open a file for reading at once: a pipe would wait for a writer. Windows has no
 * O_NONBLOCK, and "or" takes what is undefined for 0.
 */
export const AT_ONCE: number = constants.O_RDONLY | constants.O_NONBLOCK;

/** Throws a MergeError about a file. */
export function refuse(
  code: ErrorCode,
  message: string,
  file: string | undefined,
  hint?: string,
): never {
  throw new MergeError(code, message, { hint, place: file === undefined ? undefined : { file } });
}

/**
 * Opens a regular file for the time of `use`. Failures of the system become MergeErrors: `absent`
 * when nothing is there, NOT_A_FILE, or FILE_UNREADABLE.
 */
export function withRegularFile<T>(
  path: string,
  use: (descriptor: number, stat: BigIntStats) => T,
  absent: ErrorCode = "MODEL_NOT_FOUND",
): T {
  let descriptor = -1;
  try {
    descriptor = openSync(path, AT_ONCE);
    const stat = fstatSync(descriptor, { bigint: true });
    if (!stat.isFile()) refuseKind(path);
    return use(descriptor, stat);
  } catch (cause) {
    throw systemFault(cause, path, absent);
  } finally {
    if (descriptor !== -1) closeRead(descriptor);
  }
}

/** Closes a file that was only read: what was read is none the worse when closing fails. */
export function closeRead(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch {
    // The system has released the descriptor all the same.
  }
}

/** All bytes of a regular file; failures as of `withRegularFile`. */
export function readRegularFile(path: string): Buffer {
  return withRegularFile(path, (descriptor, { size }) => readSpan(descriptor, 0, Number(size)));
}

/** Up to `length` bytes from `offset`; fewer only where the file ends. */
export function readSpan(descriptor: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let done = 0;
  while (done < length) {
    const got = readSync(descriptor, bytes, done, length - done, offset + done);
    if (got === 0) break;
    done += got;
  }
  return bytes.subarray(0, done);
}

/** The error to throw for a system call's failure; other errors pass as they are. */
export function systemFault(cause: unknown, path: string, absent: ErrorCode): unknown {
  if (!(cause instanceof Error) || !("syscall" in cause) || !("code" in cause)) return cause;
  const place = { file: path };
  const found = String(cause.code);
  if (found === "ENOENT" || found === "ENOTDIR") {
    return new MergeError(absent, "expected a file, found nothing", { place, cause });
  }
  if (found === "EISDIR" || found === "ENXIO" || found === "EOPNOTSUPP") {
    const message = `expected a regular file, found something else (${found})`;
    return new MergeError("NOT_A_FILE", message, { place, cause });
  }
  const message = `expected a readable file, found that ${cause.syscall} fails with ${found}`;
  return new MergeError("FILE_UNREADABLE", message, { place, cause });
}

function refuseKind(path: string): never {
  const message = "expected a regular file, found a directory, pipe or device";
  return refuse("NOT_A_FILE", message, path);
}
