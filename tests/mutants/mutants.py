#!/usr/bin/env python3
"""Mutation testing over the rooms that decide a number or keep one: changes the sources in thousands of small ways, one at a
time, and sees whether a test fails.

    pip install tree-sitter tree-sitter-rust
    tests/mutants/mutants.py build WORK                 a copy of the sources in WORK with all mutants in it, compiled once
    tests/mutants/mutants.py reach WORK                 which mutants each test comes to
    tests/mutants/mutants.py run WORK [--sample 100]    the mutants, each against the tests that come to it
    tests/mutants/mutants.py table WORK                 what came of it, by room
    tests/mutants/mutants.py missed WORK [ROOM]         those that no test caught, with their lines

A build per mutant would take weeks here, so there is one build: every change is in it behind a switch (changes.py says which
changes; mutant.rs is the switch, an environment variable that children of the tests inherit). What the compiler refuses is left
out, by name, until the rest compiles. Then every test of the library and of tests/all runs alone and leaves the numbers of the
mutants that it came to. A mutant meets these tests only: those of the library in two processes, then the others one by one, first
those that caught another mutant of its file, then the quickest, until one fails, or --budget seconds of the latter are spent.
A test that takes five times as long as without a mutant (and 10 s) counts as failed: "by time".

Everything is kept in WORK as it comes: `run` goes on where it was stopped, and takes the mutants by name, so that after new tests
`build`, `reach` and `run --again missed` tell which are caught now. Times are taken as they pass: start it where nothing else runs, or
under `nice` with patience.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from changes import Source, blamed

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
ROOMS = ["prefix", "decoder", "scoring", "tokens", "checkpoint", "sweep", "store", "stats"]
ALLOWED = "#![allow(warnings, arithmetic_overflow, unconditional_panic, unconditional_recursion)]\n"
SEED = 15


class Work:
    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.source = self.folder / "source"
        self.folder.mkdir(exist_ok=True)

    def load(self, name, other):
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else other

    def save(self, name, value):
        (self.folder / name).write_text(json.dumps(value, indent=1))

    def lines(self, name):
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def add(self, name, value):
        with open(self.folder / name, "a") as lines:
            lines.write(json.dumps(value) + "\n")

    def results(self):
        """By name, the last result of each."""
        return {result["name"]: result for result in self.lines("results.jsonl")}

    def test(self, binary, names, seconds, **variables):
        """How tests end in a process of their own: "passed", "failed" or "time"."""
        command = [self.tests_of[binary], "--exact", *names, "--test-threads", "1"]
        environment = {**os.environ, "CARGO_MANIFEST_DIR": str(self.source), "RUST_BACKTRACE": "0", **variables}
        child = subprocess.Popen(
            command, cwd=self.source, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            return "failed" if child.wait(timeout=seconds) else "passed"
        except subprocess.TimeoutExpired:
            return "time"
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()


def put(path, data):
    """Writes a file unless it is so already: cargo goes by the time of writing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def room_files():
    files = [path for room in ROOMS for path in sorted((TOP / "src" / room).rglob("*.rs"))]
    tests = {"tests", "tests.rs", "samples.rs"}
    return [path for path in files if not tests & {*path.relative_to(TOP).parts}]


def build(work, _):
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=TOP, check=True, stdout=subprocess.PIPE)
    changed = {str(path.relative_to(TOP)) for path in room_files()}
    for name in filter(None, listed.stdout.decode().split("\0")):
        if name not in changed and name != "src/lib.rs" and (TOP / name).is_file():
            put(work.source / name, (TOP / name).read_bytes())
    put(work.source / "src/mutant.rs", (HERE / "mutant.rs").read_bytes())
    put(work.source / "src/lib.rs", (ALLOWED + (TOP / "src/lib.rs").read_text() + "\npub mod mutant;\n").encode())
    dropped = set(work.load("dropped.json", []))
    binaries = {}
    while True:
        mutants, first = [], 1
        for path in room_files():
            name = str(path.relative_to(TOP))
            source = Source(name, path.read_text(), first, dropped)
            put(work.source / name, source.written.encode())
            mutants, first = mutants + source.mutants, source.next
        names = {mutant["id"]: mutant["name"] for mutant in mutants}
        print(f"{len(mutants)} mutants, {len(dropped)} left out", flush=True)
        refused, others = compile(work, ["--test", "all"], binaries)
        refused = {names[number] for number in refused}
        if not refused:
            break
        dropped |= refused
        work.save("dropped.json", sorted(dropped))
    # What tests come to was told by the numbers of before.
    (work.folder / "tests.jsonl").unlink(missing_ok=True)
    work.save("mutants.json", mutants)
    others = others or compile(work, ["--lib"], binaries)[1]
    if others:
        sys.exit("\n".join(others))
    work.save("binaries.json", binaries)


def compile(work, targets, binaries):
    """The numbers of the mutants that the compiler refuses, and what else it says; the paths of the tests' binaries."""
    done = subprocess.Popen(
        ["cargo", "test", "--no-run", *targets, "--locked", "-j", "1", "--message-format", "json"],
        cwd=work.source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    refused, others = set(), []
    for message in map(json.loads, done.stdout):
        if message["reason"] == "compiler-artifact" and message.get("executable"):
            if message["profile"]["test"]:
                binaries[message["target"]["name"]] = message["executable"]
        if message["reason"] != "compiler-message" or message["message"]["level"] != "error":
            continue
        spans = message["message"]["spans"]
        numbers = []
        for span in sorted(spans, key=lambda span: not span["is_primary"]):
            while span.get("expansion"):
                span = span["expansion"]["span"]
            path = work.source / span["file_name"]
            if not numbers and path.exists():
                numbers = blamed(path.read_bytes(), span["byte_start"], span["byte_end"])
        refused |= set(numbers)
        if not numbers and spans:
            others.append(message["message"]["rendered"])
    if done.wait() and not refused and not others:
        others.append("cargo failed")
    return refused, others


def reach(work, arguments):
    size = 1 + max(mutant["id"] for mutant in work.load("mutants.json", []))
    tests = work.lines("tests.jsonl")
    known = {(test["binary"], test["name"]) for test in tests}
    own = threading.local()

    def one(test):
        own.file = getattr(own, "file", work.folder / f"reached-{threading.get_ident()}")
        own.file.write_bytes(bytes(size))
        start = time.monotonic()
        ended = work.test(*test, 300, TILTMETER_REACHED=str(own.file))
        seconds = time.monotonic() - start
        reached = [number for number, byte in enumerate(own.file.read_bytes()) if byte]
        work.add("tests.jsonl", {"binary": test[0], "name": test[1][0], "ended": ended, "seconds": seconds, "reached": reached})

    for binary, path in work.tests_of.items():
        listed = subprocess.run([path, "--list"], cwd=work.source, check=True, stdout=subprocess.PIPE).stdout.decode()
        names = [line[: -len(": test")] for line in listed.splitlines() if line.endswith(": test")]
        names = [name for name in names if (binary, name) not in known]
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as jobs:
            list(jobs.map(one, [(binary, [name]) for name in names]))
    for test in work.lines("tests.jsonl"):
        if test["ended"] != "passed":
            print(f"{test['name']}: {test['ended']} without a mutant, so it is left out")


def asked(work, sample, again):
    """The mutants to run, in an order that leaves every room's part a random sample wherever it stops."""
    mutants, results = work.load("mutants.json", []), work.results()
    if again:
        return [mutant for mutant in mutants if results.get(mutant["name"], {}).get("ended") in ("missed", "unreached")]
    queues = []
    for room in ROOMS:
        own = sorted((mutant for mutant in mutants if room_of(mutant) == room), key=lambda mutant: mutant["name"])
        random.Random(SEED).shuffle(own)
        queues.append(own[:sample])
    turns = [mutant for turn in range(max(map(len, queues))) for queue in queues for mutant in queue[turn : turn + 1]]
    return [mutant for mutant in turns if mutant["name"] not in results]


def room_of(mutant):
    return mutant["file"].split("/")[1]


def run(work, arguments):
    tests = [test for test in work.lines("tests.jsonl") if test["ended"] == "passed"]
    by_mutant = collections.defaultdict(list)
    for test in tests:
        for number in test["reached"]:
            by_mutant[number].append(test)
    caught = collections.Counter((result["file"], result.get("by")) for result in work.results().values())

    def one(mutant):
        ended, by, spent = meet(work, mutant, by_mutant[mutant["id"]], caught, arguments.budget)
        caught[mutant["file"], by] += 1
        work.add("results.jsonl", {**mutant, "ended": ended, "by": by, "spent": spent})

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as jobs:
        list(jobs.map(one, asked(work, arguments.sample, arguments.again)))


def meet(work, mutant, tests, caught, budget):
    """How the mutant ended (unreached, missed, caught, time), by which test, and whether the budget was spent before all ran."""
    variables = {"TILTMETER_MUTANT": str(mutant["id"])}
    units = sorted((test for test in tests if test["binary"] != "all"), key=lambda test: test["seconds"])
    parts = [(units[:8], "library"), (units[8:], "the library's slower ones")]
    parts = [(part, name) for part, name in parts if part]
    parts += [([test], test["name"]) for test in tests if test["binary"] == "all"]
    seconds = lambda part: sum(test["seconds"] for test in part)
    start = time.monotonic()
    for part, name in sorted(parts, key=lambda part: (-caught[mutant["file"], part[1]], seconds(part[0]))):
        if time.monotonic() - start + seconds(part) > budget and part != units[:8]:
            return "missed", None, True
        ended = work.test(part[0]["binary"], [test["name"] for test in part], 10 + 5 * seconds(part), **variables)
        if ended in ("failed", "time"):
            return "caught" if ended == "failed" else "time", name, False
    return "missed" if tests else "unreached", None, False


def table(work, _):
    mutants, results = work.load("mutants.json", []), work.results()
    print("| room | mutants | tried | caught | by time | missed | of these reached by no test |\n|---|---|---|---|---|---|---|")
    for room in ROOMS:
        ended = collections.Counter(result["ended"] for result in results.values() if room_of(result) == room)
        count = sum(room_of(mutant) == room for mutant in mutants)
        missed = ended["missed"] + ended["unreached"]
        print(f"| `{room}` | {count} | {ended.total()} | {ended['caught']} | {ended['time']} | {missed} | {ended['unreached']} |")


def missed(work, arguments):
    for name, result in sorted(work.results().items()):
        if result["ended"] in ("missed", "unreached") and arguments.room in (None, room_of(result)):
            line = (TOP / result["file"]).read_text().splitlines()[result["line"] - 1].strip()
            spent = ", budget spent" if result["spent"] else ""
            print(f"{result['id']} {name} [{result['ended']}{spent}]\n    {result['line']}: {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("command", choices=["build", "reach", "run", "table", "missed"])
    parser.add_argument("work", type=Path)
    parser.add_argument("room", nargs="?", choices=ROOMS)
    parser.add_argument("--sample", type=int, default=10**9, help="mutants of a room, at random (seed 15); without it all")
    parser.add_argument("--budget", type=float, default=60, help="seconds of tests of tests/all for a mutant")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--again", choices=["missed"], help="only those that no test caught")
    arguments = parser.parse_args()
    work = Work(arguments.work)
    work.tests_of = work.load("binaries.json", {})
    globals()[arguments.command](work, arguments)


if __name__ == "__main__":
    main()
