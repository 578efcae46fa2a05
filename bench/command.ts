/** The command line tool as a user starts it. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { CLI } from "./places.ts";

export function startMerge(recipe: string, out: string, ...options: string[]): ChildProcess {
  rmSync(out, { recursive: true, force: true });
  const args = [CLI, "merge", recipe, out, ...options];
  return spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** Waits for the end of a program. @throws when it fails */
export function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${child.spawnargs.join(" ")}: exit code ${code}`));
    });
  });
}

/** Seconds until the program prints its first line to stderr; then it is left to end. */
export async function firstLine(start: () => ChildProcess): Promise<number> {
  const started = performance.now();
  const child = start();
  const finished = ended(child);
  const seconds = await new Promise<number>((resolve, reject) => {
    child.stderr?.once("data", () => resolve((performance.now() - started) / 1000));
    finished.then(() => reject(new Error("it printed nothing")), reject);
  });
  child.stderr?.resume();
  await finished;
  return seconds;
}

/** Seconds of a node that does nothing. */
export async function emptyNode(): Promise<number> {
  const started = performance.now();
  await ended(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }));
  return (performance.now() - started) / 1000;
}

/** The most anonymous memory, in MiB, that was seen while the program ran; on Linux only. */
export async function peakAnonymous(child: ChildProcess): Promise<number> {
  let peak = 0;
  child.stderr?.resume();
  const look = () => {
    const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
    peak = Math.max(peak, Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0));
  };
  const timer = setInterval(look, 2);
  try {
    await ended(child);
  } finally {
    clearInterval(timer);
  }
  return peak / 1024;
}
