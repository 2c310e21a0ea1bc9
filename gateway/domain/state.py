"""A payment as its owner remembers it: one state record, written in the same transaction as the events it led
to.

The state contains the pending operation itself and what is needed to repeat it, so the retry queue, the poll
schedule and the duty to capture or cancel are one thing. What may be forgotten with the process stands in
`Memo`.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.commands import InitiatePayment, Message
from gateway.domain.events import Amounts, Candidate, Cause
from gateway.domain.identity import MessageId
from gateway.domain.money import Money
from gateway.domain.operations import Refusal
from gateway.domain.vocabulary import CancelReason, PaymentStatus


class OperationKind(StrEnum):
    INITIATE = "initiate"
    CAPTURE = "capture"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Start:
    """The command that started the payment, and how far it came. `attempt` counts from 1 and is part of the
    key.

    `overtaken_by` is the cancel that came before the start was answered: from its acceptance on no further
    request of the start leaves, and it is carried out whatever its expiry.
    """

    message: Message
    attempt: int = 1
    answered: bool = False
    overtaken_by: Message | None = None

    @property
    def data(self) -> InitiatePayment:
        assert isinstance(self.message.data, InitiatePayment)
        return self.message.data

    @property
    def order_id(self) -> str:
        return self.data.order_id or self.data.payment_id


@dataclass(frozen=True, slots=True)
class AbandonedStart:
    """A start that was answered without an effect found, to be looked for once more at `due_ms`."""

    cause: Cause
    pos_id: str
    order_id: str
    amount: Money
    due_ms: int
    merchant: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """An intent: from the moment its transaction is acknowledged the operation may have been sent, whatever
    happens.

    `message` is the command that it answers; None for an operation that nobody asked for by name (automatic
    capture, time-out, late effect) and for the start, whose command stands in `Start`. `late` and `target`:
    what is cancelled is not the payment's own but what an abandoned start turned out to have made. `told`:
    `payment.unknown` has been published.
    """

    kind: OperationKind
    cause: Cause
    first_sent_ms: int
    message: Message | None = None
    amount: Money | None = None
    cancel_reason: CancelReason | None = None
    late: AbandonedStart | None = None
    target: str | None = None
    answers_start: bool = False
    told: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """A command message that was accepted; the hash tells a repeat from an id used twice."""

    id: MessageId
    data_hash: str


@dataclass(frozen=True, slots=True)
class PaymentState:
    """`sequence` is that of the last event; `touched_ms` the last durable change, from which the retention
    counts.
    """

    payment_id: str
    sequence: int = 0
    status: PaymentStatus = PaymentStatus.NONE
    start: Start | None = None
    provider_payment_id: str | None = None
    amounts: Amounts | None = None
    partial_capture_possible: bool | None = None
    reserved_ms: int | None = None
    expires_at_ms: int | None = None
    approval_deadline_ms: int | None = None
    poll_delay_ms: int | None = None
    pending: Pending | None = None
    inbox: tuple[Message, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    abandoned: tuple[AbandonedStart, ...] = ()
    touched_ms: int = 0

    @property
    def waiting(self) -> int:
        """Accepted commands that are not yet answered."""
        under_way = self.pending is not None and self.pending.message is not None
        starting = (
            0 if self.start is None else (not self.start.answered) + (self.start.overtaken_by is not None)
        )
        return len(self.inbox) + under_way + starting


class Reading(StrEnum):
    """What the read that is under way is for."""

    WATCH = "watch"
    READ_BACK = "read_back"
    LOOK = "look"
    LATE_LOOK = "late_look"


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
class Memo:
    """What is known beside the state and lost with the process. All times are steady seconds.

    `pace`: before it the payment is not read again, except right after a call on it. `not_before`: the
    pending operation rests until then. `last_request`: when the last request of the pending operation may
    have left. `unheard`: some request of it may have taken effect without our hearing of it (true after a
    restore). `spent`: a run ended unheard, so an answered look goes before the next. `refusal`: an answer
    that still has to be compared with a reading. `foreign`: payments that were read and are not ours, which
    need no second reading.
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
    foreign: tuple[Candidate, ...] = ()
    late_not_before: float = 0.0
    drop_running: bool = False
