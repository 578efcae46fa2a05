import { printable } from "../errors.ts";
import { isSame, type Verification, type VerifiedTensor, verify } from "../verify.ts";
import { parse } from "./options.ts";
import type { Streams } from "./run.ts";
import { COMPUTE_OPTIONS, computeOptions, watched } from "./running.ts";

const OPTIONS = { ...COMPUTE_OPTIONS, replay: { type: "boolean" } } as const;

/** `weightloom verify OUT/`: 0 when all is as it was merged, 1 when something differs. */
export async function verifyCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["OUT/"]);
  const options = { ...computeOptions(values), replay: values.replay === true };
  const found = await watched(values, streams, (watching) => {
    return verify(positionals[0], { ...options, ...watching });
  });
  if (values.json === true) streams.out(JSON.stringify(found, null, 2));
  else for (const line of asText(found, options.replay)) streams.out(line);
  return found.same ? 0 : 1;
}

function* asText(found: Verification, replayed: boolean): Generator<string> {
  for (const { name, problem } of found.outputs) {
    if (problem !== null) yield `${printable(name)}: ${printable(problem)}`;
  }
  for (const tensor of found.tensors) {
    if (!isSame(tensor)) yield `${printable(tensor.tensor)}: ${whatDiffers(tensor)}`;
  }
  for (const { path, state } of found.inputs) {
    if (state === "changed") yield `${printable(path)}: input has another size or header now`;
    if (state === "missing") yield `${printable(path)}: input is not there, not compared`;
  }
  const { tensors, inputs } = found;
  const same = tensors.filter(isSame).length;
  const again = replayed ? ", merged again and compared" : "";
  const kept = inputs.filter(({ state }) => state === "same").length;
  yield `${same} of ${tensors.length} tensors as recorded${again}; ${kept} of ${inputs.length} inputs`;
}

function whatDiffers({ state, found, recorded, stored, replayed }: VerifiedTensor): string {
  const parts: string[] = [];
  if (state === "missing") parts.push("missing");
  else if (found !== null) parts.push(found);
  else if (stored !== recorded) parts.push(`other bytes, digest ${stored}, recorded ${recorded}`);
  if (replayed !== null && replayed !== recorded) parts.push(`merging again gives ${replayed}`);
  return parts.join("; ");
}
