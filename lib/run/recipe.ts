/** From what a caller gives as a recipe to a validated Recipe with its folder and text. */
import { dirname } from "node:path";
import { readRecipeFile } from "../config/read.ts";
import { type ParsedRecipe, parseRecipe, recipeFromObject } from "../config/schema.ts";
import type { Recipe } from "../config/types.ts";
import { MergeError, throwProblems } from "../errors.ts";
import { METHODS } from "../methods/index.ts";
import type { RecipeObject } from "../recipe-object.ts";

/** A recipe in hand: where it came from decides where model paths are looked for. */
export interface LoadedRecipe {
  recipe: Recipe;
  folder: string | undefined;
  /** The YAML text as it was read, or the object as JSON. */
  text: string;
  notes: readonly string[];
}

function settle({ recipe, problems, notes }: ParsedRecipe): { recipe: Recipe; notes: string[] } {
  throwProblems(problems, "the recipe is not valid");
  return { recipe: recipe as Recipe, notes };
}

/** Reads a recipe file, or checks a recipe object. @throws MergeError with all problems */
export async function loadRecipe(input: string | RecipeObject): Promise<LoadedRecipe> {
  if (typeof input !== "string") {
    const settled = settle(recipeFromObject(input, METHODS));
    return { ...settled, folder: undefined, text: JSON.stringify(input) };
  }
  const { text, documents } = await readRecipeFile(input);
  if (documents.length > 1) {
    throw new MergeError("UNSUPPORTED", `${input} holds ${documents.length} documents`, {
      hint: "multi-document recipes are not built yet: put each in a file of its own",
    });
  }
  const parsed = settle(parseRecipe(documents[0], METHODS, input));
  return { ...parsed, folder: dirname(input), text };
}
