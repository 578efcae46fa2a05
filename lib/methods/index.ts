/** THE table of merge methods. Everything that lists methods derives from it. */
import { dareLinear } from "./dare_linear.ts";
import { dareTies } from "./dare_ties.ts";
import { linear } from "./linear.ts";
import { passthrough } from "./passthrough.ts";
import { slerp } from "./slerp.ts";
import { taskArithmetic } from "./task_arithmetic.ts";
import { ties } from "./ties.ts";
import type { Method } from "./types.ts";

const ALL: readonly Method[] = [
  linear,
  slerp,
  taskArithmetic,
  ties,
  dareLinear,
  dareTies,
  passthrough,
];

/** Every method by its name. */
export const METHODS: ReadonlyMap<string, Method> = new Map(ALL.map((each) => [each.name, each]));
