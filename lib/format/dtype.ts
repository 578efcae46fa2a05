/** The dtypes of the safetensors format: a dtype is a row of data. */
export interface DtypeRow {
  readonly bits: number;
  /** How the merge treats values of this dtype. */
  readonly kind: "float" | "integer" | "opaque";
  /** Number the native side knows a mergeable dtype by; see native/codecs/dtype.h. */
  readonly codec?: number;
}

/** A dtype name of the format. */
export type Dtype =
  | "F64"
  | "C64"
  | "I64"
  | "U64"
  | "F32"
  | "I32"
  | "U32"
  | "BF16"
  | "F16"
  | "I16"
  | "U16"
  | "F8_E4M3"
  | "F8_E5M2"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "I8"
  | "U8"
  | "BOOL"
  | "F6_E3M2"
  | "F6_E2M3"
  | "F4";

/** Every dtype, widest first: the order in which tensors are laid out. */
export const DTYPES: Readonly<Record<Dtype, DtypeRow>> = {
  F64: { bits: 64, kind: "opaque" },
  C64: { bits: 64, kind: "opaque" },
  I64: { bits: 64, kind: "integer" },
  U64: { bits: 64, kind: "integer" },
  F32: { bits: 32, kind: "float", codec: 0 },
  I32: { bits: 32, kind: "integer" },
  U32: { bits: 32, kind: "integer" },
  BF16: { bits: 16, kind: "float", codec: 2 },
  F16: { bits: 16, kind: "float", codec: 1 },
  I16: { bits: 16, kind: "integer" },
  U16: { bits: 16, kind: "integer" },
  F8_E4M3: { bits: 8, kind: "float", codec: 3 },
  F8_E5M2: { bits: 8, kind: "float", codec: 4 },
  F8_E8M0: { bits: 8, kind: "opaque" },
  F8_E4M3FNUZ: { bits: 8, kind: "opaque" },
  F8_E5M2FNUZ: { bits: 8, kind: "opaque" },
  I8: { bits: 8, kind: "integer" },
  U8: { bits: 8, kind: "integer" },
  BOOL: { bits: 8, kind: "integer" },
  F6_E3M2: { bits: 6, kind: "opaque" },
  F6_E2M3: { bits: 6, kind: "opaque" },
  F4: { bits: 4, kind: "opaque" },
};

/** A dtype whose values can be merged. */
export type FloatDtype = "F32" | "F16" | "BF16" | "F8_E4M3" | "F8_E5M2";

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPES, name);
}

export function isFloatDtype(name: Dtype): name is FloatDtype {
  return DTYPES[name].kind === "float";
}

/** Bytes that `count` elements take; exact while the result stays below 2^53. */
export function byteLength(dtype: Dtype, count: number): number {
  return (count * DTYPES[dtype].bits) / 8;
}
