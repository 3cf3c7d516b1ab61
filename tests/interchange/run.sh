#!/usr/bin/env bash
# A second engine on the same questions: a study becomes tasks of lm-evaluation-harness, the harness asks the demo's checkpoints
# through transformers, and item by item its log-odds must be ours to 1e-3. What `export` writes for the harness and for Inspect
# is read by their own readers.
#
#   tests/interchange/run.sh PROGRAM
#   tests/interchange/run.sh --install     installs both into target/ and nothing else: CI has it done while it compiles
#
# Installed once: torch is large. Skips with a sentence where that cannot be.
set -euo pipefail
[ "$1" = --install ] || program=$(realpath "$1")
cd "$(dirname "$0")/../.."
here=tests/interchange
skip() { echo "skipped: $1"; exit 0; }

# target/venv-NAME with the packages of NAME.txt and, without what these ask for, those named; made again when either changes.
environment() { # NAME [PACKAGE...]
    local venv=$PWD/target/venv-$1 wanted index
    wanted=$(cat "$here/$1.txt" "$here/unused.txt"; printf '%s\n' "${@:2}")
    exec 9>"$venv.lock"
    ! command -v flock >/dev/null || flock 9 # another may be at it
    [ "$(cat "$venv/installed" 2>/dev/null)" = "$wanted" ] && return
    rm -rf "$venv" && python3 -m venv "$venv" || return 1
    if "$venv/bin/pip" install -q uv==0.13.9 2>/dev/null; then
        # Fetches and unpacks all at once. It reads no settings of pip's.
        index=${PIP_INDEX_URL:-$("$venv/bin/pip" config get global.index-url 2>/dev/null || true)}
        [ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
        export UV_CACHE_DIR=$venv/cache
        timeout 600 "$venv/bin/uv" pip install -q --python "$venv/bin/python" --override "$here/unused.txt" -r "$here/$1.txt" &&
            { [ $# = 1 ] || "$venv/bin/uv" pip install -q --python "$venv/bin/python" --no-deps "${@:2}"; } || return 1
        rm -rf "$UV_CACHE_DIR"
    else
        timeout 900 "$venv/bin/pip" install -q --no-compile -r "$here/$1.txt" &&
            { [ $# = 1 ] || "$venv/bin/pip" install -q --no-compile --no-deps "${@:2}"; } || return 1
    fi
    printf '%s\n' "$wanted" >"$venv/installed"
}
command -v python3 >/dev/null || skip "no Python"
mkdir -p target
environment harness lm_eval==0.4.13 || skip "torch, transformers and the harness cannot be installed here"
if [ "$1" = --install ]; then
    environment inspect || echo "skipped: Inspect cannot be installed here"
    exit
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/tiltmeter-interchange.XXXXXX")
trap 'rm -rf "$work"' EXIT
checkpoints=$PWD/src/demo/checkpoints
cat >"$work/roster.toml" <<ROSTER
[[family]]
name = "planted"
base = { model = "base", checkpoint = "$checkpoints/base" }
chat = { model = "chat", checkpoint = "$checkpoints/chat", prefill = "Answer: (" }
ROSTER
question=(--languages en,fr --conditions main,system_neutral,prefill --limit 64 --seed 7)
"$program" --quiet sweep --roster "$work/roster.toml" "${question[@]}" --backend cpu --run "$work/run"
"$program" --quiet export --run "$work/run" --lm-eval "$work/ours" --inspect "$work/log.json"
"$program" --quiet export --run "$work/run" --models chat --inspect "$work/log.eval"

export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 TOKENIZERS_PARALLELISM=false
engines=()
for stage in base chat; do
    "$program" --quiet study export --lm-eval "$work/$stage" --stage $stage "${question[@]}" --prefill 'Answer: (' \
        --model "$checkpoints/$stage"
    # As the README of the folder has it; both at once, for each begins with imports.
    command=$(sed -n '/^    lm_eval /,/[^\\]$/p' "$work/$stage/README.md" | sed "s|CHECKPOINT|$checkpoints/$stage|; s|^ *lm_eval|target/venv-harness/bin/lm_eval|")
    OMP_NUM_THREADS=1 bash -c "${command/ --output_path results/} --output_path $work/theirs --device cpu --batch_size 16" >"$work/log-$stage" 2>&1 &
    engines+=($!)
done
for engine in "${engines[@]}"; do
    wait "$engine" || { tail -n 20 "$work"/log-*; echo "failed: the harness does not run the tasks"; exit 1; }
done
target/venv-harness/bin/python $here/compare.py "$work/ours" "$work/theirs"

if environment inspect; then
    target/venv-inspect/bin/python $here/logs.py "$work/log.json" "$work/log.eval" "$work/ours"
else
    echo "skipped: Inspect cannot be installed here"
fi
