import { stringify } from "yaml";

/**
 * A recipe's text as YAML: as it is, unless it is JSON; then in block style, with every string
 * quoted that YAML 1.1, which mergekit reads, would take for something else.
 */
export function recipeYaml(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  return stringify(value, { compat: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false });
}
