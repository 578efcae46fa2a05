/**
 * Which process owns a folder. The first lock names its owner; when that process is gone, another
 * takes over by a second lock named after the first, and so on: the last of the chain is the owner.
 * A lock appears under its name with its content, or not at all, so that of several processes that
 * find the same dead owner one takes over and the others see it living.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

/** Locks and nothing else have names that begin with this. */
export const LOCK = "weightloom.lock";

const NOBODY = 0;

interface Owner {
  pid: number;
  host: string;
  /** When the process began, where the system tells: a later one can have its number. */
  started?: string | undefined;
  /** Names the lock that follows. */
  token: string;
}

/** Clock ticks from the system's start to the process's, or undefined where nobody tells. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // After the name, which stands in parentheses, the start is the twentieth field.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

/** Whether a process of this machine runs; true in doubt. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isAlive({ pid, host, started }: Owner): boolean {
  if (pid === NOBODY) return false;
  if (host !== hostname()) return true;
  if (!isRunning(pid)) return false;
  const now = startOf(pid);
  return started === undefined || now === undefined || now === started;
}

/** The owner that a lock names; a lock that cannot be read names a process that is gone. */
function readLock(path: string): Owner | undefined {
  let text: string;
  try {
    // Not as "utf8": there node aborts the process when the file cannot be closed.
    text = readFileSync(path).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const gone = { pid: NOBODY, host: "", token: "0" };
  try {
    const { pid, host, started, token = "0" } = JSON.parse(text) as Partial<Owner>;
    const known =
      Number.isInteger(pid) && Number(pid) > 0 && typeof host === "string" && /^\w+$/.test(token);
    return known ? { pid: pid as number, host: host as string, started, token } : gone;
  } catch {
    return gone;
  }
}

/** The owner of a folder and the name of the lock that would follow. */
function lastOf(folder: string): { owner: Owner | undefined; next: string } {
  let owner: Owner | undefined;
  let next = LOCK;
  const seen = new Set<string>();
  for (;;) {
    const found = seen.has(next) ? undefined : readLock(join(folder, next));
    if (found === undefined) return { owner, next };
    seen.add(next);
    owner = found;
    next = `${LOCK}.${owner.token}`;
  }
}

/** Whether a living process owns the folder. */
export function isOwned(folder: string): boolean {
  const { owner } = lastOf(folder);
  return owner !== undefined && isAlive(owner);
}

function createLock(folder: string, name: string, token: string): boolean {
  const content = { pid: process.pid, host: hostname(), started: startOf(process.pid), token };
  const whole = join(folder, `${LOCK}-${token}`);
  try {
    writeFileSync(whole, JSON.stringify(content));
  } catch (error) {
    rmSync(whole, { force: true });
    throw error;
  }
  try {
    linkSync(whole, join(folder, name));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code === "ENOENT") throw error;
    return createInPlace(join(folder, name), JSON.stringify(content));
  } finally {
    rmSync(whole, { force: true });
  }
}

/** On a file system without links. A reader can meet the lock while it is still empty. */
function createInPlace(path: string, content: string): boolean {
  try {
    const descriptor = openSync(path, "wx");
    writeFileSync(descriptor, content);
    closeSync(descriptor);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Another process is in it already.
  }
}

/** How often the folder may vanish under us, because its owner ends, before that is an error. */
const ATTEMPTS = 100;

/**
 * Makes the folder if need be, and this process its owner.
 * @returns `busy` when a living process owns it; else whether it was there `before`
 */
export function claim(folder: string): "busy" | "new" | "before" {
  for (let attempt = 1; ; attempt++) {
    const made = mkdirSync(folder, { recursive: true }) !== undefined;
    const { owner, next } = lastOf(folder);
    if (owner !== undefined && isAlive(owner)) return "busy";
    const token = randomBytes(8).toString("hex");
    try {
      if (!createLock(folder, next, token)) continue;
      // The folder may have been removed and made anew since it was looked at.
      if (lastOf(folder).owner?.token === token) return made ? "new" : "before";
      rmSync(join(folder, next), { force: true });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // On Windows a folder that is being removed refuses until it is gone.
      const vanished = code === "ENOENT" || (code === "EPERM" && process.platform === "win32");
      if (vanished && attempt < ATTEMPTS) continue;
      if (made) removeEmpty(folder);
      throw error;
    }
  }
}
