"""The document of the mutants, from the record of the runs and the explanations of those that survived.

Numbers of mutants move when the code does, so a survivor is known by its function and its changed lines. The
record is written by the runs; the document is made anew from it, so that an explanation needs no other run.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.house import markdown

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "deploy" / "docs" / "mutants.json"
EXPLAINED = ROOT / "tests" / "mutation" / "explained.toml"
KINDS = ("tests", "histories", "unreachable", "survived")

HEAD = """# Mutants

A sample of all mutants, drawn by a seed, of the rules, of retries, of identity and of the runtime's decisions
(`make mutate`). Each changes one thing. `tests`: caught by those that touch the changed function; `histories`: by
histories of `tests/simulation`. What no input can reach (`assert_never`, an AssertionError that says "cannot end
as") stands apart and is not counted.

**{score} % of those counted were caught when they were drawn.** Tests were then written for survivors that were
holes: {left} of {survived} are left, {explained} of them explained below, {unexplained} not.

## What was run

`code` is what `git rev-parse --short HEAD:gateway` said then; "again": when the survivors met the tests once more.

{runs}

{notes}
{rooms}

"""


def mutation_document() -> str:
    """deploy/docs/mutation.md: what was run when and on which code, and every survivor with its reason."""
    samples = json.loads(RECORD.read_text(encoding="utf-8"))["samples"]
    reasons = explanations()
    survivors = [one for sample in samples for one in sample["survivors"]]
    left = [one for one in survivors if one["since"] == "survived"]
    counts = sum((Counter(room) for sample in samples for room in sample["rooms"].values()), Counter[str]())
    counted = counts.total() - counts["unreachable"]
    explained = [one for one in left if known(one) in reasons]
    told = HEAD.format(
        score=100 * (counted - counts["survived"]) // counted,
        left=len(left),
        survived=len(survivors),
        explained=len(explained),
        unexplained=len(left) - len(explained),
        runs=markdown.table(
            ("seed", "mutants", "drawn", "code", "survived", "again", "code", "left"), map(_run, samples)
        ),
        notes="".join(f"- Seed {one['seed']}: {one['note']}\n" for one in samples if one["note"]),
        rooms=markdown.table(("room", "mutants", *KINDS), _rooms(samples)),
    )
    told += "## What is left, and why\n\n"
    told += "".join(_told(one, reasons.get(known(one), "**Not explained.**")) for one in left)
    told += "## What survived, and tests catch since\n\n"
    return told + "".join(_told(one, "") for one in survivors if one["since"] == "tests")


def explanations() -> dict[tuple[str, str], str]:
    """The reason of each survivor that was judged, by function and changed lines."""
    entries = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["explained"]
    return {known(entry): " ".join(entry["why"].split()) for entry in entries}


def known(survivor: dict[str, str]) -> tuple[str, str]:
    """What a survivor is known by: its function, and its changed lines whatever their indentation."""
    lines = (line for line in survivor["change"].splitlines() if line.strip())
    return survivor["function"], "\n".join(f"{line[0]} {' '.join(line[1:].split())}" for line in lines)


def _run(sample: dict[str, Any]) -> tuple[str, ...]:
    left = sum(one["since"] == "survived" for one in sample["survivors"])
    drawn = f"{sample['drawn']} of {sample['of']}"
    ran, again = sample["ran"], sample["again"]
    return (
        *(str(sample["seed"]), drawn, ran["on"], f"`{ran['code']}`", str(len(sample["survivors"]))),
        *((again["on"], f"`{again['code']}`") if again else ("", "")),
        str(left),
    )


def _rooms(samples: list[dict[str, Any]]) -> Iterable[tuple[str, ...]]:
    rooms: dict[str, Counter[str]] = {}
    for sample in samples:
        for room, counts in sample["rooms"].items():
            rooms.setdefault(room, Counter()).update(counts)
    for room, counts in sorted(rooms.items()):
        yield (room, str(counts.total()), *(str(counts[kind]) for kind in KINDS))


def _told(survivor: dict[str, str], reason: str) -> str:
    told = f"`{survivor['function']}`\n```diff\n{survivor['change']}\n```\n"
    return f"{told}{reason}\n\n" if reason else f"{told}\n"
