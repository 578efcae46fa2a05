import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's folder; this file runs from build-bench/. */
export const ROOT: string = dirname(dirname(fileURLToPath(import.meta.url)));
export const CLI: string = join(ROOT, "dist/cli.js");
export const RECORDS: string = join(ROOT, "bench/record");
