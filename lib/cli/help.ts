/** The texts of `--help`. */

export const HELP = `weightloom: merge models, the same bytes everywhere

  weightloom merge RECIPE.yml OUT/       merge and write a model
  weightloom plan RECIPE.yml             check a recipe and say what it would do
  weightloom explain RECIPE.yml          the value of every parameter, layer by layer
  weightloom inspect MODEL               a model's tensors, dtypes, sizes and metadata
  weightloom diff MODEL MODEL...         how models differ, tensor by tensor
  weightloom verify OUT/                 whether a merged model is still what was merged
  weightloom average CHECKPOINT... OUT/  the mean of a run's checkpoints
  weightloom convert MODEL OUT/          write a model in another dtype
  weightloom reshard MODEL OUT/          write a model in files of another size
  weightloom doctor                      what this machine can compute with, and why not more

  weightloom COMMAND --help              the options of a command
  weightloom --version

RECIPE.yml is a mergekit configuration; a MODEL is a folder, a .safetensors file,
or a name on the hub.`;

/** Options of every command that computes. */
const COMPUTE = `  -j, --threads N          worker threads
  --backend NAME           auto (default), native or reference
  --isa NAME               avx512, avx2, neon or scalar (also WEIGHTLOOM_ISA)
  --device NAME            cpu (default), cuda, or auto: a GPU where one can be used
  --cuda                   the same as --device cuda
  --max-device-memory N    bound on the memory of each GPU, such as 4G
  --json                   print the result, or the problems, as JSON
  --quiet                  no progress`;

/** Options of every command that takes names of the hub. */
const HUB = `  --offline                take models of the hub from the cache only
  --transformers-cache DIR folder of the Hugging Face cache`;

/** Options of every command that writes a model. */
const WRITE = `  --overwrite              replace what lies at OUT, once the new model is whole
  --max-memory N           bound on anonymous memory, such as 512M
  --io NAME                auto (default), mmap or pread
  --on-nonfinite NAME      NaN and overflow in the output: warn (default), error or allow
  --no-resume              do not go on with whole shards that an interrupted run has left
  --no-sync                do not wait for the disk; faster, unsafe in a power cut
${HUB}
  --no-copy-tokenizer      leave out the tokenizer`;

const SHARDS = `  --max-shard-size N       most bytes in one file, such as 5GB, 500MiB, 0 for one file
                           (default 5GB)`;

const TEXTS: ReadonlyMap<string, string> = new Map([
  [
    "merge",
    `weightloom merge RECIPE.yml OUT/ [options]

  --random-seed N          seed of random choices (default 0)
  --random NAME            philox (default), or torch-cpu: mergekit's numbers on one CPU
  --out-shard-size N       most bytes in one file, such as 5B, 500M, 0 for one file (default 5B)
  --intermediate-dir DIR   keep the results of named documents there
  --no-write-model-card    leave out README.md and mergekit_config.yml
${WRITE}
${COMPUTE}

mergekit's other options are accepted; those without effect are named once.`,
  ],
  [
    "plan",
    `weightloom plan RECIPE.yml [options]

  --tensors                one line for every output tensor
  --random-seed N          seed of random choices (default 0)
  --out-shard-size N       most bytes in one file (default 5B)
${HUB}
  --json                   the whole plan as JSON`,
  ],
  [
    "explain",
    `weightloom explain RECIPE.yml [options]

${HUB}
  --json                   the same for every tensor as JSON`,
  ],
  [
    "inspect",
    `weightloom inspect MODEL [options]

${HUB}
  --json                   tensors, files, dtypes, sizes, tying and metadata as JSON`,
  ],
  [
    "diff",
    `weightloom diff MODEL MODEL... [options]

Compares all others with the first; with --base all with the base, as task vectors.

  --base MODEL             the model that the others were trained from
  --all                    list tensors that are the same, too
  --html FILE              write a page with heat maps (needs the package vega)
${HUB}
${COMPUTE}

Ends with 0 when all tensors are the same to the byte, 1 when something differs, 2 on trouble.`,
  ],
  [
    "verify",
    `weightloom verify OUT/ [options]

Compares every tensor with the digest in weightloom.manifest.json, and every input's size and header.

  --replay                 merge again from the inputs, without writing, and compare that too
${COMPUTE}

Ends with 0 when nothing differs, 1 when something does, 2 on trouble.`,
  ],
  [
    "average",
    `weightloom average CHECKPOINT... OUT/ [options]

Checkpoints are taken in the order of their names, numbers by value: 500 before 1000.

  --last N                 only the newest N
  --ema DECAY              weights of an exponential moving average, such as 0.99
  --dtype NAME             float32, float16 or bfloat16 (default: as in the first checkpoint)
${SHARDS}
  --no-write-model-card    leave out README.md and mergekit_config.yml
${WRITE}
${COMPUTE}`,
  ],
  [
    "convert",
    `weightloom convert MODEL OUT/ --dtype NAME [options]

  --dtype NAME             float32, float16 or bfloat16 (also fp32, fp16, bf16)
${SHARDS}
${WRITE}
${COMPUTE}`,
  ],
  [
    "reshard",
    `weightloom reshard MODEL OUT/ [options]

${SHARDS}
${WRITE}
${COMPUTE}`,
  ],
  [
    "doctor",
    `weightloom doctor [options]

Says which instruction sets and GPUs are used on this machine, and why others are not.

  --json                   the same as JSON`,
  ],
]);

export function helpFor(command: string): string {
  return TEXTS.get(command) ?? HELP;
}
