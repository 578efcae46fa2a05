/** The texts of `--help`. */

export const HELP = `weightloom: merge models, the same bytes everywhere

  weightloom merge RECIPE.yml OUT/    merge and write a model
  weightloom plan RECIPE.yml          check a recipe and say what it would do
  weightloom explain RECIPE.yml       the value of every parameter, layer by layer
  weightloom inspect MODEL/           list a model's tensors

  weightloom COMMAND --help           the options of a command
  weightloom --version

RECIPE.yml is a mergekit configuration.`;

const TEXTS: ReadonlyMap<string, string> = new Map([
  [
    "merge",
    `weightloom merge RECIPE.yml OUT/ [options]

  --overwrite              replace what lies at OUT, once the new model is whole
  --random-seed N          seed of random choices (default 0)
  --random NAME            philox (default), or torch-cpu: mergekit's numbers on one CPU
  --out-shard-size N       most bytes in one file, such as 5B, 500M, 0 for one file (default 5B)
  -j, --threads N          worker threads
  --max-memory N           bound on anonymous memory, such as 512M
  --backend NAME           auto (default), native or reference
  --isa NAME               avx512, avx2, neon or scalar (also WEIGHTLOOM_ISA)
  --io NAME                auto (default), mmap or pread
  --on-nonfinite NAME      NaN and overflow in the output: warn (default), error or allow
  --no-resume              do not go on with whole shards that an interrupted merge has left
  --no-sync                do not wait for the disk; faster, unsafe in a power cut
  --offline                take models of the hub from the cache only
  --transformers-cache DIR folder of the Hugging Face cache
  --intermediate-dir DIR   keep the results of named documents there
  --no-copy-tokenizer      leave out the tokenizer
  --no-write-model-card    leave out README.md and mergekit_config.yml
  --json                   print the result, or the problems, as JSON
  --quiet                  no progress

mergekit's other options are accepted; those without effect are named once.`,
  ],
  [
    "plan",
    `weightloom plan RECIPE.yml [options]

  --tensors                one line for every output tensor
  --random-seed N          seed of random choices (default 0)
  --out-shard-size N       most bytes in one file (default 5B)
  --offline                take models of the hub from the cache only
  --transformers-cache DIR folder of the Hugging Face cache
  --json                   the whole plan as JSON`,
  ],
  [
    "explain",
    `weightloom explain RECIPE.yml [options]

  --offline                take models of the hub from the cache only
  --transformers-cache DIR folder of the Hugging Face cache
  --json                   the same for every tensor as JSON`,
  ],
  [
    "inspect",
    `weightloom inspect MODEL/ [options]

  --json                   tensors, dtypes, sizes and metadata as JSON`,
  ],
]);

export function helpFor(command: string): string {
  return TEXTS.get(command) ?? HELP;
}
