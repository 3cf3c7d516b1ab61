#!/usr/bin/env python3
"""Lets the disk, its locks and the clock fail under sweeps, merges, exports and reports, and holds what is left against an
undisturbed run.

    tests/faults/disk.py PROGRAM [--most N] [--seed S]

Through tests/faults/shim.c (LD_PRELOAD, so Linux and a C compiler): the Nth write and all behind it find the disk full, for every
N up to --most and some beyond; the same for reads and an input/output error; a file system without locks; a clock that jumps by
ten years at every look. The message must say which, nothing committed may be gone, no file half written, none left over, and the
same command ends afterwards with the same bytes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kills import RUN, SHARDS, Faults, committed, names

FULL = ["is full"]
# SQLite takes a page that cannot be read for a broken one in places.
FAILED = ["the disk or the connection to it failed", "is damaged (SQLite finds its pages inconsistent)", "Input/output error"]
SAID = {"write": FULL, "read": FAILED}


class Disk(Faults):
    def __init__(self, program, folder, seed, most):
        super().__init__(program, folder, seed)
        self.most = most
        self.preload = self.shim()

    def fails(self, fault, below, *args):
        """How the command ends under the fault, what it says, and how many operations of the kind it came to."""
        count = self.folder / "count"
        count.unlink(missing_ok=True)
        variables = {
            **os.environ,
            "LD_PRELOAD": str(self.preload),
            "TILTMETER_FAULT": fault,
            "TILTMETER_FAULT_DIR": str(below),
            "TILTMETER_FAULT_COUNT": str(count),
        }
        done = subprocess.run(self.command(*args), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=variables)
        said = done.stderr.decode()
        assert done.returncode in (0, 1), f"{fault}: ended with {done.returncode}: {said}"
        return done.returncode == 0, said, int(count.read_text()) if count.exists() else 0

    def moments(self, kind, below, *args):
        """At which operations to fail: the first ones, and some of all others."""
        _, said, all_of_them = self.fails(f"{kind}:1000000000:EIO", below, *args)
        assert all_of_them, f"{kind}: the shim saw no operation: {said}"
        first = list(range(1, min(self.most, all_of_them) + 1))
        beyond = range(len(first) + 1, all_of_them + 1)
        return first + sorted(self.random.sample(beyond, min(len(beyond), self.most))), all_of_them


def is_sound(run, known):
    if not run.exists():
        return
    assert set(names(run)) <= RUN, names(run)
    now = committed(run)
    assert all(now.get(key) == row for key, row in known.items()), "a committed score is gone"


def say(what, fault, tried, all_of_them, messages):
    print(f"{what}: {fault}: {tried} of {all_of_them} moments tried; nothing lost", flush=True)
    for message in sorted(messages):
        print(f"    {message}", flush=True)


def plain(said, folder):
    errors = [line for line in said.splitlines() if line.startswith("error")]
    assert len(errors) == 1, said
    return errors[0].replace(str(folder), "...")


def sweep(disk, whole, wanted):
    args = lambda run: [*disk.sweeping, "--run", run]
    half = disk.folder / "half"
    disk.run(*disk.sweeping, "--models", "base", "--run", half)
    for kind, name in [("write", "ENOSPC"), ("read", "EIO")]:
        below, run = disk.folder / "sweep", disk.folder / "sweep/run"
        below.mkdir(exist_ok=True)
        fresh = lambda: (shutil.rmtree(run, ignore_errors=True), shutil.copytree(half, run))
        fresh()
        known = committed(run)
        moments, all_of_them = disk.moments(kind, below, *args(run))
        messages = set()
        for at in moments:
            fresh()
            ended, said, _ = disk.fails(f"{kind}:{at}:{name}", below, *args(run))
            if not ended:
                text = plain(said, disk.folder)
                assert any(part in text for part in SAID[kind]), text
                messages.add(text)
            is_sound(run, known)
            disk.run(*args(run))
            assert disk.tables(run) == wanted, "other tables than of the undisturbed sweep"
        say("sweep", f"{kind} {name}", len(moments), all_of_them, messages)


def merge(disk, whole, wanted):
    for shard in range(1, SHARDS + 1):
        disk.run(*disk.sweeping, "--run", disk.folder / "shards", "--shard", f"{shard}/{SHARDS}")
    sources = sorted((disk.folder / "shards").iterdir())
    below = disk.folder / "merge"
    below.mkdir()
    out, everything = below / "run", len(committed(whole))
    args = ["merge", *sources, "--run", out]
    for kind, name, where in [("write", "ENOSPC", below), ("read", "EIO", disk.folder / "shards")]:
        shutil.rmtree(out, ignore_errors=True)
        moments, all_of_them = disk.moments(kind, where, *args)
        messages = set()
        for at in moments:
            shutil.rmtree(out, ignore_errors=True)
            ended, said, _ = disk.fails(f"{kind}:{at}:{name}", where, *args)
            if not ended:
                text = plain(said, disk.folder)
                assert any(part in text for part in SAID[kind]), text
                messages.add(text)
                # Once it is committed, a later failure takes nothing back.
                assert not out.exists() or len(committed(out)) in (0, everything), "half a merge"
            is_sound(out, {})
            disk.run(*args)
            assert disk.tables(out) == wanted, "other tables than of one machine"
        say("merge", f"{kind} {name}", len(moments), all_of_them, messages)


def files(disk, whole, wanted):
    below = disk.folder / "files"
    for name, args in [
        ("scores.csv", ["export", "--run", whole, "--scores"]),
        ("scores.parquet", ["export", "--run", whole, "--scores"]),
        ("log.eval", ["export", "--run", whole, "--inspect"]),
        ("page.html", ["report", "--run", whole, "--output"]),
    ]:
        path = below / name
        shutil.rmtree(below, ignore_errors=True)
        below.mkdir()
        disk.run(*args, path)
        good = path.read_bytes()
        for kind, fault, where in [("write", "ENOSPC", below), ("read", "EIO", whole)]:
            moments, all_of_them = disk.moments(kind, where, *args, path)
            messages = set()
            for at in moments:
                path.write_bytes(b"old\n")
                ended, said, _ = disk.fails(f"{kind}:{at}:{fault}", where, *args, path)
                if not ended:
                    text = plain(said, disk.folder)
                    assert any(part in text for part in SAID[kind]), text
                    messages.add(text)
                assert names(below) == [name], names(below)
                assert path.read_bytes() == (good if ended else b"old\n"), f"half of {name}"
            say(f"{args[0]} {name}", f"{kind} {fault}", len(moments), all_of_them, messages)


def locks(disk, whole, wanted):
    run = disk.folder / "unlocked/run"
    run.parent.mkdir()
    ended, said, _ = disk.fails("lock:1:ENOLCK", run.parent, *disk.sweeping, "--run", run)
    text = plain(said, disk.folder)
    assert not ended and "keeps no locks" in text, text
    assert set(names(run)) <= {"lock"}, names(run)
    say("sweep", "lock ENOLCK", 1, 1, {text})


def clock(disk, whole, wanted):
    run = disk.folder / "jumping"
    looks = 0
    for models in ["base", "chat"]:
        ended, said, n = disk.fails("clock:1:EIO", disk.folder, *disk.sweeping, "--models", models, "--run", run)
        assert ended, said
        looks += n
    assert disk.tables(run) == wanted, "the time of day changed a table"
    say("sweep", "clock ten years forth and back", looks, looks, set())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--most", type=int, default=40)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only", default="sweep,merge,files,locks,clock")
    args = arguments.parse_args()
    if sys.platform != "linux" or not shutil.which("cc"):
        print("skipped: the shim is for Linux with a C compiler")
        return
    with tempfile.TemporaryDirectory(prefix="tiltmeter-disk.") as folder:
        disk = Disk(args.program, Path(folder), args.seed, args.most)
        whole = disk.folder / "whole"
        disk.run(*disk.sweeping, "--run", whole)
        wanted = disk.tables(whole)
        kinds = {"sweep": sweep, "merge": merge, "files": files, "locks": locks, "clock": clock}
        for kind in args.only.split(","):
            kinds[kind](disk, whole, wanted)


if __name__ == "__main__":
    main()
