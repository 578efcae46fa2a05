import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Accuracy, Question, Task } from "./evaluate.ts";

/** The accuracy of the model in a folder, found in a thread of its own. */
export async function evaluateInThread(
  folder: string,
  questions: Record<Task, readonly Question[]>,
): Promise<Accuracy> {
  const worker = new Worker(new URL("./worker.js", import.meta.url), {
    workerData: { folder, questions },
  });
  const [accuracy] = await once(worker, "message");
  return accuracy;
}
