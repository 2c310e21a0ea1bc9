"""Reads a Dockerfile into its stages, as far as the promises of ours need it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stage:
    base: str
    name: str | None
    instructions: tuple[tuple[str, str], ...]

    def of(self, keyword: str) -> list[str]:
        return [rest for instruction, rest in self.instructions if instruction == keyword]


def stages(path: Path) -> list[Stage]:
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for keyword, rest in _instructions(path.read_text(encoding="utf-8")):
        if keyword == "FROM":
            found.append((rest, []))
        elif found:
            found[-1][1].append((keyword, rest))
    return [
        Stage(words[0], words[2] if len(words) == 3 else None, tuple(instructions))
        for words, instructions in ((rest.split(), instructions) for rest, instructions in found)
    ]


def arguments(path: Path) -> dict[str, str]:
    """Every ARG with a default."""
    text = path.read_text(encoding="utf-8")
    given = (rest for keyword, rest in _instructions(text) if keyword == "ARG" and "=" in rest)
    return {name: value for name, _, value in (rest.partition("=") for rest in given)}


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", without_comments).splitlines():
        if line.strip():
            keyword, _, rest = line.partition(" ")
            yield keyword.upper(), rest.strip()
