import { printable } from "../errors.ts";
import { refuse } from "./file.ts";
import { JsonScanner, plainInteger } from "./json.ts";
import { nextUsualPlace } from "./usual.ts";

/** What an index file says: the shard of every tensor. */
export interface ShardIndex {
  readonly weightMap: ReadonlyMap<string, string>;
  /** `metadata.total_size`, where it is a plain integer. Many tools write it wrong. */
  readonly totalSize?: number;
}

/** Longest index that is read, in bytes. */
export const MAX_INDEX = 250_000_000;
/** Most shards of one model. */
export const MAX_SHARDS = 10_000;

const MAX_INDEX_NAMES = 4_000_000;
const MAX_NAME_BYTES = 255;
const SUFFIX = ".safetensors";

/** Names that Windows gives to devices, whatever extension follows. */
const DEVICE =
  /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i;

/**
 * Insists that a shard name is a plain file name ending in `.safetensors`, on every platform
 * alike. It looks at the text only, before any call to the file system.
 */
export function checkShardName(name: string, file?: string): void {
  const fault = shardNameFault(name);
  if (fault === undefined) return;
  const message = `expected a shard name to be a plain file name ending in ${SUFFIX}`;
  refuse("SHARD_NAME", `${message}, found "${printable(name)}", which ${fault}`, file);
}

function shardNameFault(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name === "." || name === "..") return "is a directory";
  if (/[/\\]/.test(name)) return "has a path separator";
  if (name.includes(":")) return "has a colon";
  if (/\p{Cc}/u.test(name)) return "has a control character";
  if (!name.endsWith(SUFFIX)) return "ends otherwise";
  if (DEVICE.test(name)) return "is a device on Windows";
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}

/**
 * Reads `model.safetensors.index.json`. Every shard name has passed `checkShardName`; whether the
 * shards are there, and hold what the index says, is not looked at.
 */
export function parseIndex(bytes: Uint8Array, file?: string): ShardIndex {
  checkIndexSize(bytes.length, file);
  const scanner = new JsonScanner(bytes, {
    what: "the index",
    file,
    notUtf8: "INDEX_NOT_JSON",
    notJson: "INDEX_NOT_JSON",
    tooDeep: "INDEX_TOO_LARGE",
    tooMany: "INDEX_TOO_LARGE",
    names: MAX_INDEX_NAMES,
  });
  const kind = scanner.kind();
  if (kind !== "object") {
    refuse("INDEX_SHAPE", `expected the index to be an object, found ${kind}`, file);
  }
  let weightMap: ReadonlyMap<string, string> | undefined;
  let totalSize: number | undefined;
  scanner.openObject();
  for (let key = scanner.nextName(); key !== undefined; key = scanner.nextName()) {
    if (key === "weight_map") weightMap = readWeightMap(scanner, file);
    else if (key === "metadata") totalSize = readTotalSize(scanner);
    else scanner.skip();
  }
  scanner.finish();
  if (weightMap === undefined || weightMap.size === 0) {
    const found = weightMap === undefined ? "none" : "an empty one";
    refuse("INDEX_SHAPE", `expected the index to have a weight_map, found ${found}`, file);
  }
  return totalSize === undefined ? { weightMap } : { weightMap, totalSize };
}

/** Refuses an index of more than `MAX_INDEX` bytes. */
export function checkIndexSize(size: number, file?: string): void {
  if (size <= MAX_INDEX) return;
  const message = `expected an index of at most ${MAX_INDEX} bytes, found ${size}`;
  refuse("INDEX_TOO_LARGE", message, file);
}

function readWeightMap(scanner: JsonScanner, file: string | undefined) {
  const kind = scanner.kind();
  if (kind !== "object") {
    refuse("INDEX_SHAPE", `expected weight_map to be an object, found ${kind}`, file);
  }
  const weightMap = new Map<string, string>();
  const shards = new Map<string, string>();
  scanner.openObject(weightMap);
  for (;;) {
    const place = nextUsualPlace(scanner);
    if (place !== undefined) {
      weightMap.set(place[0], intern(place[1], shards, file));
      continue;
    }
    const name = scanner.nextName();
    if (name === undefined) return weightMap;
    const found = scanner.kind();
    if (found !== "string") {
      const message = `expected weight_map to name the shard of tensor "${printable(name)}"`;
      refuse("INDEX_SHAPE", `${message}, found ${found}`, file);
    }
    weightMap.set(name, intern(scanner.string(), shards, file));
  }
}

/** One string object per shard, checked when it is first seen. */
function intern(shard: string, shards: Map<string, string>, file: string | undefined): string {
  const known = shards.get(shard);
  if (known !== undefined) return known;
  checkShardName(shard, file);
  if (shards.size === MAX_SHARDS) {
    refuse("INDEX_TOO_LARGE", `expected at most ${MAX_SHARDS} shards, found more`, file);
  }
  shards.set(shard, shard);
  return shard;
}

function readTotalSize(scanner: JsonScanner): number | undefined {
  if (scanner.kind() !== "object") {
    scanner.skip();
    return undefined;
  }
  let totalSize: number | undefined;
  scanner.openObject();
  for (let key = scanner.nextName(); key !== undefined; key = scanner.nextName()) {
    if (key === "total_size" && scanner.kind() === "number") {
      totalSize = plainInteger(scanner.number());
    } else {
      scanner.skip();
    }
  }
  return totalSize;
}
