/** A plan in words: what `weightloom plan` prints. */
import { printable } from "../errors.ts";
import { byteLength } from "../format/dtype.ts";
import type { Operation, Plan, PlanStep } from "./types.ts";

/** 1234567 → "1.23 MB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toPrecision(3)} ${units[unit]}`;
}

/** Bytes of tensors the plan writes. */
export function outputBytes(plan: Plan): number {
  return plan.steps.reduce((sum, { dtype, count }) => sum + byteLength(dtype, count), 0);
}

/** Bytes of tensors the plan reads, each once. */
export function inputBytes(plan: Plan): number {
  return plan.steps.reduce((sum, { inputs, count, operation }) => {
    const read = operation.op === "copy" ? [inputs[operation.input]] : inputs;
    return sum + read.reduce((s, { dtype }) => s + byteLength(dtype, count), 0);
  }, 0);
}

function numbers(values: readonly number[]): string {
  return values.map((value) => Number(value.toPrecision(6))).join(", ");
}

/** One operation in words, with the names of its models. */
export function explainOperation(
  operation: Operation,
  step: PlanStep,
  models: readonly string[],
): string {
  const name = (input: number) => printable(models[step.inputs[input].model]);
  const names = (inputs: readonly number[]) => inputs.map(name).join(", ");
  switch (operation.op) {
    case "copy":
      return `copy of ${name(operation.input)}`;
    case "same":
      return `copy of ${name(0)}, which all models must equal`;
    case "linear": {
      const divided =
        operation.divisor === null ? "" : `, divided by ${numbers([operation.divisor])}`;
      return `weights ${numbers(operation.weights)} of ${names(operation.inputs)}${divided}`;
    }
    case "task":
      return explainTask(operation, names);
    case "span": {
      const { sphere, inputs, base, axis, parameters } = operation;
      const by = axis === "all" ? "" : ` by ${axis}`;
      const around = base === null ? "" : ` around ${name(base)}`;
      return `${sphere}${by} of ${names(inputs)}${around}; ${numbers(parameters)}`;
    }
    case "nearswap":
      return `t = ${operation.t} towards ${name(operation.input)} on ${name(operation.base)}`;
    case "ram": {
      const boost = operation.boost === null ? "" : ", boosted";
      return `changes above ${operation.epsilon} of ${names(operation.inputs)}${boost} on ${name(operation.base)}`;
    }
    case "custom":
      return `${operation.method} of ${names(operation.inputs)}`;
    case "sce":
      return `selected ${operation.topk} of ${names(operation.inputs)} on ${name(operation.base)}`;
    case "arcee_fusion":
      return `important elements of ${name(operation.input)} on ${name(operation.base)}`;
  }
}

function explainTask(
  operation: Extract<Operation, { op: "task" }>,
  names: (inputs: readonly number[]) => string,
): string {
  const parts = [`deltas of ${names(operation.inputs)}`, `weights ${numbers(operation.weights)}`];
  const kept = operation.sparsify.map((each) => {
    if (each.kind === "magnitude") return `largest ${each.keep}`;
    if (each.kind === "global") return `largest ${numbers([each.density])} of the model`;
    if (each.kind === "row") return `of each row ${each.keep} below the largest ${each.top}`;
    if (each.kind === "outliers") return `${each.keep} below the largest ${each.top}`;
    if (each.kind === "rank") {
      return `by rank ${numbers([each.low])} to ${numbers([each.low + each.spread])}`;
    }
    const words = operation.torch === null ? 2 ** 32 : 2 ** 24;
    return each.kind === "random" ? `random ${numbers([each.threshold / words])}` : "all";
  });
  if (kept.some((each) => each !== "all")) parts.push(`keeping ${kept.join(", ")}`);
  if (operation.rescale) parts.push("rescaled");
  if (operation.consensus) parts.push("sign election");
  if (operation.normalize !== false) {
    parts.push(operation.normalize === "count" ? "normalized by count" : "normalized");
  }
  if (operation.lambda !== 1) parts.push(`lambda ${numbers([operation.lambda])}`);
  return `${parts.join("; ")}; on ${names([operation.base])}`;
}

function* explainTensors(plan: Plan): Generator<string> {
  for (const step of plan.steps) {
    const { tensor, dtype, shape, operation } = step;
    const what = explainOperation(operation, step, plan.models);
    yield `  ${printable(tensor)} ${dtype} [${shape.join(", ")}]: ${what}`;
  }
}

/** The whole plan as lines of text; with `tensors`, a line for every output tensor. */
export function explain(plan: Plan, options: { tensors?: boolean } = {}): string[] {
  const before = (plan.intermediates ?? []).flatMap(({ name, plan: made }) => {
    return [`document    ${printable(name)}`, ...explain(made, options), ""];
  });
  return [...before, ...explainOne(plan, options)];
}

function explainOne(plan: Plan, options: { tensors?: boolean }): string[] {
  const counts = new Map<string, number>();
  for (const { operation } of plan.steps) {
    counts.set(operation.op, (counts.get(operation.op) ?? 0) + 1);
  }
  const operations = [...counts].map(([op, count]) => `${count} ${op}`).join(", ");
  const lines = [
    `method      ${plan.method}`,
    ...plan.models.map((model, i) => `${i === 0 ? "models" : "      "}      ${printable(model)}`),
    `tensors     ${plan.steps.length} (${operations})`,
    `reads       ${formatBytes(inputBytes(plan))} from ${plan.sources.length} files`,
    `writes      ${formatBytes(outputBytes(plan))} to ${plan.shards.length} files`,
    `seed        ${plan.seed}`,
    `plan        ${plan.hash.slice(0, 16)}`,
    ...plan.notes.map((note) => `note        ${note}`),
  ];
  const reasons = new Map<string, number>();
  for (const { reason } of plan.dropped) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  for (const [reason, count] of reasons) {
    lines.push(`dropped     ${count} tensors of the inputs (${reason})`);
  }
  return options.tensors === true ? [...lines, ...explainTensors(plan)] : lines;
}
