/** From argv to a command, and from an error to an exit code. */
import { describe, MergeError } from "../errors.ts";
import { exitCodeOf } from "./exit.ts";
import { explainCommand } from "./explain.ts";
import { HELP, helpFor } from "./help.ts";
import { inspectCommand } from "./inspect.ts";
import { mergeCommand } from "./merge.ts";
import { planCommand } from "./plan.ts";

/** Where a command writes; stdout carries results, stderr everything else. */
export interface Streams {
  out: (line: string) => void;
  error: (line: string) => void;
}

type Command = (args: readonly string[], streams: Streams) => Promise<number>;

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["merge", mergeCommand],
  ["plan", planCommand],
  ["explain", explainCommand],
  ["inspect", inspectCommand],
]);

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
    const command = COMMANDS.get(name);
    if (command === undefined) {
      const { closest } = await import("fastest-levenshtein");
      const near = closest(name, [...COMMANDS.keys()]);
      throw new MergeError("ARGUMENT", `no command ${name}; did you mean ${near}?`);
    }
    if (args.includes("--help") || args.includes("-h")) {
      streams.out(helpFor(name));
      return 0;
    }
    return await command(args, streams);
  } catch (error) {
    return report(error, args.includes("--json"), streams);
  }
}

function report(error: unknown, json: boolean, streams: Streams): number {
  if (!(error instanceof MergeError)) {
    streams.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  }
  const { code, problems } = error;
  if (json) streams.out(JSON.stringify({ error: { code, problems } }, null, 2));
  else for (const each of problems) streams.error(`error ${each.code}: ${describe(each)}`);
  return exitCodeOf(code);
}
