import { run } from "../../../lib/cli/run.ts";

/** What a command line wrote, and the code it ended with. */
export interface Ended {
  code: number;
  out: string[];
  error: string[];
}

/** Runs a command line in this process, as on a machine without a terminal. */
export async function runLine(...argv: string[]): Promise<Ended> {
  const ended: Ended = { code: -1, out: [], error: [] };
  const { isTTY } = process.stderr;
  process.stderr.isTTY = false;
  try {
    ended.code = await run(argv, {
      out: (line) => ended.out.push(line),
      error: (line) => ended.error.push(line),
    });
  } finally {
    process.stderr.isTTY = isTTY;
  }
  return ended;
}

/** The one JSON document that a command wrote to its output. */
export function jsonOf({ out }: Ended) {
  return JSON.parse(out.join("\n"));
}
