/**
 * Merges three experts into one model, then asks all of them what they can do:
 * a language model that reverses words, one that sorts letters, and one that adds numbers.
 */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { merge } from "weightloom";
import { readQuestions, retention, TASKS } from "./evaluate.ts";
import { evaluateInThread } from "./parallel.ts";
import { formatTable } from "./table.ts";

const examples = join(import.meta.dirname, "../../examples");
const recipe = join(examples, "tiny-family/ties.yml");
const out = join(process.cwd(), "out/tiny-family-ties");

// 1. Merge.
console.log(`Merging ${TASKS.join(", ")} as ${relative("", recipe)} says ...`);
const started = performance.now();
await merge(recipe, {
  out,
  overwrite: true,
  onProgress: ({ bytesDone, bytesTotal }) => {
    if (process.stdout.isTTY) {
      process.stdout.write(`${Math.round((100 * bytesDone) / bytesTotal)} %\r`);
    }
  },
});
const milliseconds = Math.round(performance.now() - started);
console.log(`Wrote ${relative("", out)} in ${milliseconds} ms.\n`);

// 2. Evaluate, each model in its own thread.
const questions = readQuestions(join(examples, "eval"));
console.log(`Asking base, experts and merge ${questions.add.length} questions per task ...\n`);
const model = (name: string) => evaluateInThread(join(examples, "models", name), questions);
const [base, reverse, sort, add, merged] = await Promise.all([
  model("base"),
  model("reverse"),
  model("sort"),
  model("add"),
  evaluateInThread(out, questions),
]);

// 3. Print: accuracy by task, and how much of the experts' skill is left on average.
const experts = { reverse: reverse.reverse, sort: sort.sort, add: add.add };
const expected = JSON.parse(readFileSync(join(examples, "eval/expected.json"), "utf8"));
const rows = Object.entries({ base, reverse, sort, add, "merged (TIES)": merged }).map(
  ([name, accuracy]) => ({ model: name, ...accuracy, retention: retention(accuracy, experts) }),
);
console.log(
  formatTable([...rows, { model: "same by mergekit", ...expected.mergekit["ties.yml"] }]),
);
