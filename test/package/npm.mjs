/** Runs programs to their end, and npm wherever it is. */
import { spawnSync } from "node:child_process";

export function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 1 << 26,
    ...options,
  });
  if (status === 0) return { stdout, output: `${stdout}${stderr}` };
  const what = `${program} ${args.join(" ")}: ${error?.message ?? `status ${status}`}`;
  throw new Error(`${what}\n${stdout ?? ""}${stderr ?? ""}`);
}

/** npm sets its path for what it runs; without it, npm is looked up. */
export function npm(args, options) {
  const path = process.env.npm_execpath;
  if (path?.endsWith(".js")) return run(process.execPath, [path, ...args], options);
  return run("npm", args, { shell: process.platform === "win32", ...options });
}
