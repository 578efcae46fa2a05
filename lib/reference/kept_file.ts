import { closeSync, fstatSync, fsyncSync, openSync } from "node:fs";
import { MergeError, printable } from "../errors.ts";
import { closeRead, systemFault } from "../format/file.ts";
import { inputChanged } from "../run/identity.ts";

/** Descriptors that are kept at once; few enough to leave room below a limit of 64. */
const MOST_KEPT = 16;
let kept = 0;

/**
 * A file that is used for as long as a work lasts. Some keep their descriptor; the others are
 * opened again for every use, so that a model of hundreds of shards needs few descriptors.
 * Failures are MergeErrors: of an input what reading says, of an output WRITE_FAILED.
 */
export class KeptFile {
  readonly path: string;
  readonly #flags: "r" | "r+";
  readonly #identity: string;
  #descriptor: number | undefined;

  constructor(path: string, flags: "r" | "r+") {
    this.path = path;
    this.#flags = flags;
    const descriptor = this.#open();
    this.#identity = identityOf(descriptor);
    if (kept < MOST_KEPT) {
      kept++;
      this.#descriptor = descriptor;
    } else {
      closeRead(descriptor);
    }
  }

  /** Calls `use` with a descriptor that is valid for the call. */
  with<T>(use: (descriptor: number) => T): T {
    if (this.#descriptor !== undefined) return use(this.#descriptor);
    const descriptor = this.#open();
    let closed = false;
    try {
      if (identityOf(descriptor) !== this.#identity) throw inputChanged(this.path);
      const result = use(descriptor);
      closed = true;
      this.#close(descriptor);
      return result;
    } finally {
      if (!closed) closeRead(descriptor);
    }
  }

  sync(): void {
    this.with((descriptor) => {
      try {
        fsyncSync(descriptor);
      } catch (cause) {
        throw this.#writeFault(cause);
      }
    });
  }

  /** Closes; only then the bytes of an output count as written. */
  finish(): void {
    const descriptor = this.#forget();
    if (descriptor !== undefined) this.#close(descriptor);
  }

  /** Lets go of the file, whatever has become of it. */
  release(): void {
    const descriptor = this.#forget();
    if (descriptor !== undefined) closeRead(descriptor);
  }

  #forget(): number | undefined {
    const descriptor = this.#descriptor;
    if (descriptor !== undefined) kept--;
    this.#descriptor = undefined;
    return descriptor;
  }

  #open(): number {
    try {
      return openSync(this.path, this.#flags);
    } catch (cause) {
      if (this.#flags === "r") throw systemFault(cause, this.path, "MODEL_NOT_FOUND");
      throw this.#writeFault(cause);
    }
  }

  #close(descriptor: number): void {
    try {
      if (this.#flags === "r") closeRead(descriptor);
      else closeSync(descriptor);
    } catch (cause) {
      throw this.#writeFault(cause);
    }
  }

  #writeFault(cause: unknown): MergeError {
    const message = `${printable(this.path)}: ${(cause as Error).message}`;
    return new MergeError("WRITE_FAILED", message, { cause });
  }
}

function identityOf(descriptor: number): string {
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return `${dev} ${ino}`;
}
