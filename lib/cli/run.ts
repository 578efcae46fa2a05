/** From argv to a command, and from an error to an exit code. */
import { inspect } from "node:util";
import { describe, MergeError, printable } from "../errors.ts";
import { exitCodeOf } from "./exit.ts";
import { HELP, helpFor } from "./help.ts";

/** Where a command writes; stdout carries results, stderr everything else. */
export interface Streams {
  out: (line: string) => void;
  error: (line: string) => void;
}

type Command = (args: readonly string[], streams: Streams) => Promise<number>;

/** Each is loaded when it is called, because loading takes longer than most commands run. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["merge", async () => (await import("./merge.ts")).mergeCommand],
  ["plan", async () => (await import("./plan.ts")).planCommand],
  ["explain", async () => (await import("./explain.ts")).explainCommand],
  ["inspect", async () => (await import("./inspect.ts")).inspectCommand],
  ["diff", async () => (await import("./diff.ts")).diffCommand],
  ["verify", async () => (await import("./verify.ts")).verifyCommand],
  ["average", async () => (await import("./average.ts")).averageCommand],
  ["convert", async () => (await import("./convert.ts")).convertCommand],
  ["reshard", async () => (await import("./reshard.ts")).reshardCommand],
  ["doctor", async () => (await import("./doctor.ts")).doctorCommand],
]);

/** Their code is that of diff(1): 0 the same, 1 different, 2 trouble. */
const COMPARING: ReadonlySet<string> = new Set(["diff", "verify"]);

const CONSOLE: Streams = {
  out: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
};

/** Runs one command line; resolves with the exit code and never rejects. */
export async function run(argv: readonly string[], streams: Streams = CONSOLE): Promise<number> {
  const [name, ...args] = argv;
  try {
    if (name === undefined || name === "help" || name === "--help" || name === "-h") {
      streams.out(args[0] === undefined ? HELP : helpFor(args[0]));
      return name === undefined ? 2 : 0;
    }
    if (name === "--version" || name === "version") {
      streams.out((await import("../version.ts")).version);
      return 0;
    }
    const load = COMMANDS.get(name);
    if (load === undefined) {
      const { closest, distance } = await import("fastest-levenshtein");
      const near = closest(name, [...COMMANDS.keys()]);
      const known = `commands: ${[...COMMANDS.keys()].join(", ")}`;
      const meant = distance(name, near) <= Math.max(2, name.length / 2);
      const hint = meant ? `did you mean ${near}? ${known}` : known;
      throw new MergeError("ARGUMENT", `no command ${printable(name)}`, { hint });
    }
    if (args.includes("--help") || args.includes("-h")) {
      streams.out(helpFor(name));
      return 0;
    }
    const command = await load();
    return await command(args, streams);
  } catch (error) {
    const code = report(error, args.includes("--json"), streams);
    return COMPARING.has(String(name)) && code !== 130 ? 2 : code;
  }
}

function report(error: unknown, json: boolean, streams: Streams): number {
  if (!(error instanceof MergeError)) {
    streams.error(inspect(error));
    return 1;
  }
  const { code, problems } = error;
  if (json) streams.out(JSON.stringify({ error: { code, problems } }, null, 2));
  else for (const each of problems) streams.error(`error ${each.code}: ${describe(each)}`);
  return exitCodeOf(error);
}
