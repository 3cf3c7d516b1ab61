#!/usr/bin/env bash
# Packs one built program for people who do not build: release/pack.sh PROGRAM NAME [FOLDER]
# writes FOLDER/NAME.tar.gz with the program, completions, manual, licences and the bill of materials, and its SHA-256 beside it.
# What is packed comes from the program itself, so it must run here.
set -euo pipefail
program=$(realpath "$1") name=$2 folder=${3:-.}
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$folder"
folder=$(realpath "$folder")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
into=$work/$name
mkdir -p "$into/completions" "$into/man"
cp "$program" "$here/README.md" "$here/CHANGELOG.md" "$here/LICENSE-MIT" "$here/LICENSE-APACHE" "$into"
for shell in bash zsh fish elvish powershell; do "$program" completions "$shell" >"$into/completions/tiltmeter.$shell"; done
"$program" -q man --output "$into/man"
"$program" licences --texts >"$into/LICENCES-OF-OTHERS.txt"
"$program" licences --sbom >"$into/sbom.cdx.json"
# Equal input, equal bytes: names in order, one owner, the commit's time.
date=$(git -C "$here" log -1 --format=%ct 2>/dev/null || echo 0)
if tar --version | grep -q GNU; then
    tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$date" -cf - "$name" | gzip -9n >"$folder/$name.tar.gz"
else
    tar -C "$work" -czf "$folder/$name.tar.gz" "$name"
fi
cd "$folder"
if command -v sha256sum >/dev/null; then sha256sum "$name.tar.gz"; else shasum -a 256 "$name.tar.gz"; fi >"$name.tar.gz.sha256"
cat "$name.tar.gz.sha256"
