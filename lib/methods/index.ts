/** THE table of merge methods. Everything that lists methods derives from it. */
import { arceeFusion } from "./arcee_fusion.ts";
import { breadcrumbs } from "./breadcrumbs.ts";
import { breadcrumbsTies } from "./breadcrumbs_ties.ts";
import { dareLinear } from "./dare_linear.ts";
import { dareTies } from "./dare_ties.ts";
import { della } from "./della.ts";
import { dellaLinear } from "./della_linear.ts";
import { karcher } from "./karcher.ts";
import { linear } from "./linear.ts";
import { modelStock } from "./model_stock.ts";
import { multislerp } from "./multislerp.ts";
import { nearswap } from "./nearswap.ts";
import { nuslerp } from "./nuslerp.ts";
import { passthrough } from "./passthrough.ts";
import { ram } from "./ram.ts";
import { ramplusTl } from "./ramplus_tl.ts";
import { sce } from "./sce.ts";
import { slerp } from "./slerp.ts";
import { taskArithmetic } from "./task_arithmetic.ts";
import { ties } from "./ties.ts";
import type { Method } from "./types.ts";

const ALL: readonly Method[] = [
  linear,
  slerp,
  nuslerp,
  multislerp,
  karcher,
  passthrough,
  taskArithmetic,
  ties,
  dareLinear,
  dareTies,
  breadcrumbs,
  breadcrumbsTies,
  della,
  dellaLinear,
  modelStock,
  nearswap,
  arceeFusion,
  sce,
  ram,
  ramplusTl,
];

/** Every method by its name. */
export const METHODS: ReadonlyMap<string, Method> = new Map(ALL.map((each) => [each.name, each]));
