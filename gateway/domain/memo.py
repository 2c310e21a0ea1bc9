"""What an owner knows of a payment beside its state: gained by talking to the provider, lost with the process.

Nothing correct rests on it: a new owner begins with an empty one and takes what is pending for a run that went
unheard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.domain.events import Candidate
from gateway.domain.operations import PaymentReading, RefundReading, Refusal


class Reading(StrEnum):
    """What the read that is under way is for."""

    WATCH = "watch"
    READ_BACK = "read_back"
    LOOK = "look"
    LATE_LOOK = "late_look"
    ADOPTION = "adoption"
    REFUND_WATCH = "refund_watch"
    REFUND_READ_BACK = "refund_read_back"
    REFUND_LOOK = "refund_look"
    REFUND_LATE_LOOK = "refund_late_look"


@dataclass(frozen=True, slots=True)
class Look:
    """A search at the provider, one GET after the other. `begun` is the steady time of its first request.

    `unread` are the payments found and not yet read, None while the list itself is outstanding; `seen` those
    read that are not ours. `everything`: whatever stands on the point of sale is sought, to name what makes
    it busy.
    """

    begun: float
    everything: bool = False
    captured: bool = False
    unread: tuple[str, ...] | None = None
    seen: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundLook:
    """A search among the payment's refunds; `unread` as in `Look`."""

    begun: float
    unread: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RefundMemo:
    """What is known of one refund beside the state; the fields mean what they mean in `Memo`."""

    pace: float = 0.0
    not_before: float = 0.0
    last_request: float = 0.0
    unheard: bool = False
    spent: bool = False
    tries: int = 0
    look: RefundLook | None = None
    refusal: Refusal | None = None


NO_REFUNDS: Final[Mapping[str, RefundMemo]] = {}
"""One for all payments without any, which are most."""


@dataclass(frozen=True, slots=True)
class Adopting:
    """How far the reading of a payment came that is to be adopted. `unread`: its refunds not yet read."""

    found: str | None = None
    payment: PaymentReading | None = None
    unread: tuple[str, ...] | None = None
    refunds: tuple[RefundReading, ...] = ()


@dataclass(frozen=True, slots=True)
class Memo:
    """What is known beside the state and lost with the process. All times are steady seconds.

    `pace`: before it the payment is not read again, except right after a call on it. `not_before`: the
    pending operation rests until then. `last_request`: when the last request of the pending operation may
    have left. `unheard`: some request of it may have taken effect without our hearing of it (true after a
    restore). `spent`: a run ended unheard, so an answered look goes before the next. `refusal`: an answer
    that still has to be compared with a reading. `accepted`: the provider took the call, and a reading has still
    to show it. `foreign`: payments that were read and are not ours, which need no second reading. `refunds`: of
    each by its name; `refund`: which one the read under way is for.
    """

    pace: float = 0.0
    not_before: float = 0.0
    last_request: float = 0.0
    unheard: bool = False
    spent: bool = False
    tries: int = 0
    reading: Reading | None = None
    look: Look | None = None
    refusal: Refusal | None = None
    accepted: bool = False
    foreign: tuple[Candidate, ...] = ()
    late_not_before: float = 0.0
    drop_running: bool = False
    refunds: Mapping[str, RefundMemo] = field(default_factory=lambda: NO_REFUNDS)
    refund: str | None = None
    adopting: Adopting | None = None
    adopting_tries: int = 0
    adopting_not_before: float = 0.0
    refund_late_look: RefundLook | None = None
    refund_late_tries: int = 0
    refund_late_not_before: float = 0.0


NOTHING_HEARD: Final = Memo()
"""What every payment begins with."""
