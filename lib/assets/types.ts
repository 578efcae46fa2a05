import type { ModelReference } from "../config/types.ts";

/** A file of the output directory: its fixed, plain name, and its bytes or the file they are in. */
export interface AssetFile {
  name: string;
  bytes: Uint8Array | { copyFrom: string };
}

/** One that is copied. */
export interface CopiedFile extends AssetFile {
  bytes: { copyFrom: string };
}

/** A model as the card shows it. */
export interface CardModel {
  reference: ModelReference;
  /** Whether the merge uses it as its base; false for a base that only marks an end of a path. */
  base: boolean;
}

/** A file made of text, as UTF-8. */
export function textFile(name: string, text: string): AssetFile {
  return { name, bytes: new TextEncoder().encode(text) };
}
