import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { settleReplacement } from "../../../lib/run/leftovers.ts";
import { useFolder } from "../../make.ts";

const folder = useFolder("leftovers-names");

test("a name that only looks like one of ours is left alone", () => {
  const names = ["out.weightloom-mine-old", "out.weightloom-.1-zzzzzz-1-old"];
  for (const name of names) mkdirSync(join(folder, name));
  settleReplacement(join(folder, "out"));
  expect(readdirSync(folder).sort()).toEqual(names.sort());
});
