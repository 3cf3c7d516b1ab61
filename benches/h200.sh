#!/usr/bin/env bash
# The first hour on an NVIDIA GPU in under eight minutes: does it start, is it right, how fast is it. For a bare machine with a
# driver and no network; needs what --pack gathered and nothing else.
#
#   benches/h200.sh [FOLDER]        everything, results into FOLDER (else $OUT, else h200-results), a table last
#   benches/h200.sh --dry [FOLDER]  the same on the emulated driver, at sizes that it can do: does the script run to its end
#   benches/h200.sh --pack FOLDER   builds (release) and gathers program, tests and this script in FOLDER, to be carried there
#
# Parts come in the order in which they would be missed most. Each has a limit of its own and what it prints is in FOLDER as it
# comes, so whatever ends this script leaves what was found out before. TILTMETER and CUDA_TESTS name other binaries.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)

newest() { # of the files that fit
    # shellcheck disable=SC2012
    ls -t "$@" 2>/dev/null | grep -v '\.d$' | head -n 1
}

if [ "${1:-}" = --pack ]; then
    [ $# -eq 2 ] || { echo "usage: $0 --pack FOLDER" >&2; exit 2; }
    set -e
    mkdir -p "$2"
    cd "$root"
    cargo build --release --locked
    cargo test --release --locked --test cuda --no-run
    cp "${CARGO_TARGET_DIR:-target}/release/tiltmeter" "$2/tiltmeter"
    cp "$(newest "${CARGO_TARGET_DIR:-target}"/release/deps/cuda-*)" "$2/cuda-tests"
    strip "$2/tiltmeter" "$2/cuda-tests"
    cp "$0" "$2/h200.sh"
    du -sh "$2"
    exit 0
fi

dry=
[ "${1:-}" = --dry ] && dry=yes && shift
[ $# -le 1 ] || { echo "usage: $0 [--dry] [FOLDER]" >&2; exit 2; }
out=${1:-${OUT:-h200-results}}
mkdir -p "$out"
out=$(cd "$out" && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
program=${TILTMETER:-}
[ -n "$program" ] || program=$(newest "$here/tiltmeter" "$target/release/tiltmeter" "$target/debug/tiltmeter")
tests=${CUDA_TESTS:-}
[ -n "$tests" ] || tests=$(newest "$here/cuda-tests" "$target"/release/deps/cuda-* "$target"/debug/deps/cuda-*)
[ -x "$program" ] || { echo "no tiltmeter here: build it, or name it with TILTMETER" >&2; exit 2; }

# What was found out about other GPUs, or before, is not to count.
export XDG_CACHE_HOME=$out/cache
rm -rf "$XDG_CACHE_HOME"
if [ -n "$dry" ]; then
    "$root/tests/fake-cuda/build.sh" "$target/tmp/fake-cuda" >"$out/emulator.txt" 2>&1 || { cat "$out/emulator.txt" >&2; exit 1; }
    export LD_LIBRARY_PATH=$target/tmp/fake-cuda EMU_CC=90
fi

begun=$(date +%s)
most=470
table=$out/table.txt
: >"$table"
failed=0
part() { # name, seconds at most, what of its output is worth a line (a pattern), command
    local name=$1 limit=$2 worth=$3 left start code seconds line
    shift 3
    left=$((most - $(date +%s) + begun))
    if [ "$left" -lt 5 ]; then
        printf '%-22s %6s %5s  %s\n' "$name" - - "not begun: the time is up" | tee -a "$table"
        return
    fi
    [ "$limit" -le "$left" ] || limit=$left
    start=$(date +%s)
    timeout -k 5 "$limit" "$@" >"$out/$name.txt" 2>&1 </dev/null
    code=$?
    seconds=$(($(date +%s) - start))
    line=$(grep -m 1 -E -- "$worth" "$out/$name.txt" | cut -c 1-150)
    [ $code -eq 124 ] && line="cut off after $limit s; $line"
    [ $code -eq 0 ] || [ $code -eq 124 ] || { failed=$((failed + 1)); line="$line $(tail -n 1 "$out/$name.txt" | cut -c 1-100)"; }
    printf '%-22s %4d s %5s  %s\n' "$name" "$seconds" "$code" "$line" | tee -a "$table"
}
has() { command -v "$1" >/dev/null; }
lacks() { printf '%-22s %6s %5s  %s\n' "$1" - - "$2 is not here" | tee -a "$table"; }

printf '%-22s %6s %5s  %s\n' part took exit 'of what it says' | tee -a "$table"

# Does it start, and is it right: the first-run check of every kernel, then scores against the processor's.
part machine 10 'NVIDIA|Linux' sh -c 'uname -a; ldd --version | head -n 1; nvidia-smi; nproc; free -g'
part doctor 90 'self-check' "$program" doctor --backend cuda
part doctor-fast 40 'self-check' "$program" doctor --backend cuda --precision fast

# Products, beside the best of this run.
shapes=qwen2.5-7b,llama3.1-8b
if [ -n "$dry" ]; then
    part products 120 'peak' "$program" bench kernels --backend cuda --shapes small --rows 64
else
    part products 80 'peak' "$program" bench kernels --backend cuda --shapes $shapes --rows 8448
fi

# The study.
if [ -n "$dry" ]; then
    demo=$root/src/demo/checkpoints/base
    part study-fast 60 'sharing' "$program" bench study --backend cuda --precision fast --model "$demo" --stage base --prompts 8 --repeat 1 --no-sharing
else
    part study-fast 70 'sharing' "$program" bench study --backend cuda --precision fast --shape qwen2.5-7b --prompts 17696 --repeat 1 --no-sharing
    part study-f32 80 'sharing' "$program" bench study --backend cuda --shape qwen2.5-7b --prompts 17696 --repeat 1 --no-sharing
fi
part model 10 'qwen' "$program" bench model --by-kernel --shapes qwen2.5-7b

# The backend's own tests, on this GPU.
if [ -x "$tests" ]; then
    if [ -n "$dry" ]; then
        part suite 60 'test result' "$tests" --exact log::packs_allocate_nothing_wait_once_and_layers_take_eight_launches
    else
        part suite 90 'test result' env TILTMETER_TEST_GPU=1 "$tests" on_hopper
    fi
else
    lacks suite 'the binary of the tests'
fi

# Memory, races between threads and barriers, in the first-run check of every kernel.
if has compute-sanitizer && [ -z "$dry" ]; then
    for tool in memcheck racecheck synccheck; do
        part "sanitizer-$tool" 40 'ERROR SUMMARY|RACECHECK SUMMARY' \
            compute-sanitizer --tool $tool "$program" doctor --backend cuda --check-kernels wgmma
    done
else
    lacks sanitizer compute-sanitizer
fi
if has ncu && [ -z "$dry" ]; then
    part ncu 50 'Duration|Throughput' ncu --clock-control none --set basic -k 'regex:product_wgmma|attention_mma' -c 12 \
        "$program" doctor --backend cuda --check-kernels wgmma
else
    lacks ncu ncu
fi

echo
cat "$table"
echo "results in $out, $(($(date +%s) - begun)) s in all"
[ $failed -eq 0 ]
