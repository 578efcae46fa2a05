/** Problems in the order in which what they are about stands in the recipe. */
import type { Recipe } from "../config/types.ts";
import type { Problem } from "../errors.ts";

/**
 * By the place in the document that a problem names; those that name none, such as shapes that
 * differ between models, come last. Within one place the order stays.
 */
export function inDocumentOrder(
  problems: readonly Problem[],
  { places }: Pick<Recipe, "places">,
): Problem[] {
  if (problems.length < 2) return [...problems];
  const ranks = new Map(Object.keys(places).map((path, rank) => [path, rank]));
  const rankOf = ({ place }: Problem) => ranks.get(place?.path as string) ?? ranks.size;
  return problems.toSorted((a, b) => rankOf(a) - rankOf(b));
}
