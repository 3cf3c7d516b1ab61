#!/usr/bin/env bash
# What the program prints as JSON, held against its own schemas by an independent validator: tests/schemas/run.sh PROGRAM
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=target/venv-schemas
[ -x $venv/bin/python ] && $venv/bin/python -c 'import jsonschema' 2>/dev/null || {
    python3 -m venv $venv && $venv/bin/pip install -q 'jsonschema==4.25.1'
} || { echo "skipped: no Python with venv and pip, or no package to be had"; exit 0; }
$venv/bin/python tests/schemas/check.py "$1"
