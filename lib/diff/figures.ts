/** Numbers of a diff as people read them. */

/** Four digits; an en dash where there is none. */
export function figure(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "\u2013";
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) {
    const digits = Math.max(0, 4 - Math.max(1, Math.floor(Math.log10(size)) + 1));
    return value.toFixed(size >= 1 ? digits : 4);
  }
  return value.toExponential(2);
}

/** A share as a percentage: 100 % only where it is all, 0 % only where it is nothing. */
export function percent(share: number | null): string {
  if (share === null || Number.isNaN(share)) return "\u2013";
  const text = (100 * share).toFixed(1);
  if (text === "100.0" && share < 1) return "> 99.9 %";
  if (text === "0.0" && share > 0) return "< 0.1 %";
  return `${text} %`;
}
