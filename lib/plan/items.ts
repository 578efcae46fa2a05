import type { Recipe } from "../config/types.ts";
import type { Dtype } from "../format/dtype.ts";
import type { Model } from "../format/model.ts";
import type { Method } from "../methods/types.ts";
import type { Aligned } from "./align.ts";
import type { Slice } from "./layers.ts";
import type { Scope } from "./modules.ts";
import type { Reasons, Remarks } from "./policies.ts";
import type { ModelList } from "./slices.ts";
import type { Tokens } from "./tokens.ts";
import type { Ties } from "./tying.ts";
import type { Operation, Trim } from "./types.ts";

/** A tensor that is to be made, before it has a place. */
export interface Item {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  count: number;
  operation: Operation;
  aligned: Aligned;
}

/** Slices of one body, and what of the models they are about. */
export interface PlannedBody {
  slices: readonly Slice[];
  scope: Scope;
}

/** What a plan is assembled from. */
export interface Parts {
  recipe: Recipe;
  method: Method;
  seed: bigint;
  list: ModelList;
  bodies: readonly PlannedBody[];
  items: readonly Item[];
  trims: readonly Trim[];
  opened: ReadonlyMap<string, Model>;
  /** Model that config.json and the small files come from. */
  donor: Model;
  tokens: Tokens;
  ties: Ties;
  remarks: Remarks;
  reasons: Reasons;
}
