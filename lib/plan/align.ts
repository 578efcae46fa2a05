/** Finds a wanted tensor in every source of its slice, and makes their shapes agree. */
import { printable } from "../errors.ts";
import type { Model, ModelTensor } from "../format/model.ts";
import type { Wanted } from "./layers.ts";
import { isVocabularyTensor } from "./names.ts";
import type { Tally } from "./tally.ts";

/** A wanted tensor with what the sources hold of it. */
export interface Aligned {
  wanted: Wanted;
  tensors: readonly ModelTensor[];
  shape: readonly number[];
  count: number;
  /** Rows were cut because vocabularies differ. */
  cut: boolean;
}

function embeddingOf(model: Model): ModelTensor | undefined {
  for (const tensor of model.tensors.values()) {
    if (/embed|wte/.test(tensor.name) && isVocabularyTensor(tensor.name, tensor.shape.length)) {
      return tensor;
    }
  }
  return undefined;
}

/** The tensor, or for an absent output head the embedding it is tied to. */
function findTensor(model: Model, name: string): ModelTensor | undefined {
  const own = model.tensors.get(name);
  if (own !== undefined || !/(^|\.)lm_head\.weight$/.test(name)) return own;
  return model.config?.value.tie_word_embeddings === false ? undefined : embeddingOf(model);
}

function reportMissing(wanted: Wanted, source: number, tally: Tally): void {
  const { model, place } = wanted.slice.sources[source];
  const name = printable(wanted.sourceNames[source]);
  tally.add(
    `missing ${source} ${model.path}`,
    "MISSING_TENSOR",
    `${printable(model.path)} has no tensor ${name}, which the output needs`,
    "merge models of one architecture, or check the layer ranges",
    place,
  );
}

/** Shapes agree, or those of vocabulary tensors do after cutting to the fewest rows. */
function commonShape(name: string, tensors: readonly ModelTensor[]): readonly number[] | undefined {
  const [first] = tensors;
  const same = tensors.every(({ shape }) => shape.join() === first.shape.join());
  if (same) return first.shape;
  const tables = tensors.every(({ shape }) => isVocabularyTensor(name, shape.length));
  const columns = first.shape[1];
  if (!tables || tensors.some(({ shape }) => shape[1] !== columns)) return undefined;
  return [Math.min(...tensors.map(({ shape }) => shape[0])), columns];
}

/** Aligns one wanted tensor; undefined when a problem was reported instead. */
export function align(wanted: Wanted, tally: Tally): Aligned | undefined {
  const tensors: ModelTensor[] = [];
  let complete = true;
  wanted.slice.sources.forEach(({ model }, s) => {
    const tensor = findTensor(model, wanted.sourceNames[s]);
    if (tensor !== undefined) {
      tensors.push(tensor);
    } else {
      reportMissing(wanted, s, tally);
      complete = false;
    }
  });
  if (!complete) return undefined;
  const shape = commonShape(wanted.name, tensors);
  if (shape === undefined) {
    reportShapes(wanted, tensors, tally);
    return undefined;
  }
  const count = shape.reduce((product, axis) => product * axis, 1);
  return { wanted, tensors, shape, count, cut: tensors.some((t) => t.count !== count) };
}

function reportShapes(wanted: Wanted, tensors: readonly ModelTensor[], tally: Tally): void {
  const shapes = tensors.map((tensor, s) => {
    return `[${tensor.shape.join(", ")}] in ${printable(wanted.slice.sources[s].model.path)}`;
  });
  const cause = `shape ${tensors.map(({ shape }) => shape.join()).join(";")}`;
  tally.add(
    cause,
    "SHAPE_MISMATCH",
    `${printable(wanted.name)} has different shapes: ${shapes.join(", ")}`,
    "only models of one size and architecture can be merged",
  );
}
