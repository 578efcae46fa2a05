/** Reads `weightloom.manifest.json` back: strictly, for a manifest may come from a stranger. */
import { join } from "node:path";
import { MergeError, printable } from "../errors.ts";
import { DTYPES, type Dtype, isDtype } from "../format/dtype.ts";
import { readRegularFile } from "../format/file.ts";
import { checkShardName } from "../format/shards.ts";
import type { Operation, Trim } from "../plan/types.ts";
import { MANIFEST } from "./manifest.ts";
import { isOperation } from "./recorded_operation.ts";

/** One tensor of an output, as its merge recorded it. */
export interface ManifestTensor {
  tensor: string;
  dtype: Dtype;
  shape: readonly number[];
  /** Elements, the product of the shape. */
  count: number;
  /** File of the output, and the absolute byte offset there. */
  shard: string;
  offset: number;
  /** XXH64 over the digests of its blocks, 16 hexadecimal digits. */
  digest: string;
  operation: Operation;
  inputs: readonly {
    model: number;
    source: number;
    tensor: string;
    dtype: Dtype;
    offset: number;
  }[];
}

/** What a merge recorded of itself. */
export interface Manifest {
  /** Version of weightloom that merged. */
  version: string;
  planHash: string;
  method: string;
  seed: string;
  /** Where random numbers came from, when it was not Philox. */
  random?: "torch-cpu";
  /** Files that were read, at the paths where they were. */
  inputs: readonly { path: string; size: number; headerHash: string }[];
  outputs: readonly { name: string; size: number }[];
  tensors: readonly ManifestTensor[];
  trims?: readonly Trim[];
  models: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads values out of a manifest; what does not fit is refused with its path in the document. */
class Reader {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  refuse(path: string, expected: string): never {
    const message = `${MANIFEST}: expected ${printable(path)} to be ${expected}`;
    throw new MergeError("MANIFEST", message, { place: { file: this.#file, path } });
  }

  fields(value: unknown, path: string): Fields {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Fields;
    }
    return this.refuse(path, "an object");
  }

  list<T>(value: unknown, path: string, read: (item: unknown, path: string) => T): T[] {
    if (!Array.isArray(value)) return this.refuse(path, "a list");
    return value.map((item, i) => read(item, `${path}[${i}]`));
  }

  text(value: unknown, path: string): string {
    return typeof value === "string" ? value : this.refuse(path, "a text");
  }

  count(value: unknown, path: string): number {
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
    return fits ? value : this.refuse(path, "a non-negative integer");
  }

  seed(value: unknown): string {
    const text = this.text(value, "recipe.seed");
    return /^\d{1,20}$/.test(text) ? text : this.refuse("recipe.seed", "an integer");
  }

  random(value: unknown): { random?: "torch-cpu" } {
    if (value === undefined) return {};
    if (value === "torch-cpu") return { random: value };
    return this.refuse("recipe.random", "torch-cpu, or not there");
  }

  dtype(value: unknown, path: string): Dtype {
    const name = this.text(value, path);
    return isDtype(name) ? name : this.refuse(path, "a dtype");
  }

  shard(value: unknown, path: string): string {
    const name = this.text(value, path);
    checkShardName(name, this.#file);
    return name;
  }
}

/**
 * Reads the manifest in a folder that a merge wrote.
 * @throws MergeError MANIFEST when there is none, or when it is not what a merge writes
 */
export function readManifest(folder: string): Manifest {
  const file = join(folder, MANIFEST);
  const read = new Reader(file);
  const top = read.fields(parse(file, read), "the document");
  if (top.format !== 1) read.refuse("format", "1, the only one this version knows");
  const recipe = read.fields(top.recipe, "recipe");
  const paths = read.fields(top.paths, "paths");
  const known = read.list(paths.inputs, "paths.inputs", (item, at) => read.text(item, at));
  const inputs = read.list(top.inputs, "inputs", (item, at) => {
    const { size, headerHash } = read.fields(item, at);
    return { size: read.count(size, at), headerHash: read.text(headerHash, at) };
  });
  if (known.length !== inputs.length) read.refuse("paths.inputs", `${inputs.length} paths`);
  const outputs = read.list(top.outputs, "outputs", (item, at) => {
    const { name, size } = read.fields(item, at);
    return { name: read.shard(name, at), size: read.count(size, at) };
  });
  const files = { sources: inputs.length, shards: new Set(outputs.map(({ name }) => name)) };
  const tensors = Object.entries(read.fields(top.tensors, "tensors"));
  return {
    version: read.text(top.weightloom, "weightloom"),
    planHash: read.text(top.plan, "plan"),
    method: read.text(recipe.method, "recipe.method"),
    seed: read.seed(recipe.seed),
    ...read.random(recipe.random),
    inputs: inputs.map((input, i) => ({ path: known[i], ...input })),
    outputs,
    tensors: tensors.map(([name, value]) => readTensor(name, value, files, read)),
    ...(top.trims === undefined ? {} : { trims: readTrims(top.trims, read) }),
    models: read.list(paths.models, "paths.models", (item, at) => read.text(item, at)),
  };
}

function parse(file: string, read: Reader): unknown {
  let bytes: Uint8Array;
  try {
    bytes = readRegularFile(file);
  } catch (cause) {
    throw new MergeError("MANIFEST", `${printable(file)}: ${(cause as Error).message}`, {
      hint: "give the folder that weightloom wrote",
      cause,
    });
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return read.refuse("the document", "JSON");
  }
}

function readTrims(value: unknown, read: Reader): Trim[] {
  return read.list(value, "trims", (item, at) => {
    const { model, count, keep } = read.fields(item, at);
    return {
      model: read.count(model, at),
      count: read.count(count, at),
      keep: read.count(keep, at),
    };
  });
}

/** What tensors may name: so many inputs, and the files of the output. */
interface Files {
  sources: number;
  shards: ReadonlySet<string>;
}

function readTensor(
  name: string,
  value: unknown,
  { sources, shards }: Files,
  read: Reader,
): ManifestTensor {
  const at = `tensors.${name}`;
  const fields = read.fields(value, at);
  const shape = read.list(fields.shape, `${at}.shape`, (axis, where) => read.count(axis, where));
  const digest = read.text(fields.digest, `${at}.digest`);
  if (!/^[0-9a-f]{16}$/.test(digest)) read.refuse(`${at}.digest`, "16 hexadecimal digits");
  const inputs = read.list(fields.inputs, `${at}.inputs`, (item, where) => {
    const input = read.fields(item, where);
    const source = read.count(input.source, where);
    if (source >= sources) read.refuse(where, "from one of the inputs");
    return {
      model: read.count(input.model, where),
      source,
      tensor: read.text(input.tensor, where),
      dtype: read.dtype(input.dtype, where),
      offset: read.count(input.offset, where),
    };
  });
  const { operation } = fields;
  if (!isOperation(operation, inputs.length)) {
    return read.refuse(`${at}.operation`, "an operation over its inputs");
  }
  const dtype = read.dtype(fields.dtype, `${at}.dtype`);
  const shard = read.text(fields.shard, `${at}.shard`);
  if (!shards.has(shard)) read.refuse(`${at}.shard`, "one of the outputs");
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (!Number.isSafeInteger(count * DTYPES[dtype].bits)) read.refuse(`${at}.shape`, "smaller");
  return {
    tensor: name,
    dtype,
    shape,
    count,
    shard,
    offset: read.count(fields.offset, `${at}.offset`),
    digest,
    operation,
    inputs,
  };
}
