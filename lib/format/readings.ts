/**
 * What has been read already, by the SHA-256 of its bytes. Models that are merged are often of one
 * family, and then their headers and indexes are the same text: it is scanned, and kept, once.
 */
import { digestOf, type Header, type OpenFile, parseHeader } from "./header.ts";
import { parseIndex, type ShardIndex } from "./shards.ts";
import { gatherTensors, type ModelTensor } from "./tensors.ts";

interface Family {
  headers: readonly Header[];
  tensors: ReadonlyMap<string, ModelTensor>;
  /** Indexes that were found to agree with the headers. */
  agreed: Set<ShardIndex>;
}

export class Readings {
  readonly #headers = new Map<string, Header>();
  readonly #indexes = new Map<string, ShardIndex>();
  /** By their first header. */
  readonly #families = new Map<Header, Family>();

  /** As `parseHeader`; equal headers of files of one size are one object. */
  header(json: Uint8Array, fileSize: number, file: string): Header {
    const hash = digestOf(json);
    const key = `${hash} ${fileSize}`;
    const known = this.#headers.get(key);
    if (known !== undefined) return known;
    const header = parseHeader(json, fileSize, file, hash);
    this.#headers.set(key, header);
    return header;
  }

  /** As `parseIndex`; equal indexes are one object. */
  index(bytes: Uint8Array, file: string): ShardIndex {
    const key = digestOf(bytes);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const index = parseIndex(bytes, file);
    this.#indexes.set(key, index);
    return index;
  }

  /** The files' tensors: those of earlier files where all headers are the same. */
  family(files: readonly OpenFile[]): Family {
    const headers = files.map(({ header }) => header);
    const known = this.#families.get(headers[0]);
    if (known !== undefined && sameList(known.headers, headers)) return known;
    const family = { headers, tensors: gatherTensors(files), agreed: new Set<ShardIndex>() };
    this.#families.set(headers[0], family);
    return family;
  }
}

function sameList(a: readonly Header[], b: readonly Header[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
