#!/usr/bin/env python3
"""Writes crates.json and texts.txt: what of other people's work a build of tiltmeter carries, and on what terms.

    python3 src/licences/collect.py           writes both files beside this script
    python3 src/licences/collect.py --check   fails if the lock file has moved on without them, or a licence is not in deny.toml

Every crate that is linked on any system counts (no build scripts' or tests' crates). Of a choice of licences the first one that
deny.toml allows is taken. Texts are those that the crate itself ships; equal ones stand once.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Libraries in C that crates carry and link, which no crate's own licence field names.
INSIDE = {
    "libsqlite3-sys": [("SQLite", "blessing", None)],
    "onig_sys": [("Oniguruma", "BSD-2-Clause", "oniguruma/COPYING")],
}
# What of others stands among the program's own sources.
OWN = {"DejaVu Sans, in part: the letters of figures as PNG": "src/report/fonts/LICENSE"}
NAMES = re.compile(r"(licen[cs]e|copying|notice|unlicense|copyright)", re.I)


def linked(metadata):
    """The packages that end in the program: reached from it by normal dependencies only."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, todo = set(), [root]
    while todo:
        for dep in nodes[todo.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dep["dep_kinds"])
            if normal and dep["pkg"] not in seen:
                seen.add(dep["pkg"])
                todo.append(dep["pkg"])
    packages = [package for package in metadata["packages"] if package["id"] in seen]
    # A procedural macro and what only it needs run in the compiler.
    macros = {p["id"] for p in packages if any("proc-macro" in t["kind"] for t in p["targets"])}
    kept, todo = set(), [root]
    while todo:
        for dep in nodes[todo.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dep["dep_kinds"])
            if normal and dep["pkg"] not in kept | macros:
                kept.add(dep["pkg"])
                todo.append(dep["pkg"])
    return sorted((p for p in packages if p["id"] in kept), key=lambda p: (p["name"], p["version"]))


def chosen(expression, allowed):
    """The part of an SPDX expression that is taken: the first allowed alternative of each required part."""
    parts = []
    for required in re.split(r"\s+AND\s+", expression.replace("(", "").replace(")", "")):
        alternatives = re.split(r"\s+OR\s+|\s*/\s*", required)
        taken = next((a for licence in allowed for a in alternatives if a == licence), None)
        if taken is None:
            return None
        parts.append(taken)
    return " AND ".join(parts)


def texts_of(folder, extra):
    files = [p for p in sorted(folder.iterdir()) if p.is_file() and NAMES.search(p.name)]
    files += [folder / name for name in extra if name]
    return [p.read_text("utf-8", "replace").replace("\r\n", "\n").strip() for p in files]


def collect():
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--locked", "--format-version", "1"],
            cwd=ROOT, check=True, stdout=subprocess.PIPE,
        ).stdout
    )
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    sums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    allowed = tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]["allow"]
    crates, texts, refused = [], {}, []
    for package in linked(metadata):
        name, version = package["name"], package["version"]
        expression = package["license"] or "none stated"
        taken = chosen(expression, allowed)
        if taken is None:
            refused.append(f"{name} {version}: {expression} is not among the licences that deny.toml allows")
            continue
        inside = INSIDE.get(name, [])
        folder = Path(package["manifest_path"]).parent
        for text in texts_of(folder, [path for _, _, path in inside]):
            texts.setdefault(text, []).append(f"{name} {version}")
        crate = {"name": name, "version": version, "licence": expression, "taken": taken}
        if inside:
            crate["contains"] = [{"name": n, "licence": licence} for n, licence, _ in inside]
        crate["source"] = package["repository"] or ""
        crate["sha256"] = sums[(name, version)]
        crates.append(crate)
    for name, path in OWN.items():
        texts.setdefault((ROOT / path).read_text("utf-8").strip(), []).append(name)
    if refused:
        sys.exit("\n".join(refused))
    listing = "[\n" + ",\n".join(json.dumps(crate, ensure_ascii=False) for crate in crates) + "\n]\n"
    rule = "=" * 100
    parts = [f"{rule}\n{', '.join(names)}\n{rule}\n\n{text}\n" for text, names in texts.items()]
    return listing, "\n".join(parts)


def main():
    wanted = dict(zip(("crates.json", "texts.txt"), collect()))
    if "--check" in sys.argv[1:]:
        stale = [n for n, t in wanted.items() if not (HERE / n).is_file() or (HERE / n).read_text("utf-8") != t]
        if stale:
            sys.exit(f"{' and '.join(stale)} in src/licences: not those of Cargo.lock; run python3 src/licences/collect.py")
    else:
        for name, text in wanted.items():
            (HERE / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
