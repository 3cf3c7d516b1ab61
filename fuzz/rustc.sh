#!/usr/bin/env bash
# cargo's wrapper around rustc: gives coverage counters to the crates that read a stranger's bytes, and to no other. On the stable
# toolchain, which has no option of its own for it, they are a pass of LLVM's. The list is that of Cargo.toml.
rustc=$1
shift
readers='tiltmeter|csv|csv_core|minijinja|minijinja_contrib|parquet|rawzip|serde_json|tokenizers|toml|toml_parser'
if [[ " $* " =~ " --crate-name "($readers)" ".*" --crate-type lib " ]]; then
    set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
fi
exec "$rustc" "$@"
