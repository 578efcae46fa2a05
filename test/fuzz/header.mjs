/** The header scanner beside an oracle of its own: JSON.parse, a list of tokens, and the rules. */
import { MergeError } from "../../dist/errors.js";
import { DTYPES } from "../../dist/format/dtype.js";
import { parseHeader } from "../../dist/format/header.js";
import { mutate } from "./mutate.mjs";

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gs;
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** Numbers as strings with a mark before them, so that JSON.parse keeps their text. */
function marked(tokens) {
  return tokens
    .map((token) => {
      if (token[0] === '"') return `"s${token.slice(1)}`;
      return /^[-0-9]/.test(token) ? `"#${token}"` : token;
    })
    .join("");
}

/** Whether names repeat in an object, nesting is too deep, or a string is not well-formed. */
function ambiguous(tokens) {
  const open = [];
  for (const [i, token] of tokens.entries()) {
    if (token[0] === '"') {
      const text = JSON.parse(token);
      if (!text.isWellFormed()) return true;
      if (tokens[i + 1] !== ":") continue;
      const names = open.at(-1);
      if (names.has(text)) return true;
      names.add(text);
    }
    if (token === "{" || token === "[") open.push(new Set());
    if (token === "}" || token === "]") open.pop();
    if (open.length > 16) return true;
  }
  return false;
}

function integers(list, least, most) {
  if (!Array.isArray(list) || list.length < least || list.length > most) return undefined;
  const values = list.map((each) => {
    return typeof each === "string" && /^#(0|[1-9]\d*)$/.test(each) ? BigInt(each.slice(1)) : -1n;
  });
  return values.every((value) => value >= 0n && value <= LARGEST) ? values : undefined;
}

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The span of an entry, or undefined when it breaks a rule. */
function spanOf(entry) {
  if (!isRecord(entry) || typeof entry.sdtype !== "string") return undefined;
  const dtype = Object.hasOwn(DTYPES, entry.sdtype.slice(1)) ? DTYPES[entry.sdtype.slice(1)] : null;
  const shape = integers(entry.sshape, 0, 64);
  const span = integers(entry.sdata_offsets, 2, 2);
  if (dtype === null || entry.sdtype[0] !== "s" || shape === undefined) return undefined;
  if (span === undefined) return undefined;
  const product = shape.reduce((all, each) => all * (each === 0n ? 1n : each), 1n);
  if (product * BigInt(dtype.bits) > LARGEST) return undefined;
  const bits = shape.includes(0n) ? 0n : product * BigInt(dtype.bits);
  return bits % 8n === 0n && span[1] - span[0] === bits / 8n ? span : undefined;
}

function isMetadata(value) {
  if (value === null) return true;
  return (
    isRecord(value) &&
    Object.values(value).every((each) => {
      return typeof each === "string" && each[0] === "s";
    })
  );
}

/** Whether a header may be accepted. */
function allows(bytes, fileSize) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    JSON.parse(text);
  } catch {
    return false;
  }
  const tokens = text.match(TOKEN) ?? [];
  const top = JSON.parse(marked(tokens));
  if (!isRecord(top) || ambiguous(tokens)) return false;
  const spans = [];
  for (const [name, value] of Object.entries(top)) {
    if (name === "s__metadata__") {
      if (!isMetadata(value)) return false;
      continue;
    }
    const span = spanOf(value);
    if (span === undefined) return false;
    spans.push(span);
  }
  spans.sort((a, b) => Number(a[0] - b[0]) || Number(a[1] - b[1]));
  let end = 0n;
  for (const [first, last] of spans) {
    if (first !== end) return false;
    end = last;
  }
  return end === BigInt(fileSize - 8 - bytes.length);
}

const entry = (dtype, shape, span) =>
  `{"dtype":"${dtype}","shape":${JSON.stringify(shape)},"data_offsets":${JSON.stringify(span)}}`;
const CORPUS = [
  "{}",
  `{"a":${entry("F32", [2, 3], [0, 24])}}`,
  `{"__metadata__":{"format":"pt"},"b":${entry("BF16", [4], [0, 8])},"a":${entry("U8", [], [8, 9])}}`,
  `{"x":${entry("F4", [2, 2], [0, 2])},"y":${entry("I64", [0, 9], [2, 2])},"z":${entry("F16", [11], [2, 24])}}  `,
  `{"\\u0061\\ud83d\\ude00":${entry("F8_E4M3", [24], [0, 24])},"__metadata__":null}`,
  `{"e":{"extra":[[{}],-1.5e3,true,null,"x"],"shape":[1],"dtype":"F64","data_offsets":[0,8]}}\n`,
];
const PIECES = [
  ...'{}[],:"\\ \n\t-+.eE0192',
  ...["\\ud83d", "\\u0061", "\ud800", "true", "null", "1e1", "-0", "2.0", "9007199254740992", "00"],
  ...['"dtype":', '"shape":', '"data_offsets":', '"a":', '"__proto__":', '"__metadata__":'],
  ...["[[[[[[[[", "]]]]]]]]", "\ufeff", "\u00a0", "\f", ',"a":{}', "BF16", "F6_E2M3"],
];

/** One try. @throws Error when scanner and oracle disagree */
export function attempt(chance) {
  const damaged = Buffer.from(mutate(chance.of(CORPUS), chance, PIECES, CORPUS));
  if (damaged.length > 0 && chance.below(20) === 0) {
    damaged[chance.below(damaged.length)] = chance.below(256);
  }
  const fileSize = 8 + damaged.length + chance.of([0, 8, 9, 24, 24, 24, chance.below(40)]);
  let refused;
  try {
    parseHeader(damaged, fileSize);
  } catch (error) {
    if (!(error instanceof MergeError)) throw error;
    refused = error;
  }
  if ((refused === undefined) === allows(damaged, fileSize)) return refused === undefined;
  const verdict = refused === undefined ? "is accepted" : `is refused: ${refused.message}`;
  throw new Error(`${verdict}: ${JSON.stringify(damaged.toString("latin1"))} of ${fileSize}`);
}
