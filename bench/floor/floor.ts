/** The plain programs of floor.cpp, compiled for this machine and kept running. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { ROOT } from "../places.ts";

const SOURCE = join(ROOT, "bench/floor/floor.cpp");
const PROGRAM = join(ROOT, "build-bench/floor/floor");
const FLAGS = ["-std=c++17", "-O3", "-march=native", "-pthread"];

function build(): void {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return;
  execFileSync(process.env.CXX ?? "g++", [...FLAGS, SOURCE, "-o", PROGRAM], { stdio: "inherit" });
}

/** How files are read and written; the defaults were the fastest of all that were tried. */
export interface FilePath {
  read: "pread" | "mmap" | "ahead" | "populate" | "skip";
  write: "pwrite" | "mmap" | "skip";
  reserve: boolean;
}

export const BEST: FilePath = { read: "pread", write: "pwrite", reserve: false };

export class Floor {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    build();
    this.#child = spawn(PROGRAM, { stdio: ["pipe", "pipe", "inherit"] }) as never;
    this.#lines = createInterface(this.#child.stdout);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Seconds of a copy that reads and writes `bytes` each. */
  copy(threads: number, bytes: number): Promise<number> {
    return this.#ask("copy", threads, bytes);
  }

  /** Seconds of reading `bytes`. */
  sum(threads: number, bytes: number): Promise<number> {
    return this.#ask("sum", threads, bytes);
  }

  /** Seconds of reading `inputs` arrays and writing one, all of `bytes`. */
  map(threads: number, bytes: number, inputs: number): Promise<number> {
    return this.#ask("map", threads, bytes, inputs);
  }

  /** Seconds of reading files and writing as much as the first of them holds. */
  files(
    inputs: readonly string[],
    out: string,
    { threads, sync }: { threads: number; sync: boolean },
    { read, write, reserve }: FilePath = BEST,
  ): Promise<number> {
    const flags = [Number(reserve), Number(sync)];
    return this.#ask("files", threads, read, write, ...flags, out, ...inputs);
  }

  close(): void {
    this.#child.stdin.end();
    this.#lines.close();
  }

  async #ask(...fields: readonly (string | number)[]): Promise<number> {
    this.#child.stdin.write(`${fields.join("\t")}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the floor program stopped at ${fields.join(" ")}`);
    return Number(value);
  }
}
