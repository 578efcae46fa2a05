/** Whether a value from a manifest is an operation over so many inputs. */
import type { Operation, Sparsify } from "../plan/types.ts";

type Test = (value: unknown, inputs: number) => boolean;
type Form = Readonly<Record<string, Test>>;

const isNumber: Test = (value) => typeof value === "number";
const isFlag: Test = (value) => typeof value === "boolean";
const isText: Test = (value) => typeof value === "string";
const isInput: Test = (value, inputs) => {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < inputs;
};
const orNull = (test: Test): Test => {
  return (value, inputs) => value === null || test(value, inputs);
};
const listOf = (test: Test): Test => {
  return (value, inputs) => Array.isArray(value) && value.every((each) => test(each, inputs));
};
const oneOf = (...values: readonly unknown[]): Test => {
  return (value) => values.includes(value);
};
const formed = (form: Form): Test => {
  return (value, inputs) => {
    if (typeof value !== "object" || value === null) return false;
    const fields = value as Readonly<Record<string, unknown>>;
    return Object.entries(form).every(([key, test]) => test(fields[key], inputs));
  };
};
const kinds = (key: string, forms: Readonly<Record<string, Form>>): Test => {
  return (value, inputs) => {
    const kind = (value as Readonly<Record<string, unknown>> | null)?.[key];
    if (typeof kind !== "string" || !Object.hasOwn(forms, kind)) return false;
    return formed(forms[kind])(value, inputs);
  };
};

const inputs = listOf(isInput);
const numbers = listOf(isNumber);
const record: Test = (value) => typeof value === "object" && value !== null;

const SPARSIFY: Readonly<Record<Sparsify["kind"], Form>> = {
  none: {},
  magnitude: { keep: isNumber },
  global: { density: isNumber, trim: isNumber, first: isNumber },
  random: { threshold: isNumber, model: isNumber },
  outliers: { top: isNumber, keep: isNumber },
  row: { top: isNumber, keep: isNumber },
  rank: { low: isNumber, spread: isNumber, model: isNumber, inverse: isFlag },
};

const OPERATIONS: Readonly<Record<Operation["op"], Form>> = {
  copy: { input: isInput },
  same: {},
  linear: { inputs, weights: numbers, divisor: orNull(isNumber), mean: isFlag },
  span: {
    sphere: oneOf("slerp", "nuslerp", "multislerp", "karcher", "model_stock"),
    inputs,
    base: orNull(isInput),
    axis: oneOf("all", "rows", "columns"),
    width: isNumber,
    parameters: numbers,
  },
  nearswap: { base: isInput, input: isInput, t: isNumber },
  ram: {
    base: isInput,
    inputs,
    epsilon: isNumber,
    boost: orNull(formed({ r: isNumber, alpha: isNumber })),
  },
  sce: { base: isInput, inputs, topk: isNumber },
  arcee_fusion: { base: isInput, input: isInput, width: isNumber },
  custom: {
    method: isText,
    inputs,
    base: orNull(isInput),
    shape: numbers,
    parameters: record,
    modelParameters: record,
  },
  task: {
    base: isInput,
    inputs,
    weights: numbers,
    sparsify: listOf(kinds("kind", SPARSIFY)),
    rescale: isFlag,
    factors: numbers,
    consensus: isFlag,
    normalize: oneOf(false, "weights", "count"),
    divisor: isNumber,
    lambda: isNumber,
    key: numbers,
    torch: orNull(formed({ seed: isNumber, offset: isNumber })),
    width: isNumber,
  },
};

const isKnown = kinds("op", OPERATIONS);

/** Lists that have one entry for each of the operation's own inputs. */
function isEven(operation: Operation): boolean {
  if (operation.op === "linear") return operation.weights.length === operation.inputs.length;
  if (operation.op !== "task") return true;
  const { weights, sparsify, factors, key } = operation;
  const lists = [weights, sparsify, factors];
  return key.length === 2 && lists.every(({ length }) => length === operation.inputs.length);
}

export function isOperation(value: unknown, inputs: number): value is Operation {
  return isKnown(value, inputs) && isEven(value as Operation);
}
