/**
 * Merging in a worker thread. The native engine never blocks the event loop of the thread that
 * calls it; planning, and the TypeScript reference, do. All workers share one pool of threads.
 */
import { once } from "node:events";
import { join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { merge } from "weightloom";

const models = join(import.meta.dirname, "../../examples/models");

if (isMainThread) {
  const merged = ["reverse", "sort"].map(async (name) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { name } });
    const [seconds] = await once(worker, "message");
    return `${name} in ${Number(seconds).toFixed(2)} s`;
  });
  console.log((await Promise.all(merged)).join(", "));
} else {
  const { name } = workerData;
  const { seconds } = await merge(
    {
      merge_method: "slerp",
      base_model: join(models, "base"),
      models: [{ model: join(models, "base") }, { model: join(models, name) }],
      parameters: { t: 0.5 },
    },
    { out: `out/worker-${name}`, overwrite: true },
  );
  parentPort?.postMessage(seconds);
}
