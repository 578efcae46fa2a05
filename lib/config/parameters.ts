import type { ConditionalValue, ParameterSetting, Parameters } from "./types.ts";

/**
 * Value of a setting for one tensor. `t` in [0, 1] is the layer's position in its slice, for
 * gradients. Of conditional values the first counts whose filter is absent, `*`, or a part of the
 * tensor's name; undefined when there is none, and the next level is to be asked.
 */
export function evaluate(
  setting: ParameterSetting | undefined,
  t: number,
  tensorName: string,
): number | undefined {
  if (typeof setting === "number" || setting === undefined) return setting;
  if (isGradient(setting)) return interpolate(setting, t);
  const match = setting.find(({ filter }) => {
    return filter === undefined || filter === "*" || tensorName.includes(filter);
  });
  return match === undefined ? undefined : evaluate(match.value, t, tensorName);
}

/** The first value of a parameter that a level yields; `levels` in order of precedence. */
export function resolve(
  levels: readonly Parameters[],
  name: string,
  t: number,
  tensorName: string,
): number | undefined {
  for (const level of levels) {
    const value = evaluate(level[name], t, tensorName);
    if (value !== undefined) return value;
  }
  return undefined;
}

function isGradient(
  setting: readonly number[] | readonly ConditionalValue[],
): setting is readonly number[] {
  return typeof setting[0] === "number";
}

function interpolate(gradient: readonly number[], t: number): number {
  const position = t * (gradient.length - 1);
  const i = Math.trunc(position);
  const j = Math.min(gradient.length - 1, i + 1);
  const fraction = position - i;
  return (1 - fraction) * gradient[i] + fraction * gradient[j];
}
