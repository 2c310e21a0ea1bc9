"""One turn in the making: the state as it becomes, the events it tells, the one operation it asks for.

Mutable inside a turn and thrown away after it, so that the rules read as sentences; from outside a turn is a
pure function.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.domain.changes import changed
from gateway.domain.commands import (
    CancelRefund,
    CaptureRefund,
    CreateRefund,
    InitiatePayment,
    Message,
    PreparePayment,
    command_type,
)
from gateway.domain.events import (
    Amounts,
    Answers,
    Candidate,
    Cause,
    CommandRejected,
    PaymentCancelled,
    PaymentEvent,
    PaymentFact,
    ProviderWords,
)
from gateway.domain.memo import NOTHING_HEARD, Memo, Reading
from gateway.domain.money import Money
from gateway.domain.operations import Operation, Purpose, Read, ReadPayment, Refusal
from gateway.domain.pacing import Dice, Instant
from gateway.domain.state import PaymentState, Refund, Start
from gateway.domain.vocabulary import (
    By,
    CancelReason,
    DeadLetterReason,
    PaymentStatus,
    Reason,
    RefundStatus,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that rules depend on."""

    settle_seconds: int = 30
    approval_timeout_seconds: int = 600
    prepared_timeout_seconds: int = 3600
    min_poll_delay_ms: int = 0
    state_retention_days: int = 7
    max_waiting_commands: int = 64
    max_remembered_commands: int = 1_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the provider stands at this moment. `holding`: no new first operation now. `merchant_known`: may it
    be addressed?
    """

    holding: bool
    merchant_known: Callable[[str | None], bool]


def cause_of(message: Message) -> Cause:
    return Cause(message.id, message.correlation_id, message.trace_parent, message.trace_state)


@dataclass(slots=True)
class Draft:
    state: PaymentState
    memo: Memo
    now: Instant
    rules: Rules
    conditions: Conditions
    dice: Dice
    running: Operation | None
    events: list[PaymentEvent] = field(default_factory=list)
    operation: Operation | None = None
    withdraw: bool = False
    dead_letter: DeadLetterReason | None = None
    forgotten: bool = False
    wakes: list[float] = field(default_factory=list)

    def change(self, **fields: Any) -> None:
        self.state = changed(self.state, fields)

    def note(self, **fields: Any) -> None:
        self.memo = changed(self.memo, fields)

    def wake_at(self, steady: float) -> None:
        self.wakes.append(steady)

    def wake_at_wall(self, wall_ms: int) -> None:
        self.wakes.append(self.now.steady + (wall_ms - self.now.wall_ms) / 1000)

    def ask(self, operation: Operation) -> None:
        """At most one operation is under way for a payment."""
        assert self.operation is None and self.running is None
        self.operation = operation

    def ask_reading(self, operation: Read, reading: Reading) -> None:
        self.ask(operation)
        self.note(reading=reading)

    def read_payment(self, provider_payment_id: str, purpose: Purpose, reading: Reading) -> None:
        self.ask_reading(ReadPayment(self.merchant, provider_payment_id, purpose), reading)

    @property
    def merchant(self) -> str | None:
        """Of whom the provider is asked: of a late effect the merchant that its start named."""
        pending, origin = self.state.pending, self.state.origin
        if pending is not None and pending.late is not None:
            return pending.late.merchant
        return origin.merchant if origin else None

    def tell(
        self,
        fact: PaymentFact,
        cause: Cause,
        answered: Message | None = None,
        provider: ProviderWords | None = None,
    ) -> None:
        """Publish what has happened, in the status that the state has by now; `answered` is the command it
        answers.
        """
        s, origin = self.state, self.state.origin
        self.change(sequence=s.sequence + 1, touched_ms=self.now.wall_ms)
        self.events.append(
            PaymentEvent(
                payment_id=s.payment_id,
                sequence=s.sequence + 1,
                status=s.status,
                occurred_at_ms=self.now.wall_ms,
                fact=fact,
                cause=cause,
                order_id=origin.order_id if origin else None,
                pos_id=origin.pos_id if origin else None,
                amounts=s.amounts,
                adopted=s.adoption is not None,
                answers=Answers(answered.id, command_type(answered.data)) if answered else None,
                provider=provider,
            )
        )

    def reject(
        self, message: Message, reason: Reason, text: str, provider: ProviderWords | None = None
    ) -> None:
        fact = CommandRejected(reason, text)
        if isinstance(message.data, CreateRefund | CaptureRefund | CancelRefund):
            refund = self.find_refund(message.data.refund_id)
            status = refund.status if refund else RefundStatus.NONE
            fact = replace(fact, refund_id=message.data.refund_id, refund_status=status)
        self.tell(fact, cause_of(message), message, provider)

    def find_refund(self, refund_id: str) -> Refund | None:
        """The refund that the sender calls so."""
        return next((r for r in self.state.refunds if r.refund_id == refund_id and not r.late), None)

    def pay_back(self, amount: Money) -> None:
        """A refund was paid out."""
        amounts = self.state.amounts
        assert amounts is not None
        self.change(amounts=replace(amounts, refunded=amounts.refunded + amount.value))

    def begin(self, message: Message) -> None:
        """The payment is to be started by `message`; from here on its order and point of sale are known, and its
        amount unless it is prepared.
        """
        data = message.data
        assert isinstance(data, InitiatePayment | PreparePayment)
        amounts = None
        if isinstance(data, InitiatePayment):
            amounts = Amounts(data.amount.currency, requested=data.amount.value, captured=0)
        self.change(
            start=Start(message),
            status=PaymentStatus.REQUESTED,
            amounts=amounts,
            provider_payment_id=None,
        )

    def reject_start(self, reason: Reason, text: str, provider: ProviderWords | None = None) -> None:
        """The start is answered and nothing exists: a new command may start the payment again."""
        start = self.state.start
        assert start is not None and not start.answered
        self.change(status=PaymentStatus.NONE, pending=None)
        self.reject(start.message, reason, text, provider)
        self.change(
            start=None, amounts=None, provider_payment_id=None, poll_delay_ms=None, approval_deadline_ms=None
        )
        self.calm()

    def calm(self) -> None:
        """Nothing is pending any more, or something new is: what was heard of the old run is forgotten, the
        pace is not.
        """
        kept = {
            "pace": self.memo.pace,
            "late_not_before": self.memo.late_not_before,
            "refunds": self.memo.refunds,
            "refund_late_not_before": self.memo.refund_late_not_before,
        }
        self.memo = changed(NOTHING_HEARD, kept)

    def cancelled_before_start(self, message: Message) -> None:
        self.tell(
            PaymentCancelled(By.MERCHANT, CancelReason.CANCELLED_BEFORE_START),
            cause_of(message),
            message,
        )

    def words(
        self,
        status: str | None = None,
        refusal: Refusal | None = None,
        candidates: tuple[Candidate, ...] = (),
        payment_id: str | None = None,
    ) -> ProviderWords | None:
        """What the provider said, or None where it said nothing."""
        words = ProviderWords(
            payment_id=payment_id or self.state.provider_payment_id,
            status=status,
            code=refusal.code if refusal else None,
            correlation_id=refusal.correlation_id if refusal else None,
            candidates=candidates,
        )
        return words if words != ProviderWords() else None
