/** All output tensors of one body, before alignment. */
import { type Problem, printable, problem } from "../errors.ts";
import { layerCounts, type Slice, type Wanted, wantLayers, wantOutside } from "./layers.ts";
import type { Scope } from "./modules.ts";

/** Output tensors of the slices of one body; what cannot be told apart becomes a problem. */
export function want(slices: readonly Slice[], scope: Scope, problems: Problem[]): Wanted[] {
  const prefixes = new Set<string>();
  for (const { sources } of slices) {
    for (const { model } of sources) {
      for (const prefix of layerCounts(model, scope).keys()) prefixes.add(prefix);
    }
  }
  const cut = slices.some(({ sources }) => sources.some(({ range }) => range !== null));
  if (cut && prefixes.size > 1) {
    const found = [...prefixes].map((prefix) => printable(`${prefix}N`)).join(", ");
    const message = `slices need one series of layers; the models have ${found}`;
    problems.push(problem("UNSUPPORTED", message, "give each its own entry under `modules:`"));
    return [];
  }
  if (!cut && !sameDepths(slices, scope, problems)) return [];
  const wanted: Wanted[] = [];
  for (const prefix of prefixes) {
    let start = 0;
    for (const slice of slices) {
      wantLayers(slice, prefix, start, wanted);
      const [range] = slice.sources.map((source) => source.range);
      start += range === null ? 0 : range[1] - range[0];
    }
  }
  wantOutside(slices[0], slices[slices.length - 1], scope, wanted);
  return wanted;
}

/** Whole models must have the same number of layers; false when a problem was reported. */
function sameDepths(slices: readonly Slice[], scope: Scope, problems: Problem[]): boolean {
  const before = problems.length;
  for (const { sources } of slices) {
    const depths = sources.map(({ model }) =>
      [...layerCounts(model, scope).values()].join(" and "),
    );
    const odd = depths.findIndex((depth) => depth !== depths[0]);
    if (odd < 0) continue;
    const [a, b] = [sources[0], sources[odd]].map(({ model }) => printable(model.path));
    const message = `${a} has ${depths[0]} layers, ${b} has ${depths[odd]}`;
    const hint = "use slices to say which layers go together";
    problems.push(problem("LAYER_RANGE", message, hint, sources[odd].place));
  }
  return problems.length === before;
}
