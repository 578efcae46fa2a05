/** What the parameters of a recipe come to, tensor by tensor: filters, gradients, precedence applied. */
import type { RecipeContext } from "./context.ts";
import type { Operation } from "./types.ts";

/** The parameters that decided how one tensor is made. */
export interface ResolvedTensor {
  tensor: string;
  /** How it is made; `copy` where nothing needs computing. */
  operation: Operation["op"];
  /** Parameters of the merge by name. */
  parameters: Readonly<Record<string, number>>;
  /** Parameters of the models: by name, then by the model's position in the recipe. */
  modelParameters: Readonly<Record<string, Readonly<Record<number, number>>>>;
}

export function resolvedOf({ name, asked }: RecipeContext, { op }: Operation): ResolvedTensor {
  const parameters: Record<string, number> = {};
  const modelParameters: Record<string, Record<number, number>> = {};
  // Where parameters are to be told, the context has kept what it was asked for.
  for (const [parameter, value] of asked as NonNullable<typeof asked>) {
    if (typeof value === "number") parameters[parameter] = value;
    else modelParameters[parameter] = Object.fromEntries(value);
  }
  return { tensor: name, operation: op, parameters, modelParameters };
}
