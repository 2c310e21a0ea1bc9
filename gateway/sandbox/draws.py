"""Randomness that depends on names, never on order.

Every decision of the sandbox that looks random is a hash of the seed and of what is decided about (a
resource, an operation, an attempt), so two runs with one seed decide alike, whatever order their requests
arrive in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

Name = str | int


def _digest(seed: int, names: tuple[Name, ...], size: int) -> bytes:
    text = "\x1f".join([str(seed), *map(str, names)])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def fraction(seed: int, *names: Name) -> float:
    """A number in [0, 1) that belongs to these names."""
    return (int.from_bytes(_digest(seed, names, 8), "big") >> 11) / (1 << 53)


def identifier(seed: int, *names: Name) -> str:
    """A UUID (version 4 in shape, lower case) that belongs to these names."""
    return str(UUID(bytes=_digest(seed, names, 16), version=4))


def token(seed: int, *names: Name) -> str:
    """40 hexadecimal digits that belong to these names."""
    return _digest(seed, names, 20).hex()


@dataclass(frozen=True, slots=True)
class Span:
    """A range of numbers, both ends included; a scenario file writes it as a number or as [low, high]."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and 0 <= self.low <= self.high):
            raise ValueError("must be a number, or [low, high] with 0 <= low <= high")

    def at(self, share: float) -> float:
        return self.low + (self.high - self.low) * share
