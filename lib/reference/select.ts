/**
 * The exact k-th largest of unsigned 32-bit keys, without sorting: an element stays iff its key is
 * above the threshold, or equals it and its index is below the cut.
 */
export interface Selection {
  threshold: number;
  cut: number;
}

/** The bits of |d| as an unsigned integer, every NaN counting as 0x7FFFFFFF. */
export function magnitudeKey(bits: number): number {
  const magnitude = bits & 0x7fffffff;
  return magnitude > 0x7f800000 ? 0x7fffffff : magnitude;
}

/** Finds the selection in three passes; `passes` yields the keys of all blocks, in order. */
export function* select(
  keep: number,
  count: number,
  passes: () => Generator<Uint32Array>,
): Generator<void, Selection> {
  let room = keep;
  const high = new Float64Array(1 << 17);
  for (const keys of passes()) {
    for (const key of keys) high[key >>> 15]++;
    yield;
  }
  const top = topBin(high, room);
  room -= top.above;
  const low = new Float64Array(1 << 15);
  for (const keys of passes()) {
    for (const key of keys) if (key >>> 15 === top.bin) low[key & 0x7fff]++;
    yield;
  }
  const rest = topBin(low, room);
  room -= rest.above;
  const threshold = ((top.bin << 15) | rest.bin) >>> 0;
  if (low[rest.bin] === room) return { threshold, cut: count };
  return { threshold, cut: yield* findCut(threshold, room, passes) };
}

/** The highest bin at which the count from the top reaches `room`. */
function topBin(counts: Float64Array, room: number): { bin: number; above: number } {
  let above = 0;
  let bin = counts.length - 1;
  while (above + counts[bin] < room) above += counts[bin--];
  return { bin, above };
}

function* findCut(
  threshold: number,
  room: number,
  passes: () => Generator<Uint32Array>,
): Generator<void, number> {
  let first = 0;
  let left = room;
  for (const keys of passes()) {
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === threshold && --left === 0) return first + i + 1;
    }
    first += keys.length;
    yield;
  }
  return first;
}
