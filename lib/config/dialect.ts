const TRUE_WORDS = new Set(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"]);
const FALSE_WORDS = new Set(["n", "N", "no", "No", "NO", "off", "Off", "OFF"]);

/** The boolean that an unquoted word is in YAML 1.1; YAML 1.2 reads these words as text. */
export function booleanWord(written: string): boolean | undefined {
  if (TRUE_WORDS.has(written)) return true;
  return FALSE_WORDS.has(written) ? false : undefined;
}

const DIVERGENT: readonly (readonly [form: RegExp, reading: string])[] = [
  [/^[-+]?0[0-9_]+$/, "a leading zero is octal in YAML 1.1 and decimal in YAML 1.2"],
  [/^[-+]?0o[0-7]+$/, "0o is octal in YAML 1.2 and text in YAML 1.1"],
  [/^[-+]?0b[01_]+$/, "0b is binary in YAML 1.1 and text in YAML 1.2"],
  [/^[-+]0x[0-9a-fA-F_]+$/, "signed hexadecimal is a number in YAML 1.1 and text in YAML 1.2"],
  [/^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/, "a:b is base 60 in YAML 1.1"],
  [/^[-+]?(?=[0-9._]*_)[0-9][0-9_]*(\.[0-9_]*)?$/, "_ groups digits in YAML 1.1 only"],
  [/^0x(?=[0-9a-fA-F]*_)[0-9a-fA-F_]+$/, "_ groups digits in YAML 1.1 only"],
];

/**
 * How YAML 1.1, which mergekit reads, and YAML 1.2 differ about this unquoted number; undefined
 * when they agree, or when neither takes it for a number.
 */
export function divergence(written: string): string | undefined {
  return DIVERGENT.find(([form]) => form.test(written))?.[1];
}

/** The value of text that spells a decimal number, `1e-5` or `+.5` for example. */
export function numberFromText(text: string): number | undefined {
  return /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/.test(text)
    ? Number(text)
    : undefined;
}
