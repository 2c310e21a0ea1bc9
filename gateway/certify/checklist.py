"""The checklist as data: what the provider asks of a client, item by item."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

Level = Literal["M", "S", "C", "D"]
LEVELS: Final = {"M": "must", "S": "should", "C": "constraint", "D": "derived"}


@dataclass(frozen=True, slots=True)
class Item:
    """`not_checkable` says why no program can tell; empty for what is checked."""

    number: int
    level: Level
    group: str
    requirement: str
    source: str
    not_checkable: str = ""


@cache
def checklist() -> tuple[Item, ...]:
    text = resources.files("gateway.certify").joinpath("checklist.toml").read_text(encoding="utf-8")
    return tuple(Item(**row) for row in tomllib.loads(text)["item"])
