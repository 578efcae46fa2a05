/** From an aligned tensor to the step that makes it, without its place in the output. */
import type { Recipe } from "../config/types.ts";
import { MergeError, printable } from "../errors.ts";
import { DTYPES, type Dtype, isFloatDtype } from "../format/dtype.ts";
import type { Method } from "../methods/types.ts";
import type { Aligned } from "./align.ts";
import { type Chance, RecipeContext } from "./context.ts";
import { type ResolvedTensor, resolvedOf } from "./resolved.ts";
import type { Operation } from "./types.ts";

/** What decides a step beside its tensors. */
export interface Lowering {
  recipe: Recipe;
  method: Method;
  chance: Chance;
  /** Told the resolved parameters of every tensor. */
  trace?: ((resolved: ResolvedTensor) => void) | undefined;
}

/** Dtype and operation of an output tensor. @throws MergeError for what cannot be merged. */
export function lower(
  aligned: Aligned,
  { recipe, method, chance, trace }: Lowering,
): {
  dtype: Dtype;
  operation: Operation;
} {
  const { tensors, wanted } = aligned;
  const lead = tensors[wanted.slice.base ?? 0];
  if (tensors.every(({ dtype }) => isFloatDtype(dtype))) {
    const context = new RecipeContext(
      aligned,
      method,
      recipe.parameters,
      chance,
      trace !== undefined,
    );
    const operation = lowerFloats(aligned, method, context);
    trace?.(resolvedOf(context, operation));
    const dtype = recipe.outDtype ?? recipe.dtype ?? lead.dtype;
    return { dtype, operation: convert(operation, dtype, aligned) };
  }
  if (tensors.length === 1) return { dtype: lead.dtype, operation: { op: "copy", input: 0 } };
  refuseMixed(aligned);
  return { dtype: lead.dtype, operation: { op: "same" } };
}

function lowerFloats(aligned: Aligned, method: Method, context: RecipeContext): Operation {
  if (aligned.count === 0) return { op: "copy", input: 0 };
  if (aligned.reduced && isTooFew(aligned, method)) {
    return { op: "copy", input: aligned.wanted.slice.base ?? 0 };
  }
  return method.lower(context);
}

/** Whether the method cannot go on with the models that are left. */
function isTooFew({ wanted }: Aligned, { base, models }: Method): boolean {
  const at = wanted.slice.base;
  if (at === undefined && (base === "required" || base === "among")) return true;
  const apart = at !== undefined && (base === "required" || base === "optional");
  return wanted.slice.sources.length - (apart ? 1 : 0) < models.min;
}

/** A copy into another dtype is no copy of bytes. */
function convert(operation: Operation, dtype: Dtype, { tensors }: Aligned): Operation {
  if (operation.op !== "copy" || tensors[operation.input].dtype === dtype) return operation;
  return { op: "linear", inputs: [operation.input], weights: [1], divisor: null, mean: false };
}

/** Integers and booleans are compared, not averaged; what else is no float is refused. */
function refuseMixed({ tensors, wanted }: Aligned): void {
  const [first] = tensors;
  const integers = tensors.every(({ dtype }) => DTYPES[dtype].kind === "integer");
  if (integers && tensors.every(({ dtype }) => dtype === first.dtype)) return;
  const found = [...new Set(tensors.map(({ dtype }) => dtype))].join(" and ");
  throw new MergeError(
    "DTYPE_UNSUPPORTED",
    `${printable(wanted.name)} is ${found}; F32, F16, BF16, F8_E4M3 and F8_E5M2 can be merged`,
    { hint: "convert the models first; only one model's tensor can be passed through as it is" },
  );
}
