/**
 * Where things stand in a JSON text, so that single values can be replaced and everything else
 * keeps its characters. The text must have passed `JSON.parse`. Nothing here recurses.
 */

/** A value's characters: `text.slice(start, end)`. */
export interface Span {
  start: number;
  end: number;
}

/** A member of an object: its unescaped name, where the quoted name stands, and its value. */
export interface Member {
  name: string;
  key: Span;
  value: Span;
}

/** Characters to take out of a text, and what to put there. */
export interface Edit extends Span {
  text: string;
}

/** Members of the object whose `{` stands at `at`, in order; repeated names occur repeatedly. */
export function membersAt(text: string, at: number): Member[] {
  const members: Member[] = [];
  let next = skipSpace(text, at + 1);
  while (text[next] !== "}") {
    const key = { start: next, end: skipValue(text, next) };
    const start = skipSpace(text, skipSpace(text, key.end) + 1);
    const value = { start, end: skipValue(text, start) };
    members.push({ name: JSON.parse(text.slice(key.start, key.end)), key, value });
    next = skipComma(text, value.end);
  }
  return members;
}

/** Items of the array whose `[` stands at `at`, in order. */
export function itemsAt(text: string, at: number): Span[] {
  const items: Span[] = [];
  let next = skipSpace(text, at + 1);
  while (text[next] !== "]") {
    const item = { start: next, end: skipValue(text, next) };
    items.push(item);
    next = skipComma(text, item.end);
  }
  return items;
}

/** Position of the first character that is not white space. */
export function skipSpace(text: string, at: number): number {
  let next = at;
  while (" \t\r\n".includes(text[next])) next++;
  return next;
}

/** The text with all edits made; where an edit ends, another may begin, but none may overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = "";
  let done = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    result += text.slice(done, edit.start) + edit.text;
    done = edit.end;
  }
  return result + text.slice(done);
}

function skipComma(text: string, at: number): number {
  const next = skipSpace(text, at);
  return text[next] === "," ? skipSpace(text, next + 1) : next;
}

/** Position after the value that starts at `at`. */
function skipValue(text: string, at: number): number {
  let depth = 0;
  let next = at;
  do {
    const c = text[next];
    if (c === '"') next = skipString(text, next);
    else if (c === "{" || c === "[") {
      depth++;
      next++;
    } else if (c === "}" || c === "]") {
      depth--;
      next++;
    } else next = depth === 0 ? skipScalar(text, next) : next + 1;
  } while (depth > 0);
  return next;
}

function skipString(text: string, at: number): number {
  let next = at + 1;
  while (text[next] !== '"') next += text[next] === "\\" ? 2 : 1;
  return next + 1;
}

function skipScalar(text: string, at: number): number {
  const scalar = /[-+.\w]+/y;
  scalar.lastIndex = at;
  scalar.test(text);
  return scalar.lastIndex;
}
