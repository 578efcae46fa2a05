/** Of all processes that want a folder one gets it, whoever had it before and however that ended. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { claim, isOwned, LOCK } from "../../../lib/run/lock.ts";
import { useFolder } from "../../make.ts";

const MODULE = pathToFileURL(join(import.meta.dirname, "../../../dist/run/lock.js")).href;
const folder = useFolder("lock");
const dead = spawnSync(process.execPath, ["-e", ""]).pid;
let made = 0;

function place(lock?: string): string {
  const path = join(folder, `place-${made++}`);
  if (lock !== undefined) {
    mkdirSync(path);
    writeFileSync(join(path, LOCK), lock);
  }
  return path;
}

/** A process that claims the folder, tells how that went, and lives on until it is killed. */
function claimant(path: string): ChildProcess {
  const script = `
    import { claim } from ${JSON.stringify(MODULE)};
    process.stdin.once("data", () => {
      process.stdout.write(claim(${JSON.stringify(path)}));
    });
    process.stdout.write("ready");`;
  return spawn(process.execPath, ["--input-type=module", "-e", script]);
}

async function word(child: ChildProcess): Promise<string> {
  const [text] = await once(child.stdout as NodeJS.ReadableStream, "data");
  return String(text);
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** How the claims of several processes at the same time went; all are dead afterwards. */
async function race(path: string, count: number): Promise<string[]> {
  const children = Array.from({ length: count }, () => claimant(path));
  await Promise.all(children.map(word));
  const answers = Promise.all(children.map(word));
  for (const child of children) child.stdin?.write("go");
  const got = await answers;
  expect(isOwned(path)).toBe(true);
  expect(claim(path)).toBe("busy");
  await Promise.all(children.map(kill));
  expect(isOwned(path)).toBe(false);
  return got.sort();
}

describe("claim", () => {
  test("gives a folder that is not there to one of several processes", async () => {
    const [first, ...others] = await race(place(), 4);
    expect([first, ...others].filter((each) => each !== "busy")).toHaveLength(1);
  });

  test("gives a folder whose owner died to one of several processes, again and again", async () => {
    const path = place(JSON.stringify({ pid: dead, host: hostname(), token: "abc" }));
    for (let round = 0; round < 5; round++) {
      expect(await race(path, 4)).toEqual(["before", "busy", "busy", "busy"]);
    }
    expect(claim(path)).toBe("before");
    expect(claim(path)).toBe("busy");
    const names = readdirSync(path);
    expect(names).toHaveLength(7);
    for (const name of names) expect(name.startsWith(LOCK)).toBe(true);
  });

  test.each([
    ["of a process that is gone", JSON.stringify({ pid: dead, host: hostname() })],
    ["that is empty", ""],
    ["that is no JSON", "{"],
    ["without a number", JSON.stringify({ pid: "1", host: hostname() })],
    ["of all processes", JSON.stringify({ pid: -1, host: hostname() })],
    ["that names itself next", JSON.stringify({ pid: dead, host: hostname(), token: "../x" })],
  ])("takes over a lock %s", (_, lock) => {
    const path = place(lock);
    expect(claim(path)).toBe("before");
    expect(isOwned(path)).toBe(true);
  });

  test("takes over a lock of a process that ran under our number before", () => {
    const path = place(JSON.stringify({ pid: process.pid, host: hostname(), started: "1" }));
    expect(claim(path)).toBe(process.platform === "linux" ? "before" : "busy");
  });

  test.each([
    ["a living process", JSON.stringify({ pid: process.ppid, host: hostname() })],
    ["another machine", JSON.stringify({ pid: dead, host: `not-${hostname()}` })],
  ])("leaves a lock of %s alone", (_, lock) => {
    const path = place(lock);
    expect(claim(path)).toBe("busy");
    expect(readFileSync(join(path, LOCK), "utf8")).toBe(lock);
    expect(readdirSync(path)).toEqual([LOCK]);
  });
});
