import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Checkpoint } from "../../../examples/tiny-family/checkpoint.ts";
import { Llama, type TensorLookup } from "../../../examples/tiny-family/llama.ts";
import { Tokenizer } from "../../../examples/tiny-family/tokenizer.ts";

export const EXAMPLES = join(import.meta.dirname, "../../../examples");

export function readJson(...path: string[]) {
  return JSON.parse(readFileSync(join(EXAMPLES, ...path), "utf8"));
}

/** Looks bfloat16 tensors up in a safetensors file. */
function bfloat16Tensors(path: string): TensorLookup {
  const file = readFileSync(path);
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + headerLength));
  return (name) => {
    const [begin, end] = header[name].data_offsets as [number, number];
    const bits = new Uint32Array((end - begin) / 2);
    for (let i = 0; i < bits.length; i++) {
      bits[i] = file.readUInt16LE(8 + headerLength + begin + 2 * i) << 16;
    }
    return new Float32Array(bits.buffer);
  };
}

/** An example model, read without the package. */
export function exampleModel(name: string): Checkpoint {
  const tensors = bfloat16Tensors(join(EXAMPLES, "models", name, "model.safetensors"));
  return {
    llama: new Llama(readJson("models", name, "config.json"), tensors),
    tokenizer: new Tokenizer(readJson("models", name, "tokenizer.json")),
  };
}
