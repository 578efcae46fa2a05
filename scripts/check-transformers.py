"""Merges the example models, and loads each result with transformers: every weight has its place,
every tensor is what the file holds, and a forward pass gives finite logits; those of the TIES
merge agree with the examples' own Llama. Run through check-transformers.sh."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import safetensors.torch
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "examples/models"
PROMPTS = json.loads((ROOT / "examples/eval/reference-logits.json").read_text())["prompts"]
# Difference of logits between float32 and the examples' float64 arithmetic; logits reach 14.
TOLERANCE = 1e-4

LOGITS = """
const { loadCheckpoint } = await import(process.argv[1]);
const { llama } = loadCheckpoint(process.argv[2]);
const logits = JSON.parse(process.argv[3]).map((ids) => llama.logits(ids).map((row) => [...row]));
console.log(JSON.stringify(logits));
"""


@dataclass
class Case:
    name: str
    recipe: dict
    dtype: torch.dtype
    options: list[str] = field(default_factory=list)
    layers: int = 5
    sharded: bool = False
    logits: bool = False


def model(name: str, **parameters: float) -> dict:
    return {"model": str(MODELS / name), "parameters": parameters}


def layers(name: str, first: int, end: int) -> dict:
    return {"sources": [{"model": str(MODELS / name), "layer_range": [first, end]}]}


EXPERTS = ("reverse", "sort", "add")

CASES = [
    Case(
        "ties",
        {
            "merge_method": "ties",
            "base_model": str(MODELS / "base"),
            "models": [model(name, weight=1, density=0.5) for name in EXPERTS],
            "parameters": {"normalize": False, "lambda": 0.5},
            "dtype": "float32",
            "out_dtype": "bfloat16",
        },
        torch.bfloat16,
        logits=True,
    ),
    Case(
        "slerp",
        {
            "merge_method": "slerp",
            "base_model": str(MODELS / "reverse"),
            "models": [model("reverse"), model("sort")],
            "parameters": {"t": [0, 0.5, 0.3, 0.7, 1]},
            "dtype": "float32",
        },
        torch.float32,
    ),
    Case(
        "linear in shards",
        {
            "merge_method": "linear",
            "models": [model(name, weight=1) for name in EXPERTS],
            "dtype": "bfloat16",
        },
        torch.bfloat16,
        options=["--out-shard-size", "500K"],
        sharded=True,
    ),
    Case(
        "passthrough of slices",
        {
            "merge_method": "passthrough",
            "slices": [layers("base", 0, 4), layers("sort", 1, 5)],
            "dtype": "bfloat16",
        },
        torch.bfloat16,
        layers=8,
    ),
    Case(
        "task_arithmetic as float16",
        {
            "merge_method": "task_arithmetic",
            "base_model": str(MODELS / "base"),
            "models": [model(name, weight=0.4) for name in EXPERTS],
            "dtype": "float16",
        },
        torch.float16,
    ),
]


def merge(case: Case, folder: Path) -> Path:
    recipe = folder / "recipe.yml"
    recipe.write_text(json.dumps(case.recipe))
    out = folder / "out"
    command = ["node", str(ROOT / "dist/cli.js"), "merge", str(recipe), str(out), "--quiet"]
    subprocess.run([*command, *case.options], check=True, stdout=subprocess.DEVNULL)
    return out


def read_files(out: Path) -> tuple[dict[str, torch.Tensor], int]:
    """All tensors as the safetensors library reads them, and the number of files."""
    tensors: dict[str, torch.Tensor] = {}
    files = sorted(out.glob("*.safetensors"))
    for file in files:
        tensors |= safetensors.torch.load_file(file)
    return tensors, len(files)


def load(case: Case, out: Path) -> torch.nn.Module:
    loaded, info = AutoModelForCausalLM.from_pretrained(
        out, dtype="auto", attn_implementation="eager", output_loading_info=True
    )
    wrong = {kind: keys for kind, keys in info.items() if keys}
    assert not wrong, wrong
    assert loaded.dtype == case.dtype, loaded.dtype
    assert len(loaded.model.layers) == loaded.config.num_hidden_layers == case.layers
    return loaded.eval()


def compare_tensors(loaded: torch.nn.Module, stored: dict[str, torch.Tensor]) -> None:
    state = loaded.state_dict()
    assert state.keys() - stored.keys() == {"lm_head.weight"}, "the tied head is not stored"
    assert stored.keys() <= state.keys(), stored.keys() - state.keys()
    for name, tensor in stored.items():
        assert state[name].dtype == tensor.dtype, name
        assert torch.equal(state[name], tensor), name


def forward(loaded: torch.nn.Module) -> list[torch.Tensor]:
    with torch.no_grad():
        return [loaded(torch.tensor([each["token_ids"]])).logits[0] for each in PROMPTS]


def compare_logits(loaded: torch.nn.Module, out: Path) -> float:
    """Largest difference from the logits of the examples' Llama, both at full precision."""
    checkpoint = (ROOT / "build-examples/tiny-family/checkpoint.js").as_uri()
    ids = json.dumps([each["token_ids"] for each in PROMPTS])
    command = ["node", "--input-type=module", "-e", LOGITS, checkpoint, str(out), ids]
    answer = subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout
    pairs = zip(forward(loaded.float()), json.loads(answer), strict=True)
    worst = max((ours - torch.tensor(theirs)).abs().max().item() for ours, theirs in pairs)
    assert worst <= TOLERANCE, worst
    return worst


def check(case: Case, folder: Path) -> str:
    out = merge(case, folder)
    stored, files = read_files(out)
    assert (files > 1) == case.sharded, files
    loaded = load(case, out)
    compare_tensors(loaded, stored)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert all(tokenizer.encode(each["prompt"]) == each["token_ids"] for each in PROMPTS)
    assert all(logits.isfinite().all() for logits in forward(loaded))
    shape = f"{len(stored)} tensors in {files} files, {case.layers} layers, {case.dtype}"
    text = f"{case.name}: {shape}: loaded, equal, finite"
    if not case.logits:
        return text
    return f"{text}; logits within {compare_logits(loaded, out):.1e} of the examples'"


def main() -> None:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="weightloom-transformers-") as folder:
            print(check(case, Path(folder)), flush=True)


main()
