import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadRecipes } from "../../../lib/run/recipe.ts";
import { refusal, useFolder } from "../../make.ts";

const folder = useFolder("load-recipe");

test.each(["", "---\n---\n", "# a remark\n"])(
  "a file of empty documents is no recipe: %j",
  async (text) => {
    const path = join(folder, "empty.yml");
    writeFileSync(path, text);
    const error = await refusal(() => loadRecipes(path));
    expect(error.code).toBe("WRONG_TYPE");
    expect(error.problems).toHaveLength(1);
    expect(error.message).toContain("found nothing");
  },
);
