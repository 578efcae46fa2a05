/** JSON in two levels: sections, and in each of them one line for each member or item. */

type Section = readonly [name: string, json: string];

/** An object whose members are sections that are JSON already; ends with a line feed. */
export function sections(named: readonly Section[]): string {
  return `{\n${named.map(sectionLine).join(",\n")}\n}\n`;
}

/** The first sections of such an object; others follow. */
export function opening(named: readonly Section[]): string {
  return `{\n${named.map((each) => `${sectionLine(each)},\n`).join("")}`;
}

/** Its last sections; others come before. */
export function closing(named: readonly Section[]): string {
  return `${named.map((each) => `,\n${sectionLine(each)}`).join("")}\n}\n`;
}

function sectionLine([name, json]: Section): string {
  return `  "${name}": ${json}`;
}

/** A section: the members of a record, in its order. */
export function members(record: object): string {
  return object(Object.entries(record).map(([name, value]) => [name, JSON.stringify(value)]));
}

/** A section: members that are JSON already, ordered by name; a name may be any text. */
export function membersByName(named: readonly (readonly [name: string, json: string])[]): string {
  return object(named.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** A section: a list. */
export function items(values: readonly unknown[]): string {
  return enclose(
    "[",
    "]",
    values.map((value) => JSON.stringify(value)),
  );
}

function object(named: readonly (readonly [name: string, json: string])[]): string {
  return enclose(
    "{",
    "}",
    named.map(([name, json]) => `${JSON.stringify(name)}: ${json}`),
  );
}

function enclose(open: string, close: string, lines: readonly string[]): string {
  if (lines.length === 0) return open + close;
  return `${open}\n${lines.map((line) => `    ${line}`).join(",\n")}\n  ${close}`;
}
