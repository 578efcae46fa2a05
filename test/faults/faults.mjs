/** The faults that the sweep injects, and what a merge must make of each. */

/**
 * @typedef {object} Fault
 * @property {string} name  a row of the table
 * @property {string} kinds  calls that count; see shim.c
 * @property {string} what  an error's name, "short" or "kill"
 * @property {boolean} [sticky]  every later call as well
 * @property {"ok" | "error" | "any"} expect  what the merge must say of a run in which it struck
 * @property {boolean} [alone]  needs a process for every run: it ends one, or strikes but once in one
 */

/** @type {readonly Fault[]} */
export const FAULTS = [
  { name: "short write", kinds: "write", what: "short", expect: "ok" },
  { name: "short read", kinds: "read", what: "short", expect: "ok" },
  { name: "interrupted write", kinds: "write", what: "EINTR", expect: "ok" },
  { name: "interrupted sync", kinds: "sync", what: "EINTR", expect: "ok" },
  { name: "disk full at a write", kinds: "write", what: "ENOSPC", expect: "error" },
  {
    name: "disk full from a write on",
    kinds: "write",
    what: "ENOSPC",
    sticky: true,
    expect: "error",
  },
  { name: "disk full when reserving", kinds: "reserve", what: "ENOSPC", expect: "error" },
  { name: "reserving not supported", kinds: "reserve", what: "EOPNOTSUPP", expect: "ok" },
  { name: "failed write", kinds: "write", what: "EIO", expect: "error" },
  { name: "failed read", kinds: "read", what: "EIO", expect: "error" },
  { name: "failed sync", kinds: "sync", what: "EIO", expect: "error" },
  { name: "failed close", kinds: "close", what: "EIO", expect: "any" },
  { name: "failed open", kinds: "open", what: "EIO", expect: "any" },
  { name: "no descriptor left", kinds: "open", what: "EMFILE", expect: "any" },
  { name: "failed truncate", kinds: "truncate", what: "EIO", expect: "error" },
  { name: "failed mkdir", kinds: "mkdir", what: "EACCES", expect: "error" },
  { name: "failed rename", kinds: "rename", what: "EIO", expect: "error" },
  { name: "rename across devices", kinds: "rename", what: "EXDEV", expect: "error" },
  { name: "failed unlink", kinds: "unlink", what: "EIO", expect: "any" },
  { name: "mapping refused", kinds: "mmap", what: "ENODEV", expect: "ok" },
  { name: "mapping refused, all", kinds: "mmap", what: "ENOMEM", sticky: true, expect: "ok" },
  { name: "thread refused", kinds: "thread", what: "EAGAIN", expect: "any", alone: true },
  {
    name: "threads refused, all",
    kinds: "thread",
    what: "EAGAIN",
    sticky: true,
    expect: "any",
    alone: true,
  },
  { name: "read-only file system", kinds: "open+mkdir", what: "EROFS", expect: "any" },
  { name: "any call fails", kinds: "any", what: "EIO", expect: "any" },
  { name: "all calls fail from one on", kinds: "any", what: "EIO", sticky: true, expect: "any" },
  { name: "killed at a call", kinds: "any", what: "kill", expect: "any", alone: true },
];

/**
 * Ways to merge, each swept on its own.
 * @typedef {object} Way
 * @property {string} name
 * @property {object} options  of `merge`
 * @property {readonly string[]} [lacks]  kinds of calls that this way does not make
 * @property {readonly string[]} [only]  the faults that it is swept with; in quick mode, `quick`
 * @property {readonly string[]} [quick]
 * @property {object} [env]
 * @property {boolean} [gap]  a replacement that is killed, or after which nothing works, may leave nothing
 *   until the next merge
 */

const BROAD = ["any call fails", "killed at a call"];

/** @type {readonly Way[]} */
export const WAYS = [
  { name: "native", options: { backend: "native" } },
  { name: "overwriting", options: { backend: "native", overwrite: true } },
  {
    name: "by reads",
    options: { backend: "native", io: "pread" },
    lacks: ["mmap"],
    quick: ["short read", "failed read", "any call fails"],
  },
  {
    name: "reference",
    options: { backend: "reference" },
    lacks: ["mmap", "reserve", "truncate", "thread"],
    quick: ["short read", "short write", "failed close", "any call fails"],
  },
  {
    name: "no addon, overwriting",
    options: { overwrite: true },
    env: { WEIGHTLOOM_BACKEND: "reference" },
    gap: true,
    only: ["failed rename", "all calls fail from one on", ...BROAD],
    quick: BROAD,
  },
];
