import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findCompanions, MAX_COMPANION } from "../../../lib/assets/companions.ts";

const TAKEN = [
  "LICENSE",
  "LICENSE-MIT",
  "LICENSE.txt",
  "NOTICE",
  "NOTICE.md",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "configuration_own.py",
  "generation_config.json",
  "image_processing_own.py",
  "merges.txt",
  "modeling_own.py",
  "preprocessor_config.json",
  "processor_config.json",
  "sentencepiece.bpe.model",
  "special_tokens_map.json",
  "spiece.model",
  "tokenization_own.py",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "video_preprocessor_config.json",
  "vocab.json",
  "vocab.txt",
];

const LEFT = [
  ".gitattributes",
  "LICENSED",
  "LICENSE copy",
  "README.md",
  "Tokenizer.json",
  "config.json",
  "mergekit_config.yml",
  "model-00001-of-00002.safetensors",
  "model.safetensors",
  "model.safetensors.index.json",
  "modeling_.py",
  "modeling_a b.py",
  "modeling_own.pyc",
  "original.pth",
  "pytorch_model.bin",
  "setup.py",
  "training_args.bin",
  "weightloom.manifest.json",
];

describe("findCompanions", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "weightloom-companions-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const names = () => findCompanions(root).map(({ name }) => name);
  const refusal = (code: string) => expect.objectContaining({ code });

  test("takes the files it knows, by name, and no others", () => {
    for (const name of [...TAKEN, ...LEFT].reverse()) writeFileSync(join(root, name), "x");
    expect(findCompanions(root)).toEqual(
      TAKEN.map((name) => ({ name, bytes: { copyFrom: join(root, name) } })),
    );
  });

  test("is empty for an empty directory, and refuses none", () => {
    expect(names()).toEqual([]);
    root = join(root, "absent");
    expect(names).toThrow(refusal("MODEL_NOT_FOUND"));
    mkdirSync(root);
  });

  test("follows links to files", () => {
    mkdirSync(join(root, "blobs"));
    writeFileSync(join(root, "blobs", "0123"), "{}");
    symlinkSync(join("blobs", "0123"), join(root, "tokenizer.json"));
    expect(names()).toEqual(["tokenizer.json"]);
  });

  test("refuses a dangling link", () => {
    symlinkSync("nothing", join(root, "tokenizer.json"));
    expect(names).toThrow(refusal("FILE_UNREADABLE"));
  });

  test("refuses a directory under a fixed name, leaves one out that a pattern matches", () => {
    mkdirSync(join(root, "LICENSE-files"));
    mkdirSync(join(root, "modeling_own.py"));
    expect(names()).toEqual([]);
    mkdirSync(join(root, "vocab.json"));
    expect(names).toThrow(refusal("NOT_A_FILE"));
  });

  test("refuses a file beyond the limit", () => {
    writeFileSync(join(root, "tokenizer.json"), "");
    truncateSync(join(root, "tokenizer.json"), MAX_COMPANION);
    expect(names()).toEqual(["tokenizer.json"]);
    truncateSync(join(root, "tokenizer.json"), MAX_COMPANION + 1);
    expect(names).toThrow(refusal("UNSUPPORTED"));
  });
});
