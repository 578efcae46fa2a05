/** What a suite is made of. */
import type { Goal } from "./goals.ts";

/** Something to measure, as a rule in seconds; it times itself, so that it can clean up after. */
export type Side = () => number | Promise<number>;

/** What the sides gave in one round, by their names. */
export type Round = Readonly<Record<string, number>>;

/** A number to report of every round; a record keeps its median and its spread. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  of(round: Round): number;
  readonly goal?: Goal | undefined;
}

/** Sides that take turns, round after round, so that what disturbs one disturbs all. */
export interface Case {
  readonly name: string;
  readonly sides: Readonly<Record<string, Side>>;
  readonly figures: readonly Figure[];
  /** Runs once before the rounds, warms up, and throws when an answer is wrong. */
  check(): void | Promise<void>;
  /** Rounds, where the case wants fewer than the options say. */
  readonly rounds?: number;
}

/** Suites make their cases one by one, so that only one holds its memory and files. */
export interface Suite {
  readonly name: string;
  readonly about: string;
  cases(bench: Bench): AsyncIterable<Case> | Iterable<Case>;
}

/** Sizes and choices of a run. */
export interface Bench {
  /** Bytes of a model. */
  readonly size: number;
  readonly rounds: number;
  readonly threads: number;
  /** Sync outputs, on both sides. */
  readonly sync: boolean;
  readonly io: "auto" | "mmap" | "pread";
  readonly device: "cpu" | "cuda";
  /** Folder for models and outputs. */
  readonly folder: string;
  /** Methods to measure; all of the table by default. */
  readonly methods: readonly string[];
}
