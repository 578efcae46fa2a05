/** A shell in which `weightloom`, `npx weightloom` and `npm` are those of the checkout. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

/** npm takes the word of a script that exists for the deed: CI runs those by themselves. */
const NPM = `#!/bin/sh
case "$1" in
  install | ci | start | test) exit 0 ;;
  run) exec "${process.execPath}" -e '
    const { scripts } = require("${ROOT}/package.json");
    if (scripts[process.argv[1]] === undefined) throw new Error("no script " + process.argv[1]);
  ' "$2" ;;
esac
echo "npm $*: unknown" >&2
exit 1
`;

const CLI = `exec "${process.execPath}" "${ROOT}/dist/cli.js"`;

const PROGRAMS = {
  weightloom: `#!/bin/sh\n${CLI} "$@"\n`,
  npx: `#!/bin/sh\n[ "$1" = weightloom ] || exit 1\nshift\n${CLI} "$@"\n`,
  npm: NPM,
};

/** Writes these programs to a folder; returns an environment that finds them first. */
export function shellEnvironment(folder: string): NodeJS.ProcessEnv {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(PROGRAMS)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  return { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
}
