import { availableParallelism, tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { METHODS } from "../dist/methods/index.js";

export const HELP = `npm run bench -- [SUITE...] [options]

  --method NAME    only this method; may be repeated
  --runs N         rounds of every case, at least 5 for a record (default 7)
  --size MB        megabytes of a model (default 336)
  --threads N      worker threads (default: all)
  --io NAME        auto, mmap or pread
  --device NAME    cpu or cuda: of the suites merges and versus (default cpu)
  --sync           outputs are synced, on both sides
  --folder DIR     where models and outputs are written (default: the system's temporary folder)
  --json FILE      also write the results there
  --record         keep the results in bench/record
  --quick          one round of small cases: checks that everything runs`;

export interface Options {
  suites: string[];
  methods: string[];
  rounds: number;
  size: number;
  threads: number;
  io: "auto" | "mmap" | "pread";
  device: "cpu" | "cuda";
  sync: boolean;
  folder: string;
  json: string | undefined;
  record: boolean;
  quick: boolean;
}

const OPTIONS = {
  method: { type: "string", multiple: true },
  runs: { type: "string" },
  size: { type: "string" },
  threads: { type: "string" },
  io: { type: "string", default: "auto" },
  device: { type: "string", default: "cpu" },
  sync: { type: "boolean", default: false },
  folder: { type: "string", default: tmpdir() },
  json: { type: "string" },
  record: { type: "boolean", default: false },
  quick: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

function positive(text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (value > 0) return value;
  throw new Error(`a number above 0 was expected, not ${text}`);
}

function oneOf(given: readonly string[], known: readonly string[], what: string): string[] {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return [...(given.length === 0 ? known : given)];
  throw new Error(`no ${what} ${unknown}; there are ${known.join(", ")}`);
}

/** Options of a command line, or undefined when it asks for help. */
export function readOptions(args: string[], suites: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) return undefined;
  const { io, device, quick } = values;
  if (io !== "auto" && io !== "mmap" && io !== "pread") throw new Error(`no --io ${io}`);
  if (device !== "cpu" && device !== "cuda") throw new Error(`no --device ${device}`);
  return {
    suites: oneOf(positionals, suites, "suite"),
    methods: oneOf(values.method ?? [], [...METHODS.keys()], "method"),
    rounds: Math.ceil(positive(values.runs, quick ? 1 : 7)),
    size: Math.round(positive(values.size, quick ? 0.5 : 336) * 1e6),
    threads: Math.ceil(positive(values.threads, availableParallelism())),
    io,
    device,
    sync: values.sync,
    folder: values.folder,
    json: values.json,
    record: values.record,
    quick,
  };
}
