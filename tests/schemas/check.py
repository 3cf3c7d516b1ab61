"""Holds what the program prints as JSON against the schemas that it prints: check.py PROGRAM (needs the package jsonschema).

Every schema that `tiltmeter schema` lists must have a document here, and no document a field that its schema does not know.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from jsonschema import Draft202012Validator

PROGRAM = str(Path(sys.argv[1]).resolve())
ROOT = Path(__file__).resolve().parents[2]
MADE = ROOT / "tests/fixtures/confirmatory/items.csv"
MODEL = ROOT / "src/demo/checkpoints/chat"


def run(*args):
    done = subprocess.run([PROGRAM, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{args}: {done.stderr.decode()}")
    return done.stdout.decode()


def closed(schema):
    """The same schema, refusing what it does not name."""
    if isinstance(schema, dict):
        out = {key: closed(value) for key, value in schema.items()}
        if "properties" in out and "additionalProperties" not in out:
            out["unevaluatedProperties"] = False
        return out
    return [closed(value) for value in schema] if isinstance(schema, list) else schema


def documents(folder):
    """Name of a schema, and the documents that must be of its shape."""
    few = ["--countries", "USA,China", "--limit", "16"]
    run_dir = folder / "run"
    run("sweep", "--model", MODEL, "--stage", "chat", "--languages", "en", "--backend", "cpu", "--run", run_dir, *few)
    items, scores = folder / "items.jsonl", folder / "scores.jsonl"
    run("export", "--run", run_dir, "--items", items, "--scores", scores)
    asked = folder / "asked.jsonl"
    one = {"prompt": "Answer: (", "choices": [["A"], ["B"]]}
    asked.write_text("".join(json.dumps({"id": i, **one}) + "\n" for i in range(2)))
    score = ["score", "--model", MODEL, "--backend", "cpu", "--output", "-", "--input", asked]
    analysis = run("analyze", "--run", run_dir, "--format", "json")
    both = run("analyze", "--items", MADE, "--analysis", "both", "--format", "json")
    figures = [figure["id"] for figure in json.loads(both)["figures"]]
    # One figure of every group.
    groups = {figure.split("/")[0]: figure for figure in figures}
    explained = [run("explain", figure, "--items", MADE, "--json") for figure in groups.values()]
    tasks = folder / "tasks"
    run("study", "export", "--lm-eval", tasks, "--conditions", "main,system_neutral", "--languages", "en", "--limit", "8")
    documents = [line for file in tasks.glob("*.jsonl") for line in file.read_text().splitlines()]
    plan = folder / "plan.toml"
    run("plan", "--roster", "default", "--output", plan)
    whole = lambda text: [json.loads(text)]
    lines = lambda text: [json.loads(line) for line in text.splitlines()]
    return {
        "agreement": whole(run("compare", run_dir, run_dir, "--json")),
        "analysis": [json.loads(analysis), json.loads(both)],
        "explanation": [json.loads(text) for text in explained],
        "plan": [tomllib.loads(plan.read_text())],
        "report": [
            json.loads(run("report", "--format", "json", "--output", "-", *of))
            for of in (["--run", run_dir], ["--items", MADE])
        ],
        "bench-kernels": [],  # minutes of measuring: its fields are held by tests of their own
        "bench-model": whole(run("bench", "model", "--shapes", "gemma4-e4b", "--json")),
        "bench-study": [],
        "doctor": whole(run("doctor", "--json", "--backend", "cpu")),
        "inspect": whole(run("inspect", "--json", "--model", MODEL)),
        "item": lines(items.read_text()),
        "licences": whole(run("licences", "--json")),
        "prompt": lines(run("prompts", "--stage", "chat", "--countries", "USA,China"))[:8],
        "prompt-score": lines(scores.read_text()),
        "roster": whole(run("roster", "show", "--json")),
        "runs": whole(run("runs", "--json", folder)),
        "score": lines(run(*score)) + lines(run(*score, "--top", "3")) + lines(run(*score, "--continuations")),
        "status": whole(run("status", "--json", "--run", run_dir)),
        "status-several": whole(run("status", "--json", run_dir, run_dir)),
        "task-document": [json.loads(line) for line in documents],
    }


def main():
    with tempfile.TemporaryDirectory() as folder:
        found = documents(Path(folder))
    listed = [line.split()[0] for line in run("schema").splitlines()[1:]]
    if sorted(listed) != sorted(found):
        sys.exit(f"schemas without a document here, or documents without a schema: {set(listed) ^ set(found)}")
    failed = 0
    for name, documents_of in found.items():
        schema = json.loads(run("schema", name))
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(closed(schema))
        for document in documents_of:
            for error in validator.iter_errors(document):
                failed += 1
                print(f"{name}: {error.json_path}: {error.message[:300]}")
        print(f"{name}: {len(documents_of)} documents")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
