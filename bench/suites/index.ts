import type { Suite } from "../case.ts";
import { merges } from "./merges.ts";

export const SUITES: readonly Suite[] = [merges];
