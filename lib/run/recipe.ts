/** From what a caller gives as a recipe to validated Recipes with their folder and text. */
import { dirname } from "node:path";
import { recipeYaml } from "../assets/recipe.ts";
import { readRecipeFile } from "../config/read.ts";
import { type ParsedRecipe, parseRecipe, recipeFromObject } from "../config/schema.ts";
import type { Recipe } from "../config/types.ts";
import { throwProblems } from "../errors.ts";
import { METHODS } from "../methods/index.ts";
import type { Method } from "../methods/types.ts";
import type { RecipeObject } from "../recipe-object.ts";

/** Path of a YAML file, or the same as an object, or as one for each of its documents. */
export type RecipeInput = string | RecipeObject | readonly RecipeObject[];

/** A recipe in hand: where it came from decides where model paths are looked for. */
export interface LoadedRecipe {
  recipe: Recipe;
  folder: string | undefined;
  /** The YAML text as it was read, or made from the objects. */
  text: string;
  notes: readonly string[];
  /** Every method the recipe may name. */
  methods: ReadonlyMap<string, Method>;
}

/** Throws the problems of all documents together. */
function settle(parsed: readonly ParsedRecipe[]): { recipe: Recipe; notes: string[] }[] {
  throwProblems(
    parsed.flatMap(({ problems }) => problems),
    "the recipe is not valid",
  );
  return parsed.map(({ recipe, notes }) => ({ recipe: recipe as Recipe, notes }));
}

/**
 * Reads a recipe file, or checks recipe objects: one entry for each document, in their order.
 * @throws MergeError with all problems
 */
export async function loadRecipes(
  input: RecipeInput,
  methods: ReadonlyMap<string, Method> = METHODS,
): Promise<LoadedRecipe[]> {
  if (typeof input !== "string") {
    const several = Array.isArray(input) && input.length > 0;
    const objects = (several ? input : [input]) as readonly RecipeObject[];
    const settled = settle(objects.map((each) => recipeFromObject(each, methods)));
    const text = objects.map((each) => recipeYaml(JSON.stringify(each))).join("---\n");
    return settled.map((each) => ({ ...each, folder: undefined, text, methods }));
  }
  const { text, documents } = await readRecipeFile(input);
  const filled = documents.filter(({ value }) => value !== null);
  const given = filled.length > 0 ? filled : documents.slice(0, 1);
  const parsed = settle(given.map((document) => parseRecipe(document, methods, input)));
  return parsed.map((each) => ({ ...each, folder: dirname(input), text, methods }));
}
