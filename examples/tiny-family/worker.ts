import { parentPort, workerData } from "node:worker_threads";
import { loadCheckpoint } from "./checkpoint.ts";
import { evaluate } from "./evaluate.ts";

parentPort?.postMessage(evaluate(loadCheckpoint(workerData.folder), workerData.questions));
