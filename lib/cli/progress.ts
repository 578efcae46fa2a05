import { createRequire } from "node:module";
import { printable } from "../errors.ts";
import { formatBytes } from "../plan/explain.ts";
import type { Progress } from "../progress.ts";
import type { Streams } from "./run.ts";

export interface Shown {
  update(progress: Progress): void;
  stop(): void;
}

/** Seconds between two plain lines. */
const LINE_EVERY = 2;

/** A bar on a terminal, plain lines elsewhere, nothing when quiet. */
export function showProgress(quiet: boolean, streams: Streams): Shown {
  if (quiet) return { update: () => {}, stop: () => {} };
  return process.stderr.isTTY ? bar() : lines(streams);
}

function speedOf(bytes: number, started: number): string {
  const seconds = Math.max(1e-3, (performance.now() - started) / 1000);
  return `${(bytes / seconds / 1e9).toFixed(2)} GB/s`;
}

function bar(): Shown {
  const require = createRequire(import.meta.url);
  const { SingleBar, Presets } = require("cli-progress") as typeof import("cli-progress");
  const format = "{bar} {percentage}% | {done} of {all} | {speed} | {eta_formatted} | {tensor}";
  const shown = new SingleBar(
    { format, hideCursor: true, clearOnComplete: true },
    Presets.shades_grey,
  );
  const started = performance.now();
  let running = false;
  return {
    update({ bytesDone, bytesTotal, tensor }) {
      const fields = {
        done: formatBytes(bytesDone),
        all: formatBytes(bytesTotal),
        speed: speedOf(bytesDone, started),
        tensor: printable(tensor),
      };
      if (!running) shown.start(bytesTotal, bytesDone, fields);
      else shown.update(bytesDone, fields);
      running = true;
    },
    stop() {
      if (running) shown.stop();
      running = false;
    },
  };
}

function lines(streams: Streams): Shown {
  const started = performance.now();
  let last = Number.NEGATIVE_INFINITY;
  return {
    update({ bytesDone, bytesTotal, tensor }) {
      const now = performance.now();
      if (now - last < LINE_EVERY * 1000 && bytesDone < bytesTotal) return;
      last = now;
      const percent = bytesTotal === 0 ? 100 : Math.floor((100 * bytesDone) / bytesTotal);
      const amount = `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
      streams.error(`${percent}% ${amount} ${speedOf(bytesDone, started)} ${printable(tensor)}`);
    },
    stop() {},
  };
}
