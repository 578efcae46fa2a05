import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Checkpoint } from "./checkpoint.ts";

/** The tasks; each has an expert of the same name. */
export const TASKS = ["reverse", "sort", "add"] as const;

export type Task = (typeof TASKS)[number];

/** A prompt and the one right answer. */
export interface Question {
  prompt: string;
  answer: string;
}

/** The share of right answers in each task. */
export type Accuracy = Record<Task, number>;

/** Reads the first `count` questions of every task from a folder of `.jsonl` files. */
export function readQuestions(folder: string, count = Infinity): Record<Task, Question[]> {
  const read = (task: Task): Question[] => {
    const lines = readFileSync(join(folder, `${task}.jsonl`), "utf8")
      .trimEnd()
      .split("\n");
    return lines.slice(0, count).map((line) => JSON.parse(line));
  };
  return { reverse: read("reverse"), sort: read("sort"), add: read("add") };
}

/**
 * The share of questions that greedy decoding answers exactly, `<eos>` included. A continuation
 * ends at its first wrong token.
 */
export function accuracy({ llama, tokenizer }: Checkpoint, questions: readonly Question[]): number {
  const prompts = questions.map(({ prompt }) => tokenizer.encode(prompt));
  const answers = questions.map(({ answer }) => [...tokenizer.characters(answer), tokenizer.eos]);
  const isRight = (i: number, continuation: readonly number[]) =>
    continuation.at(-1) === answers[i][continuation.length - 1];
  const continuations = llama.greedy(
    prompts,
    (i, continuation) => isRight(i, continuation) && continuation.length < answers[i].length,
  );
  const right = continuations.filter(
    (continuation, i) => isRight(i, continuation) && continuation.length === answers[i].length,
  );
  return right.length / questions.length;
}

/** The accuracy of a model in every task. */
export function evaluate(
  checkpoint: Checkpoint,
  questions: Record<Task, readonly Question[]>,
): Accuracy {
  return {
    reverse: accuracy(checkpoint, questions.reverse),
    sort: accuracy(checkpoint, questions.sort),
    add: accuracy(checkpoint, questions.add),
  };
}

/** How much of the experts' skill a model has: accuracy over the task's own expert's, averaged. */
export function retention(model: Accuracy, experts: Accuracy): number {
  const shares = TASKS.map((task) => model[task] / experts[task]);
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
