/** Options of mergekit's command line that have no meaning here: accepted, and explained once. */
import { MergeError } from "../errors.ts";
import type { Parsed } from "./options.ts";

/** Why options have no effect, and which they are; those in `texts` take a value. */
const REASONS: readonly { why: string; flags: readonly string[]; texts?: readonly string[] }[] = [
  {
    why: "memory is bounded and all GPUs are used as it is",
    flags: ["low-cpu-memory", "read-to-gpu", "multi-gpu", "gpu-rich"],
  },
  { why: "tensors decide what fits, not architectures", flags: ["allow-crimes"] },
  { why: "no code of a model is run", flags: ["trust-remote-code"] },
  { why: "only safetensors is read and written", flags: ["lazy-unpickle", "safe-serialization"] },
  {
    why: "all threads write, each tensor once",
    flags: ["clone-tensors", "async-write"],
    texts: ["write-threads"],
  },
  {
    why: "LoRA adapters are not merged on loading yet",
    flags: [],
    texts: ["lora-merge-cache", "lora-merge-dtype"],
  },
  { why: "there are no levels of logging", flags: ["verbose"] },
];

type OptionSpec = { type: "boolean" | "string"; short?: string };

/** Declarations of these options for the parser. */
export const MERGEKIT_OPTIONS: Readonly<Record<string, OptionSpec>> = Object.fromEntries(
  REASONS.flatMap(({ flags, texts = [] }) => [
    ...flags.map((name): [string, OptionSpec] => {
      return [name, name === "verbose" ? { type: "boolean", short: "v" } : { type: "boolean" }];
    }),
    ...texts.map((name): [string, OptionSpec] => [name, { type: "string" }]),
  ]),
);

/**
 * One line about the options among these that have no effect; undefined when there are none.
 * @throws MergeError UNSUPPORTED for --no-safe-serialization, which asks for another format
 */
export function explainIgnored(values: Parsed["values"]): string | undefined {
  if (values["safe-serialization"] === false) {
    const message =
      "--no-safe-serialization asks for PyTorch files, and only safetensors is written";
    throw new MergeError("UNSUPPORTED", message, { hint: "leave it out" });
  }
  const parts = REASONS.flatMap(({ why, flags, texts = [] }) => {
    const given = [...flags, ...texts].filter((name) => values[name] !== undefined);
    const shown = given.map((name) => `--${values[name] === false ? "no-" : ""}${name}`);
    return shown.length === 0 ? [] : [`${shown.join(", ")} (${why})`];
  });
  return parts.length === 0 ? undefined : `without effect here: ${parts.join("; ")}`;
}
