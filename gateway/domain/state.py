"""A payment as its owner remembers it: one state record, written in the same transaction as the events it led
to.

The state contains the pending operation itself and what is needed to repeat it, so the retry queue, the poll
schedule and the duty to capture or cancel are one thing. What may be forgotten with the process stands in
`Memo`.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.commands import CreateRefund, InitiatePayment, Message, PreparePayment, ReadyPayment
from gateway.domain.events import Amounts, Cause
from gateway.domain.identity import MessageId
from gateway.domain.money import Money
from gateway.domain.vocabulary import CancelReason, CaptureMode, PaymentStatus, RefundStatus


class OperationKind(StrEnum):
    INITIATE = "initiate"
    PREPARE = "prepare"
    READY = "ready"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    REFUND_CAPTURE = "refund-capture"
    REFUND_CANCEL = "refund-cancel"


@dataclass(frozen=True, slots=True)
class Start:
    """The command that started or prepared the payment, and how far it came. `attempt` counts from 1 and is
    part of the key.

    `overtaken_by` is the cancel that came before the start was answered: from its acceptance on no further
    request of the start leaves, and it is carried out whatever its expiry.
    """

    message: Message
    attempt: int = 1
    answered: bool = False
    overtaken_by: Message | None = None

    @property
    def data(self) -> InitiatePayment | PreparePayment:
        assert isinstance(self.message.data, InitiatePayment | PreparePayment)
        return self.message.data

    @property
    def amount(self) -> Money | None:
        """None of a prepared payment."""
        return self.data.amount if isinstance(self.data, InitiatePayment) else None

    @property
    def order_id(self) -> str:
        return self.data.order_id or self.data.payment_id


@dataclass(frozen=True, slots=True)
class AbandonedStart:
    """A start that was answered without an effect found, to be looked for once more at `due_ms`."""

    cause: Cause
    pos_id: str
    order_id: str
    due_ms: int
    amount: Money | None = None
    merchant: str | None = None


@dataclass(frozen=True, slots=True)
class AbandonedRefund:
    """A refund that was answered as expired without an effect found, to be looked for once more at `due_ms`."""

    cause: Cause
    refund_id: str
    amount: Money
    due_ms: int


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

    @property
    def starts(self) -> bool:
        return self.kind in (OperationKind.INITIATE, OperationKind.PREPARE)


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of the payment. `message` is its `refund.create` until that is answered.

    `late`: what an abandoned `refund.create` turned out to have made; its `refund_id` may be another's by now.
    `reserved_ms`: when it was first seen reserved, from which the provider's 24 hours are reckoned.
    """

    refund_id: str
    amount: Money
    cause: Cause
    status: RefundStatus = RefundStatus.REQUESTED
    capture: CaptureMode = CaptureMode.MANUAL
    message: Message | None = None
    provider_refund_id: str | None = None
    poll_delay_ms: int | None = None
    reserved_ms: int | None = None
    pending: Pending | None = None
    late: bool = False

    @property
    def name(self) -> str:
        """Tells the refunds of a payment apart; no sender's id is as long as a late one's name."""
        return f"late refund {self.provider_refund_id}" if self.late else self.refund_id

    @property
    def under_way(self) -> int:
        """Accepted commands about it that are not yet answered."""
        changes = self.pending is not None and self.pending.message is not None
        return int(self.message is not None) + int(changes)


@dataclass(frozen=True, slots=True)
class Origin:
    """What the provider was told of the payment, and the last command that started, readied or adopted it."""

    message: Message
    pos_id: str
    order_id: str
    merchant: str | None


@dataclass(frozen=True, slots=True)
class Remembered:
    """A command message that was accepted; the hash tells a repeat from an id used twice."""

    id: MessageId
    data_hash: str


@dataclass(frozen=True, slots=True)
class PaymentState:
    """`sequence` is that of the last event; `touched_ms` the last durable change, from which the retention
    counts. `ready` is the command that readied a prepared payment, `adoption` the refund for which a payment was
    taken over that nothing was known of.
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
    ready: Message | None = None
    adoption: Message | None = None
    refunds: tuple[Refund, ...] = ()
    abandoned_refunds: tuple[AbandonedRefund, ...] = ()

    @property
    def origin(self) -> Origin | None:
        if self.start is not None:
            data = self.start.data
            message = self.ready or self.start.message
            return Origin(message, data.pos_id, self.start.order_id, data.merchant_vat_number)
        if self.adoption is not None:
            adopting = self.adoption.data
            assert isinstance(adopting, CreateRefund) and adopting.pos_id is not None
            order_id = adopting.order_id or adopting.payment_id
            return Origin(self.adoption, adopting.pos_id, order_id, adopting.merchant_vat_number)
        return None

    @property
    def captures_when_reserved(self) -> bool:
        if self.ready is not None:
            assert isinstance(self.ready.data, ReadyPayment)
            return self.ready.data.capture is CaptureMode.AUTOMATIC
        data = self.start.data if self.start is not None else None
        return isinstance(data, InitiatePayment) and data.capture is CaptureMode.AUTOMATIC

    @property
    def waiting(self) -> int:
        """Accepted commands that are not yet answered."""
        under_way = sum(r.under_way for r in self.refunds)
        under_way += self.pending is not None and self.pending.message is not None
        starting = (
            0 if self.start is None else (not self.start.answered) + (self.start.overtaken_by is not None)
        )
        return len(self.inbox) + under_way + starting
