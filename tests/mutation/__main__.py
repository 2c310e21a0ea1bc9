"""Mutation testing of what decides: `python -m tests.mutation --sample 400`, or `make mutate`.

mutmut changes one thing in a function, and the tests that touch the function run; what survives them meets the
histories. The result is a table by room, and every survivor with its change, in deploy/docs/mutation.md.
"""

import argparse
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "deploy" / "docs" / "mutation.md"
FOLDER = ROOT / "mutants"
FIRST = "gateway.kafka.lease*"
"""Run first, so that all mutants are made and it is known which tests touch what."""
UNREACHABLE = ("assert_never", "AssertionError")
NAMES_AT_ONCE = 200

HEAD = """# Mutants

{sampled} of {all} mutants, drawn by a seed, of the rules, of retries, of identity and of the runtime's decisions
(`make mutate`). Each changes one thing. `tests`: caught by those that touch the changed function; `histories`: by
histories of `tests/simulation`. What no input can reach (`assert_never`, an AssertionError that says "cannot end
as") stands apart and is not counted.

**{score} of those counted were caught.**

| room | mutants | by tests | by histories | unreachable | survived |
|---|---|---|---|---|---|
{rows}

## What survived

"""


@dataclass(frozen=True)
class Result:
    """`fate`: tests, histories, unreachable or survived."""

    mutant: str
    fate: str
    change: str = ""

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


def change(mutant: str) -> str:
    lines = mutmut("show", mutant).splitlines()
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def met_histories(mutants: list[str]) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.mutation.histories", *mutants]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def judged(sample: list[str], jobs: int) -> Iterable[Result]:
    for start in range(0, len(sample), NAMES_AT_ONCE):
        mutmut("run", "--max-children", str(jobs), *sample[start : start + NAMES_AT_ONCE])
    known = fates()
    left = []
    for mutant in sample:
        if known[mutant] in ("survived", "no tests"):
            left.append((mutant, change(mutant)))
        else:
            yield Result(mutant, "tests")
    reachable = [mutant for mutant, text in left if not any(word in text for word in UNREACHABLE)]
    met = met_histories(reachable)
    for mutant, text in left:
        fate = {"killed": "histories", "survived": "survived"}.get(met.get(mutant, ""), "unreachable")
        yield Result(mutant, fate, text)


def document(results: list[Result], all_: int) -> str:
    rooms: dict[str, Counter[str]] = {}
    for one in results:
        rooms.setdefault(one.room, Counter())[one.fate] += 1
    kinds = ("tests", "histories", "unreachable", "survived")
    rows = [
        f"| {room} | {counts.total()} | " + " | ".join(str(counts[kind]) for kind in kinds) + " |"
        for room, counts in sorted(rooms.items())
    ]
    total = sum(rooms.values(), Counter[str]())
    counted = total.total() - total["unreachable"]
    score = f"{100 * (counted - total['survived']) / counted:.0f} %"
    told = HEAD.format(sampled=len(results), all=all_, score=score, rows="\n".join(rows))
    for one in results:
        if one.fate == "survived":
            told += f"`{one.mutant}`\n```diff\n{one.change}\n```\n"
    return told


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m tests.mutation")
    reader.add_argument("--sample", type=int, default=400)
    reader.add_argument("--seed", type=int, default=6)
    reader.add_argument("--jobs", type=int, default=2)
    told = reader.parse_args()
    mutmut("run", "--max-children", str(told.jobs), FIRST)
    names = sorted(fates())
    sample = random.Random(told.seed).sample(names, min(told.sample, len(names)))
    DOCUMENT.write_text(document(list(judged(sample, told.jobs)), len(names)), encoding="utf-8")
    print(DOCUMENT.read_text(encoding="utf-8").split("## What survived")[0])


if __name__ == "__main__":
    main()
