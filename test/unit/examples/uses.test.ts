/** Every example of examples/uses runs, each in a folder of its own, and says what it should. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { useFolder } from "../../make.ts";
import { shellEnvironment } from "../../shell.ts";
import { EXAMPLES } from "./fixtures.ts";

const folder = useFolder("uses");
const USES = join(EXAMPLES, "uses");
const BUILT = join(EXAMPLES, "../build-examples/uses");

/** What an example prints, in part. */
const SAYS: Readonly<Record<string, readonly RegExp[]>> = {
  "cli.sh": [/slerp/, /47 tensors/, /model\.norm\.weight/],
  "script.ts": [/^47 tensors by \w+, 100 % seen$/m, /UNKNOWN_DTYPE/, /begins with 1\.328125, /],
  "in_memory.ts": [
    /^linear Float32Array\(4\) \[ 1\.25, -1\.25, 2\.375, /m,
    /^bf16 BF16 \[ 2, 2 \]/m,
  ],
  "frankenmerge.ts": [/^7 layers from two models of 5$/m],
  "checkpoint_average.ts": [/^mean of 1\.3125, 1\.3203125, 1\.328125: 1\.3203125$/m],
  "abort_and_resume.ts": [/^cancelled: ABORTED$/m, /^resumed: \d+ of 10 shards were whole$/m],
  "custom_method.ts": [/begins with 1\.3125$/m],
  "worker.ts": [/^reverse in .* s, sort in .* s$/m],
};

test("all examples are here, and in the table", () => {
  const names = readdirSync(USES).filter((name) => /\.(ts|sh)$/.test(name));
  expect(names.sort()).toEqual(Object.keys(SAYS).sort());
  const table = readFileSync(join(USES, "README.md"), "utf8");
  for (const name of names) expect(table).toContain(`| [${name}](${name}) | `);
});

test.each(Object.entries(SAYS))("%s", (name, says) => {
  const [program, ...args] = name.endsWith(".sh")
    ? ["sh", join(USES, name)]
    : [process.execPath, join(BUILT, name.replace(".ts", ".js"))];
  const env = shellEnvironment(join(folder, "bin"));
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  for (const each of says) expect(stdout).toMatch(each);
});
