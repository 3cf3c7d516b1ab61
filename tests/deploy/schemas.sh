#!/usr/bin/env bash
# deploy/kubernetes.yaml and deploy/skypilot.yaml against the schemas of those who read them, from PyPI packages; what the manifest
# counts must agree. Skips with a sentence where the packages cannot be had.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=target/deploy-check
skip() { echo "skipped: the job files' schemas ($1)"; exit 0; }

command -v python3 >/dev/null || skip "no Python"
mkdir -p "$work"
if [ ! -x "$work/venv/bin/kubernetes-validate" ]; then
    python3 -m venv "$work/venv" 2>/dev/null || skip "no venv"
    "$work/venv/bin/pip" install -q kubernetes-validate==1.37.0 2>/dev/null || skip "kubernetes-validate cannot be had"
fi
python=$work/venv/bin/python
"$work/venv/bin/kubernetes-validate" --strict --quiet deploy/kubernetes.yaml
"$python" - <<'PY'
import yaml

job = yaml.safe_load(open("deploy/kubernetes.yaml"))["spec"]
args = job["template"]["spec"]["containers"][0]["args"]
shards = int(args[args.index("--shards") + 1])
assert shards == job["completions"], f"{shards} shards, {job['completions']} completions"
PY
echo "ok: deploy/kubernetes.yaml by the schemas of Kubernetes 1.37"

# SkyPilot alone, without the hundred packages that it needs to run: its schemas are plain Python.
if ! ls "$work"/skypilot-*.whl >/dev/null 2>&1; then
    "$work/venv/bin/pip" download -q --no-deps -d "$work" skypilot==0.14.1 2>/dev/null || skip "skypilot cannot be had"
fi
"$python" tests/deploy/skypilot.py "$work"/skypilot-*.whl deploy/skypilot.yaml
