/**
 * Several documents as one work: tensors of intermediate models become nested steps, made on demand
 * and never written.
 */
import { join } from "node:path";
import type { Plan, PlanInput, PlanSource, PlanStep } from "../plan/types.ts";
import type { WorkInput, WorkStep } from "./work.ts";

/** A file of an intermediate model, as later plans name it: the plan that makes it. */
export type PlannedFiles = ReadonlyMap<string, Plan>;

/** The engine makes nested steps anew for every input; native/engine/wire.h. */
const MOST_NESTED = 8;

/** Files of the model that a plan makes, as if they lay in `folder`. */
export function plannedFiles(plan: Plan, folder: string): [path: string, plan: Plan][] {
  return plan.shards.map(({ name }) => [join(folder, name), plan]);
}

/** What only whole, written models allow: global selections, torch's stream, functions. */
function needsFiles({ trims, steps }: Plan): boolean {
  if (trims !== undefined) return true;
  return steps.some(({ operation }) => {
    return operation.op === "custom" || (operation.op === "task" && operation.torch !== null);
  });
}

/** Whether documents, each of which uses those before it at most, can be one work. */
export function canFuse(documents: readonly { made: Plan }[]): boolean {
  return documents.length - 1 <= MOST_NESTED && !documents.some(({ made }) => needsFiles(made));
}

/** The parts of a Work that come from plans. */
export interface FusedWork {
  /** Files that are read. */
  sources: PlanSource[];
  nested: WorkStep[];
  /** Those of the last plan, in its order. */
  steps: WorkStep[];
}

/** What a backend needs of a step. */
function workStep(step: PlanStep, inputs: readonly WorkInput[]): WorkStep {
  const { tensor, dtype, count, shard: output, offset, operation } = step;
  return { tensor, dtype, count, output, offset, inputs, operation };
}

class Fusion {
  readonly sources: PlanSource[] = [];
  readonly nested: WorkStep[] = [];
  readonly #files: PlannedFiles;
  readonly #positions = new Map<string, number>();
  readonly #made = new Map<string, WorkInput>();
  readonly #stepsOf = new Map<Plan, ReadonlyMap<string, PlanStep>>();

  constructor(files: PlannedFiles) {
    this.#files = files;
  }

  /** Until all sources are known, nested steps count downwards from -1. */
  step(step: PlanStep, plan: Plan): WorkStep {
    return workStep(
      step,
      step.inputs.map((input) => this.#input(input, plan)),
    );
  }

  /** Numbers nested steps after the sources. */
  numbered(step: WorkStep): WorkStep {
    const inputs = step.inputs.map((input) => {
      return input.source >= 0
        ? input
        : { ...input, source: this.sources.length - 1 - input.source };
    });
    return { ...step, inputs };
  }

  #input({ source: at, offset, dtype, tensor }: PlanInput, plan: Plan): WorkInput {
    const source = plan.sources[at];
    const made = this.#files.get(source.path);
    if (made === undefined) return { source: this.position(source), offset, dtype };
    const key = JSON.stringify([source.path, tensor]);
    const known = this.#made.get(key) ?? this.#nest(tensor, made);
    this.#made.set(key, known);
    return known;
  }

  /** What a step makes, as an input; copies are looked through. */
  #nest(tensor: string, plan: Plan): WorkInput {
    const steps = this.#stepsOf.get(plan) ?? new Map(plan.steps.map((each) => [each.tensor, each]));
    this.#stepsOf.set(plan, steps);
    const step = steps.get(tensor) as PlanStep;
    const { operation, dtype } = step;
    if (operation.op === "copy") return this.#input(step.inputs[operation.input], plan);
    const position = this.nested.push({ ...this.step(step, plan), output: 0, offset: 0 });
    return { source: -position, offset: 0, dtype };
  }

  position(source: PlanSource): number {
    const known = this.#positions.get(source.path);
    if (known !== undefined) return known;
    const position = this.sources.push(source) - 1;
    this.#positions.set(source.path, position);
    return position;
  }
}

/** A plan, with those of the intermediate models that it and they are made from. */
export function fuse(plan: Plan, files: PlannedFiles): FusedWork {
  if (files.size === 0) {
    // Nothing is renumbered: a plan of many tensors is handed over as it is.
    const steps = plan.steps.map((step) => workStep(step, step.inputs));
    return { sources: [...plan.sources], nested: [], steps };
  }
  const fusion = new Fusion(files);
  for (const source of plan.sources) if (!files.has(source.path)) fusion.position(source);
  const steps = plan.steps.map((step) => fusion.step(step, plan));
  const nested = fusion.nested.map((step) => fusion.numbered(step));
  return { sources: fusion.sources, nested, steps: steps.map((step) => fusion.numbered(step)) };
}
