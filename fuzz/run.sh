#!/usr/bin/env bash
# run.sh [SECONDS [TARGET...]]: builds the fuzz targets on the installed toolchain, replays every input that was found before, then
# tries new ones for so many seconds a target (default 10), as many targets at a time as there are cores. Prints a table; fails if an
# input broke a bound, and says where it lies. docs/fuzzing.md explains it.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
shift || true

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export RUSTC_WRAPPER=$PWD/fuzz/rustc.sh
# Not --locked: a dependency that the program gains is none of this package's.
cargo build --quiet --manifest-path fuzz/Cargo.toml
program=$CARGO_TARGET_DIR/debug/tiltmeter-fuzz
state=${TILTMETER_FUZZ_STATE:-$CARGO_TARGET_DIR/fuzz-state}
mkdir -p "$state"

one() { # NAME LONGEST
    name=$1 longest=$2 folder=$state/$1
    mkdir -p "$folder/seeds" "$folder/corpus" "$folder/broken"
    known=()
    [ -d "tests/fuzz/found/$name" ] && known=("tests/fuzz/found/$name")
    dict=()
    [ -f "fuzz/dict/$name.dict" ] && dict=("-dict=fuzz/dict/$name.dict")
    rm -f "$folder"/broken/* "$folder/log"
    export TILTMETER_FUZZ=$name TILTMETER_FUZZ_SEEDS=$folder/seeds
    limits=(-timeout=120 -rss_limit_mb=3000 "-artifact_prefix=$folder/broken/" -print_final_stats=1)
    code=0
    # Every found one to its end, whatever its length.
    "$program" -runs=0 -max_len=1000000 "${limits[@]}" "${known[@]}" "$folder/seeds" >>"$folder/log" 2>&1 || code=$?
    [ $code != 0 ] || "$program" -max_total_time="$seconds" -max_len="$longest" -len_control=20 "${limits[@]}" "${dict[@]}" \
        "$folder/corpus" "$folder/seeds" "${known[@]}" >>"$folder/log" 2>&1 || code=$?
    tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log" | awk '{n += $1} END {print n + 0}')
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$folder/log" | tail -1)
    edges=$(grep -o 'cov: [0-9]*' "$folder/log" | tail -1 | cut -d' ' -f2)
    printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$tried" "${rate:-0}" "${edges:-0}" \
        "$([ $code = 0 ] && echo holds || find "$folder/broken" -type f | head -1)" >"$folder/row"
    # Over all times, for the list in docs/fuzzing.md.
    printf '%s\t%s\n' "$(date -u +%FT%TZ)" "$tried" >>"$folder/history"
}
export -f one
export program state seconds

"$program" | while read -r name longest; do
    [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
    echo "$name $longest"
done >"$state/targets"
xargs -P "$(nproc)" -L 1 bash -c 'one "$@"' _ <"$state/targets"

{
    printf 'target\texecutions\ta second\tedges\toutcome\n'
    cut -d' ' -f1 "$state/targets" | while read -r name; do cat "$state/$name/row"; done
} >"$state/outcomes.tsv"
awk -F'\t' '{printf "%-14s %12s %9s %7s  %s\n", $1, $2, $3, $4, $5}' "$state/outcomes.tsv"
awk -F'\t' 'NR > 1 {n += $2} END {print n " executions in all"}' "$state/outcomes.tsv"
if cut -f5 "$state/outcomes.tsv" | tail -n +2 | grep -qvx holds; then
    echo "an input broke a bound: TILTMETER_FUZZ=target $program FILE shows how; its log is in $state/target/log"
    exit 1
fi
