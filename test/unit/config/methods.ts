import type { Method, ParameterSpec } from "../../../lib/methods/types.ts";

const spec = (
  name: string,
  scope: "global" | "model",
  type: ParameterSpec["type"],
  more: Partial<ParameterSpec> = {},
): ParameterSpec => ({ name, scope, type, about: `about ${name}`, ...more });

const weight = spec("weight", "model", "number");
const density = spec("density", "model", "number", { default: 1, min: 0, max: 1 });

const method = (
  name: string,
  base: Method["base"],
  models: Method["models"],
  parameters: readonly ParameterSpec[],
): Method => ({
  name,
  title: name,
  source: "test",
  base,
  models,
  parameters,
  lower() {
    throw new Error("never called");
  },
});

const any = (min: number): Method["models"] => ({ min, max: Number.POSITIVE_INFINITY });

/** A few declarations that between them show every rule a declaration can make. */
export const methods: ReadonlyMap<string, Method> = new Map(
  [
    method("linear", "ignored", any(1), [
      weight,
      spec("normalize", "global", "boolean", { default: true }),
    ]),
    method("slerp", "among", { min: 2, max: 2 }, [
      spec("t", "global", "number", { min: 0, max: 1 }),
    ]),
    method("ties", "required", any(1), [
      weight,
      density,
      spec("normalize", "global", "boolean", { default: true }),
      spec("int8_mask", "global", "boolean", { default: false }),
      spec("lambda", "global", "number", { default: 1 }),
    ]),
    method("multislerp", "optional", any(1), [weight, spec("eps", "global", "number", { min: 0 })]),
    method("karcher", "ignored", any(1), [
      spec("max_iter", "global", "integer", { default: 10, min: 1 }),
    ]),
    method("passthrough", "ignored", { min: 1, max: 1 }, [
      spec("scale", "model", "number", { optional: true }),
    ]),
  ].map((each) => [each.name, each]),
);
