import type { Suite } from "../case.ts";
import { versus } from "../versus/mergekit.ts";
import { kernels } from "./kernels.ts";
import { limits } from "./limits.ts";
import { merges } from "./merges.ts";
import { reference } from "./reference.ts";
import { scaling } from "./scaling.ts";

export const SUITES: readonly Suite[] = [kernels, merges, reference, scaling, limits, versus];
