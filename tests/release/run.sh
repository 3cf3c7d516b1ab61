#!/usr/bin/env bash
# What is released, built and tried here as far as this system allows: README's first command, the package of the sources, the wheel in
# a fresh environment, the archive, the static program, the workflows' form. Linux only; says what it skips.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
asked=$work/asked.jsonl
printf '%s\n' '{"id": 1, "prompt": "Answer: (", "choices": [["A"], ["B"]]}' >"$asked"
score() { "$1" score -q --backend cpu --model src/demo/checkpoints/chat --input "$asked" --output -; }

echo "-- README's first command"
cargo build --release --locked
(cd "$work" && "$target/release/tiltmeter" demo) | tail -3

echo "-- the package holds what it needs"
cargo package --locked --allow-dirty --no-verify --quiet
version=$("$target/release/tiltmeter" -V | cut -d' ' -f2)
tar -C "$work" -xzf "$target/package/tiltmeter-$version.crate"
(cd "$work/tiltmeter-$version" && CARGO_TARGET_DIR=$target cargo check --locked --quiet)

echo "-- the archive"
release/pack.sh "$target/release/tiltmeter" tiltmeter-here "$work"
tar -xzf "$work/tiltmeter-here.tar.gz" -C "$work"
for file in README.md LICENCES-OF-OTHERS.txt sbom.cdx.json completions/tiltmeter.zsh man/tiltmeter-sweep.1; do
    [ -s "$work/tiltmeter-here/$file" ] || { echo "the archive lacks $file"; exit 1; }
done

echo "-- the wheel in a fresh environment"
if python3 -m venv "$work/build" && "$work/build/bin/pip" install -q 'maturin==1.9.6' 'check-jsonschema==0.33.3'; then
    "$work/build/bin/maturin" build --release --locked --quiet --compatibility linux --out "$work/wheel"
    python3 -m venv "$work/user"
    "$work/user/bin/pip" install -q --no-index "$work"/wheel/*.whl
    [ "$(score "$work/user/bin/tiltmeter")" = "$(score "$target/release/tiltmeter")" ] || { echo "the wheel's program scores otherwise"; exit 1; }
    "$work/user/bin/tiltmeter" --version
    "$work/build/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
else
    echo "skipped: no Python with venv and pip, or no packages to be had"
fi

echo "-- the static program"
triple=$(uname -m)-unknown-linux-musl
if { command -v musl-gcc >/dev/null || { [ "$(id -u)" = 0 ] && apt-get install -y -qq --no-install-recommends musl-tools >/dev/null; }; } &&
    rustup target add "$triple" >/dev/null 2>&1; then
    cargo build --locked --target "$triple"
    static=$target/$triple/debug/tiltmeter
    if ldd "$static" 2>/dev/null | grep -q '=>'; then echo "$static is not static"; exit 1; fi
    [ "$(score "$static")" = "$(score "$target/release/tiltmeter")" ] || { echo "the static program scores otherwise"; exit 1; }
    "$static" doctor --backend cpu >/dev/null
else
    echo "skipped: no musl-gcc, or no standard library for $triple"
fi
