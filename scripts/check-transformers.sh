#!/bin/sh
# Loads merged models with Hugging Face transformers, in a virtual environment of its own.
# Needs Python 3.10 or newer, and a package index for the first run. Not part of CI.
set -eu
cd "$(dirname "$0")/.."

venv="${TMPDIR:-/tmp}/weightloom-transformers"
python="$venv/bin/python"
[ -x "$python" ] || python3 -m venv "$venv"
"$python" -c "import safetensors, torch, transformers" 2>/dev/null ||
  "$python" -m pip install --quiet torch transformers safetensors

npx tsc -p .
npx tsc -p tsconfig.examples.json
exec "$python" scripts/check-transformers.py
