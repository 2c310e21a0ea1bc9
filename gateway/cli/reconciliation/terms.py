"""The words of reconciling: what kinds of difference there are, and what the provider is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.domain.calls import AnyOutcome
from gateway.domain.identity import MessageId

GRACE_MS: Final = 5 * 60 * 1000


class Kind(StrEnum):
    MISSING = "Missing"
    EXTRA = "Extra"
    MISMATCH = "Mismatch"
    UNRESOLVED = "Unresolved"


@dataclass(frozen=True, slots=True)
class Difference:
    """`told` is what the gateway's topics say, `provider` what the provider does, where it was asked. `moving`:
    it may be gone the next moment.
    """

    kind: Kind
    key: str
    message: str
    refund_id: str | None = None
    command: MessageId | None = None
    told: str | None = None
    provider: str | None = None
    moving: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """`since_ms`: only what was asked or told from then on. `whole`: the partitions of which no command was
    deleted yet, so that an answer to none is one too many.
    """

    now_ms: int
    since_ms: int | None = None
    whole: frozenset[int] = frozenset()

    def takes(self, at_ms: int) -> bool:
        return self.since_ms is None or at_ms >= self.since_ms

    def young(self, at_ms: int) -> bool:
        return self.now_ms - at_ms < GRACE_MS


class Asking(StrEnum):
    """What the provider is asked for: a payment, a refund, or the refunds of a payment."""

    PAYMENT = "payment"
    REFUND = "refund"
    REFUNDS = "refunds"


Question = tuple[Asking, str]
"""With the provider's id."""


Readings = Mapping[Question, AnyOutcome]
"""What the provider answered to each question."""
