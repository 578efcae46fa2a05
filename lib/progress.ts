/** How far a merge is, as a callback and as an async iterator. */

export interface Progress {
  /** Bytes of output tensors finished, and how many there will be. */
  bytesDone: number;
  bytesTotal: number;
  /** A tensor being worked on. */
  tensor: string;
}

/**
 * A promise whose progress can be iterated over: the newest when the loop asks again, the last
 * always. The loop ends with the work, and throws what the work throws; leaving it early cancels
 * nothing, which is what an AbortSignal is for.
 * @example
 * const run = merge("ties.yml", { out: "merged" });
 * for await (const { bytesDone, bytesTotal } of run) console.log(bytesDone / bytesTotal);
 * const { seconds } = await run;
 */
export interface Watched<T> extends Promise<T>, AsyncIterable<Progress> {}

type Listener = (progress: Progress) => void;

/** Starts work that tells its progress; `also` is told too, and what it throws reaches the work. */
export function watch<T>(
  start: (tell: Listener) => Promise<T>,
  also: Listener | undefined,
): Watched<T> {
  const listeners = new Set<Listener>();
  let newest: Progress | undefined;
  const promise = start((progress) => {
    newest = progress;
    also?.(progress);
    for (const listener of listeners) listener(progress);
  });
  const iterate = () => iterateOver(promise, listeners, newest);
  return Object.assign(promise, { [Symbol.asyncIterator]: iterate });
}

async function* iterateOver(
  promise: Promise<unknown>,
  listeners: Set<Listener>,
  first: Progress | undefined,
): AsyncGenerator<Progress, void, void> {
  let next = first;
  let ended = false;
  let wake = () => {};
  const listener: Listener = (progress) => {
    next = progress;
    wake();
  };
  const settled = promise.finally(() => {
    ended = true;
    wake();
  });
  // Thrown by the loop, or awaited by those who left it.
  settled.catch(() => {});
  listeners.add(listener);
  try {
    for (;;) {
      const progress = next;
      next = undefined;
      if (progress !== undefined) yield progress;
      else if (ended) break;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    await settled;
  } finally {
    listeners.delete(listener);
  }
}
