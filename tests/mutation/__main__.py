"""Mutation testing of what decides: `python -m tests.mutation --sample 400`, or `make mutate`.

mutmut changes one thing in a function, and the tests that touch the function run; what survives them meets the
histories. A run adds its sample to the record, or renews the one of the same seed; `--again` lets the survivors
of the record meet the tests of today. deploy/docs/mutation.md is made from the record (`make generated` too).
"""

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from tests.mutation.document import RECORD, ROOT, known, mutation_document
from tests.mutation.mutants import changes, function_of

DOCUMENT = ROOT / "deploy" / "docs" / "mutation.md"
FOLDER = ROOT / "mutants"
FIRST = "gateway.kafka.lease*"
"""Run first, so that all mutants are made and it is known which tests touch what."""
UNREACHABLE = ("assert_never", "AssertionError")
NAMES_AT_ONCE = 200


@dataclass(frozen=True)
class Result:
    """`fate`: tests, histories, unreachable or survived."""

    mutant: str
    fate: str
    change: str

    @property
    def room(self) -> str:
        return ".".join(self.mutant.split(".")[:2])


def mutmut(*arguments: str) -> str:
    """Its output; it leaves its folder `mutants` in the working directory."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def fates() -> dict[str, str]:
    """What mutmut knows of each mutant: killed, survived, no tests, timeout, not checked."""
    lines = (line.strip() for line in mutmut("results", "--all", "true").splitlines())
    pairs = (line.rsplit(": ", 1) for line in lines if ": " in line)
    return {name: fate for name, fate in pairs if name.startswith("gateway.")}


def met_histories(mutants: list[str]) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.mutation.histories", *mutants]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def judged(sample: list[str], jobs: int) -> Iterable[Result]:
    for start in range(0, len(sample), NAMES_AT_ONCE):
        mutmut("run", "--max-children", str(jobs), *sample[start : start + NAMES_AT_ONCE])
    decided, made = fates(), changed(sample)
    undecided = [mutant for mutant in sample if decided[mutant] == "not checked"]
    if undecided:
        raise SystemExit(f"{len(undecided)} mutants met no test: do the tests pass without a mutant?")
    left = [mutant for mutant in sample if decided[mutant] in ("survived", "no tests")]
    reachable = [mutant for mutant in left if not any(word in made[mutant] for word in UNREACHABLE)]
    met = met_histories(reachable)
    for mutant in sample:
        fate = {"killed": "histories", "survived": "survived"}.get(met.get(mutant, ""), "unreachable")
        yield Result(mutant, fate if mutant in left else "tests", made[mutant])


def changed(mutants: Iterable[str]) -> dict[str, str]:
    """The changed lines of every mutant of the modules that these are of."""
    modules = {mutant.rpartition(".")[0] for mutant in mutants}
    return {name: text for module in modules for name, text in changes(FOLDER, module).items()}


def drawn(seed: int, names: list[str], results: list[Result]) -> dict[str, Any]:
    """A sample as the record keeps it."""
    rooms: dict[str, Counter[str]] = {}
    for one in results:
        rooms.setdefault(one.room, Counter())[one.fate] += 1
    survivors = [
        {"function": function_of(one.mutant), "change": one.change, "since": "survived"}
        for one in results
        if one.fate == "survived"
    ]
    told = {"seed": seed, "drawn": len(results), "of": len(names), "ran": _now(), "again": None, "note": ""}
    return told | {"rooms": rooms, "survivors": survivors}


def met_again(samples: list[dict[str, Any]], names: list[str], jobs: int) -> None:
    """Let the survivors of the record meet today's tests; one whose lines are no longer there is `gone`."""
    survivors = [one for sample in samples for one in sample["survivors"]]
    functions = {one["function"] for one in survivors}
    there = {name for name in names if function_of(name) in functions}
    wanted = {known(one) for one in survivors}
    alike: dict[tuple[str, str], list[str]] = {}
    for name, text in changed(there).items():
        which = known({"function": function_of(name), "change": text})
        if which in wanted:
            alike.setdefault(which, []).append(name)
    results = {one.mutant: one.fate for one in judged(sorted(chain(*alike.values())), jobs)}
    for one in survivors:
        # The same lines may stand in a function twice: what one test misses is missed.
        fates_ = {results[name] for name in alike.get(known(one), ())}
        one["since"] = "gone" if not fates_ else "survived" if "survived" in fates_ else "tests"
    for sample in samples:
        sample["again"], sample["note"] = _now(), ""


def _now() -> dict[str, str]:
    tree = ["git", "rev-parse", "--short", "HEAD:gateway"]
    code = subprocess.run(tree, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return {"on": f"{datetime.now(UTC):%Y-%m-%d}", "code": code}


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m tests.mutation")
    reader.add_argument("--sample", type=int, default=400)
    reader.add_argument("--seed", type=int, default=6)
    reader.add_argument("--jobs", type=int, default=2)
    reader.add_argument("--again", action="store_true", help="the survivors of the record, no new sample")
    told = reader.parse_args()
    mutmut("run", "--max-children", str(told.jobs), FIRST)
    names = sorted(fates())
    samples = json.loads(RECORD.read_text(encoding="utf-8"))["samples"]
    if told.again:
        met_again(samples, names, told.jobs)
    else:
        chosen = random.Random(told.seed).sample(names, min(told.sample, len(names)))
        new = drawn(told.seed, names, list(judged(chosen, told.jobs)))
        samples = sorted([*(s for s in samples if s["seed"] != told.seed), new], key=lambda s: s["seed"])
    RECORD.write_text(json.dumps({"samples": samples}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    DOCUMENT.write_text(mutation_document(), encoding="utf-8")
    print(DOCUMENT.read_text(encoding="utf-8").split("## What is left")[0])


if __name__ == "__main__":
    main()
