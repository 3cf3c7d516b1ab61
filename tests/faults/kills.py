#!/usr/bin/env python3
"""Kills sweeps, merges, exports and reports with SIGKILL at random moments, and holds what is left against an undisturbed run.

    tests/faults/kills.py PROGRAM COUNT [--seed S] [--only sweep,merge,export,report] [--named]

COUNT kills of each kind, by a process that was still at work. After every kill: the run opens and is sound, no score that was
committed is gone, no file is half written; and the work goes on to the same bytes. An unfinished file may stay where a kill
came between the two system calls that put it in the place of another, or where the file system knows no files without names
(--named makes it so, through shim.c): the next command that writes to the folder removes it, an hour later.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKPOINTS = HERE.parents[1] / "src/demo/checkpoints"
ROSTER = f"""
[[family]]
name = "planted"
base = {{ model = "base", checkpoint = "{CHECKPOINTS}/base" }}
chat = {{ model = "chat", checkpoint = "{CHECKPOINTS}/chat" }}
"""
# Few prompts in packs so small that there are many commits.
QUESTION = "--languages en --scenarios border --countries USA,China --backend cpu --pack-tokens 256".split()
SHARDS = 3


class Faults:
    def __init__(self, program, folder, seed):
        self.program, self.folder = str(Path(program).resolve()), folder
        self.random = random.Random(seed)
        (folder / "roster.toml").write_text(ROSTER)
        self.sweeping = ["sweep", "--roster", folder / "roster.toml", *QUESTION]
        self.variables, self.fresh, self.removed, self.kept = {}, set(), 0, 0

    def shim(self):
        path = self.folder / "shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", path, HERE / "shim.c", "-ldl"], check=True)
        return path

    def without_unnamed_files(self):
        self.variables = {"LD_PRELOAD": str(self.shim()), "TILTMETER_FAULT": "names:1:"}

    def command(self, *args):
        return [self.program, "--quiet", *map(str, args)]

    def run(self, *args):
        environment = {**os.environ, **self.variables}
        done = subprocess.run(self.command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        if done.returncode:
            sys.exit(f"{args}: {done.stderr.decode()}")
        return done.stdout

    def timed(self, *args):
        start = time.monotonic()
        self.run(*args)
        return time.monotonic() - start

    def killed(self, within, *args):
        """Whether it was still at work when it was killed, within so many seconds of its start."""
        nowhere, environment = subprocess.DEVNULL, {**os.environ, **self.variables}
        child = subprocess.Popen(self.command(*args), stdout=nowhere, stderr=nowhere, env=environment)
        time.sleep(self.random.uniform(0, within))
        child.send_signal(signal.SIGKILL)
        return child.wait() == -signal.SIGKILL

    def killed_leaves(self, folder, allowed):
        """Holds what is in a folder after a kill against what may be there; in half of the cases makes it two hours old."""
        parts = {path for path in folder.iterdir() if path.name.startswith(".tiltmeter-") and path.name.endswith(".part")}
        assert set(names(folder)) <= set(allowed) | {path.name for path in parts}, names(folder)
        if self.random.random() < 0.5:
            for path in parts:
                os.utime(path, (time.time() - 7200,) * 2)
            self.removed, self.fresh = self.removed + len(parts), set()
        else:
            self.kept, self.fresh = self.kept + len(parts), {path.name for path in parts}
        return parts

    def next_leaves(self, folder, allowed):
        """What a command that was not disturbed leaves: what is its own, and what was unfinished an instant ago."""
        there = set(names(folder)) - set(allowed)
        assert there == self.fresh, there
        self.fresh = set()

    def tables(self, run):
        out = self.folder / "tables"
        out.mkdir(exist_ok=True)
        names = [out / "items.csv", out / "scores.jsonl"]
        self.run("export", "--run", run, "--items", names[0], "--scores", names[1])
        return [name.read_bytes() for name in names]


def committed(run):
    """Scores in the run, each with its bytes; the database is sound."""
    path = run / "run.sqlite"
    if not path.exists() or path.stat().st_size == 0:
        return {}
    # Opened for writing: a log that was left is played back, as the program itself would.
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",), run
    if not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return {}
    rows = {(row[0], row[1], row[2]): row[3:] for row in db.execute("SELECT * FROM score")}
    db.close()
    return rows


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# What a run folder may hold; the database's companions are gone again when it is closed.
RUN = {"lock", "roster.toml", "run.sqlite", "run.sqlite-shm", "run.sqlite-wal", "run.sqlite-journal"}


def sweeps(faults, count):
    whole = faults.folder / "whole"
    within = faults.timed(*faults.sweeping, "--run", whole)
    wanted, kills, finished = faults.tables(whole), 0, 0
    while kills < count:
        run = faults.folder / "killed"
        shutil.rmtree(run, ignore_errors=True)
        known = {}
        # Some runs are killed once and finished, some until nothing is left to kill.
        often = faults.random.randint(1, 12)
        while often and kills < count:
            often -= 1
            if not faults.killed(within, *faults.sweeping, "--run", run):
                break
            kills += 1
            if not run.exists():
                continue
            faults.killed_leaves(run, RUN)
            now = committed(run)
            assert all(now.get(key) == row for key, row in known.items()), "a committed score is gone"
            known = now
        faults.run(*faults.sweeping, "--run", run)
        faults.next_leaves(run, RUN)
        assert faults.tables(run) == wanted, "other tables than of the undisturbed sweep"
        finished += 1
    return f"{kills} kills within {within:.1f} s of the start, {finished} runs finished afterwards"


def merges(faults, count):
    whole = faults.folder / "whole"
    if not whole.exists():
        faults.run(*faults.sweeping, "--run", whole)
    wanted = faults.tables(whole)
    for shard in range(1, SHARDS + 1):
        faults.run(*faults.sweeping, "--run", faults.folder / "shards", "--shard", f"{shard}/{SHARDS}")
    sources = sorted((faults.folder / "shards").iterdir())
    before = [committed(run) for run in sources]
    merging = lambda out: ["merge", *sources, "--run", out]
    within = faults.timed(*merging(faults.folder / "merged"))
    kills = 0
    while kills < count:
        out = faults.folder / "part"
        shutil.rmtree(out, ignore_errors=True)
        if not faults.killed(within, *merging(out)):
            continue
        kills += 1
        there = committed(out) if out.exists() else {}
        assert len(there) in (0, sum(map(len, before))), f"half a merge: {len(there)}"
        if out.exists():
            faults.killed_leaves(out, RUN)
        faults.run(*merging(out))
        faults.next_leaves(out, RUN)
        assert faults.tables(out) == wanted, "other tables than of one machine"
    assert [committed(run) for run in sources] == before, "a merge changed its sources"
    return f"{kills} kills within {within:.2f} s of the start, each merged again to one machine's tables"


def files(faults, count, what, *ways):
    """`ways`: commands by the name of the file that they write."""
    whole = faults.folder / "whole"
    if not whole.exists():
        faults.run(*faults.sweeping, "--run", whole)
    out = faults.folder / f"out-{what}"
    wanted, within = {}, {}
    for name, command in ways:
        out.mkdir(exist_ok=True)
        within[name] = faults.timed(*command(whole, out / name))
        wanted[name] = (out / name).read_bytes()
    before, kills = committed(whole), 0
    while kills < count:
        name, command = faults.random.choice(ways)
        shutil.rmtree(out)
        out.mkdir()
        old = faults.random.choice([None, b"what the user had\n"])
        if old is not None:
            (out / name).write_bytes(old)
        if not faults.killed(within[name], *command(whole, out / name)):
            continue
        kills += 1
        parts = faults.killed_leaves(out, [name])
        there = (out / name).read_bytes() if (out / name).exists() else None
        assert there in (old, wanted[name]), f"half of {name}"
        if parts:
            faults.run(*command(whole, out / name))
            faults.next_leaves(out, [name])
    assert committed(whole) == before, "the run was changed"
    most = max(within.values())
    return f"{kills} kills within {most:.2f} s of the start: the old file, none, or the whole new one"


def exports(faults, count):
    table = lambda run, path: ["export", "--run", run, "--scores", path]
    log = lambda run, path: ["export", "--run", run, "--inspect", path]
    ways = [("scores.csv", table), ("scores.csv.gz", table), ("scores.jsonl", table), ("scores.parquet", table)]
    return files(faults, count, "export", *ways, ("log.json", log), ("log.eval", log))


def reports(faults, count):
    ways = []
    for name, form in [("page.html", "html"), ("page.md", "markdown"), ("page.json", "json")]:
        ways.append((name, lambda run, path, form=form: ["report", "--run", run, "--format", form, "--output", path]))
    return files(faults, count, "report", *ways)


KINDS = {"sweep": sweeps, "merge": merges, "export": exports, "report": reports}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("count", type=int)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only", default=",".join(KINDS))
    arguments.add_argument("--named", action="store_true")
    args = arguments.parse_args()
    if args.named and (sys.platform != "linux" or not shutil.which("cc")):
        print("skipped: the shim is for Linux with a C compiler")
        return
    for kind in args.only.split(","):
        with tempfile.TemporaryDirectory(prefix="tiltmeter-kills.") as folder:
            faults = Faults(args.program, Path(folder), f"{args.seed} {kind}")
            if args.named:
                faults.without_unnamed_files()
            said = KINDS[kind](faults, args.count)
            stayed = f"{faults.removed} unfinished files of two hours ago were removed by the next, {faults.kept} of now were not"
            print(f"{kind}: {said}; {stayed}", flush=True)


if __name__ == "__main__":
    main()
