/** What a claim does where the file system fails, or another process is quicker. */
import { mkdirSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { claim, isOwned, LOCK } from "../../../lib/run/lock.ts";
import { useFolder } from "../../make.ts";

type Fs = typeof import("node:fs");
type Faulty = Pick<Fs, "writeFileSync" | "linkSync" | "openSync" | "readFileSync">;

const { real, faults } = vi.hoisted(() => ({ real: {} as Fs, faults: {} as Partial<Faulty> }));
vi.mock("node:fs", async (load) => {
  Object.assign(real, await load<Fs>());
  const through = <K extends keyof Faulty>(name: K) => {
    return (...args: never[]) => {
      const body = (faults[name] ?? real[name]) as (...args: never[]) => unknown;
      return body(...args);
    };
  };
  const names = ["writeFileSync", "linkSync", "openSync", "readFileSync"] as const;
  return { ...real, ...Object.fromEntries(names.map((name) => [name, through(name)])) };
});

const folder = useFolder("lock-faults");
let made = 0;
const place = () => join(folder, `place-${made++}`);
const failing = (code: string) => () => {
  throw Object.assign(new Error(`injected ${code}`), { code });
};
const lockOf = (token: string, host: string, pid = 1) => JSON.stringify({ pid, host, token });

afterEach(() => {
  for (const name of Object.keys(faults)) delete faults[name as keyof Faulty];
});

test("a full disk is an error, and the folder goes that was made", () => {
  const path = place();
  faults.writeFileSync = failing("ENOSPC");
  expect(() => claim(path)).toThrow("ENOSPC");
  expect(real.existsSync(path)).toBe(false);
  mkdirSync(path);
  expect(() => claim(path)).toThrow("ENOSPC");
  expect(real.existsSync(path)).toBe(true);
});

test("a folder in which something else has come to lie stays", () => {
  const path = place();
  faults.writeFileSync = (file) => {
    real.writeFileSync(join(String(file), "../other"), "");
    failing("EPERM")();
  };
  expect(() => claim(path)).toThrow("EPERM");
  expect(readdirSync(path)).toEqual(["other"]);
});

test("without links the lock is written in place", () => {
  const path = place();
  faults.linkSync = failing("ENOTSUP");
  expect(claim(path)).toBe("new");
  expect(readdirSync(path)).toEqual([LOCK]);
  expect(isOwned(path)).toBe(true);
  expect(claim(path)).toBe("busy");
});

test("without links, too, the first one has it", () => {
  const path = place();
  faults.linkSync = failing("ENOTSUP");
  faults.openSync = (file, flags, mode) => {
    real.writeFileSync(file, lockOf("a1", "another-host"));
    return real.openSync(file, flags, mode);
  };
  expect(claim(path)).toBe("busy");
});

test("without links, too, other failures are errors", () => {
  const path = place();
  faults.linkSync = failing("ENOTSUP");
  faults.openSync = failing("EROFS");
  expect(() => claim(path)).toThrow("EROFS");
});

test("who links first has it", () => {
  const path = place();
  faults.linkSync = (_, name) => {
    real.writeFileSync(name, lockOf("a1", "another-host"));
    failing("EEXIST")();
  };
  expect(claim(path)).toBe("busy");
});

test("a folder that vanishes is made again, but not for ever", () => {
  const path = place();
  let attempts = 0;
  faults.linkSync = (from, to) => {
    if (++attempts === 1) failing("ENOENT")();
    real.linkSync(from, to);
  };
  expect(claim(path)).toBe("before");
  faults.linkSync = failing("ENOENT");
  expect(() => claim(place())).toThrow("ENOENT");
});

test("a lock in a folder that was made anew meanwhile is not ours", () => {
  const path = place();
  let attempts = 0;
  faults.linkSync = (from, to) => {
    real.linkSync(from, to);
    if (++attempts > 1) return;
    real.rmSync(to);
    real.writeFileSync(to, lockOf("b2", hostname(), 0));
  };
  expect(claim(path)).toBe("before");
  expect(attempts).toBe(2);
});

test("a lock that cannot be read is an error, not an owner that is gone", () => {
  const path = place();
  mkdirSync(join(path, LOCK), { recursive: true });
  expect(() => isOwned(path)).toThrow("EISDIR");
});

test("where no system tells when a process began, its number decides", () => {
  const path = place();
  faults.readFileSync = ((file: string, options: never) => {
    if (String(file).startsWith("/proc")) failing("ENOENT")();
    return real.readFileSync(file, options);
  }) as Fs["readFileSync"];
  expect(claim(path)).toBe("new");
  expect(isOwned(path)).toBe(true);
});

test("locks that name each other in a circle have a last one all the same", () => {
  const path = place();
  mkdirSync(path);
  real.writeFileSync(join(path, LOCK), lockOf("t", hostname(), 99_999_999));
  real.writeFileSync(join(path, `${LOCK}.t`), lockOf("t", "another-host"));
  expect(isOwned(path)).toBe(true);
});
