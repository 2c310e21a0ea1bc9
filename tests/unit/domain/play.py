"""Plays prompts to the payment reducer by hand, and checks after each turn what must hold of any turn."""

from dataclasses import dataclass, field, replace

from gateway.domain.commands import (
    CancelPayment,
    CapturePayment,
    Data,
    InitiatePayment,
    Message,
    command_type,
)
from gateway.domain.draft import Conditions, Rules
from gateway.domain.events import CommandRejected, PaymentEvent, event_type
from gateway.domain.identity import MessageId
from gateway.domain.memo import Memo
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    FindPayments,
    Found,
    Initiate,
    Observed,
    Operation,
    Outcome,
    PaymentReading,
    PaymentWrite,
    Prepare,
    ProviderRefundStatus,
    ProviderStatus,
    ReadPayment,
    Refund,
    RefundCancel,
    RefundCapture,
    RefundObserved,
    RefundReading,
    RefundWrite,
)
from gateway.domain.payment import CommandArrived, Due, Performed, Prompt, Restored, decide
from gateway.domain.state import OperationKind, PaymentState
from gateway.domain.vocabulary import DeadLetterReason, PaymentStatus, Reason

PAYMENT_ID = "pay-1"
POS_ID = "c85916b1-8e17-4275-a388-551e16aa6293"
REFUND_PROVIDER_ID = "7f3a6f03-fcd4-4860-a795-138e7dcf948e"
PROVIDER_ID = "3974eae6-e36f-4148-b5ee-22689e528c75"
AMOUNT = Money(1250, Currency.DKK)
START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000

KIND_OF: dict[type, OperationKind] = {
    Refund: OperationKind.REFUND,
    RefundCapture: OperationKind.REFUND_CAPTURE,
    RefundCancel: OperationKind.REFUND_CANCEL,
}
WORDS = {
    ProviderStatus.PREPARED: "Prepared",
    ProviderStatus.PAIRED: "Paired",
    ProviderStatus.INITIATED: "Initiated",
    ProviderStatus.ISSUED: "IssuedToUser",
    ProviderStatus.RESERVED: "Reserved",
    ProviderStatus.CAPTURED: "Captured",
    ProviderStatus.CANCELLED_BY_CUSTOMER: "CancelledByUser",
    ProviderStatus.CANCELLED_BY_MERCHANT: "CancelledByClient",
    ProviderStatus.CANCELLED_BY_PROVIDER: "CancelledByMobilePay",
    ProviderStatus.EXPIRED: "ExpiredAndCancelled",
    ProviderStatus.UNKNOWN: "RejectedByMobilePayDueToAgeRestrictions",
}


@dataclass(frozen=True)
class Clock:
    wall_ms: int
    steady: float


def initiate(**fields: object) -> InitiatePayment:
    return replace(InitiatePayment(PAYMENT_ID, POS_ID, AMOUNT), **fields)  # type: ignore[arg-type]


CAPTURE = CapturePayment(PAYMENT_ID)
CANCEL = CancelPayment(PAYMENT_ID)


def reading(status: ProviderStatus, **fields: object) -> PaymentReading:
    plain = PaymentReading(PROVIDER_ID, POS_ID, PAYMENT_ID, AMOUNT, status, WORDS[status], 1000)
    return replace(plain, **fields)  # type: ignore[arg-type]


def observed(status: ProviderStatus, **fields: object) -> Observed:
    return Observed(reading(status, **fields))


def refund_read(status: ProviderRefundStatus, **fields: object) -> RefundObserved:
    word = status.value.title().replace("_", "")
    plain = RefundReading(REFUND_PROVIDER_ID, PROVIDER_ID, "r-1", AMOUNT, status, word, 1000)
    return RefundObserved(replace(plain, **fields))  # type: ignore[arg-type]


@dataclass
class Play:
    """One payment under test. `turn` returns the events of that turn; `running` is under way."""

    rules: Rules = field(default_factory=Rules)
    holding: bool = False
    merchant_known: bool = True
    """Whether the settings or the token name the merchant, where the command does not."""
    dice: float = 0.5
    state: PaymentState | None = None
    memo: Memo | None = None
    running: Operation | None = None
    wake_at: float | None = None
    clock: Clock = Clock(START_MS, 1000.0)
    events: list[PaymentEvent] = field(default_factory=list)
    withdrawn: bool = False
    dead_letters: list[DeadLetterReason] = field(default_factory=list)
    sent: list[Operation] = field(default_factory=list)
    commands: dict[str, Data] = field(default_factory=dict)

    def command(self, data: Data, message_id: str | None = None, **fields: object) -> list[PaymentEvent]:
        message_id = message_id or f"m-{len(self.commands) + 1}"
        self.commands.setdefault(message_id, data)
        message = Message(
            MessageId("/orders", message_id),
            command_type(data),
            data,
            repr(data),
            self.clock.wall_ms,
            self.clock.wall_ms + 23 * HOUR_MS,
        )
        return self.turn(CommandArrived(replace(message, **fields)))  # type: ignore[arg-type]

    def outcome(self, outcome: Outcome, after_seconds: float = 0.05) -> list[PaymentEvent]:
        assert self.running is not None, "nothing is under way"
        operation, self.running, self.withdrawn = self.running, None, False
        self.pass_time(after_seconds)
        return self.turn(Performed(operation, outcome))

    def due(self) -> list[PaymentEvent]:
        """Let time pass to the wake time."""
        assert self.wake_at is not None, "nothing is due"
        self.pass_time(max(0.0, self.wake_at - self.clock.steady))
        return self.turn(Due())

    def due_while_away(self) -> list[PaymentEvent]:
        """The provider is taken to be away, so that nothing may begin."""
        self.holding = True
        events = self.due()
        self.holding = False
        return events

    def restore(self, after_seconds: float = 5.0) -> list[PaymentEvent]:
        self.memo, self.running, self.withdrawn = None, None, False
        self.pass_time(after_seconds)
        return self.turn(Restored())

    def reopen(self) -> list[PaymentEvent]:
        """The partition is opened anew in the same process, while the operation is still under way."""
        self.memo = None
        self.pass_time(5.0)
        return self.turn(Restored())

    def pass_time(self, seconds: float) -> None:
        self.clock = Clock(self.clock.wall_ms + round(seconds * 1000), self.clock.steady + seconds)

    def turn(self, prompt: Prompt) -> list[PaymentEvent]:
        decision = decide(
            PAYMENT_ID,
            self.state,
            self.memo,
            self.running,
            prompt,
            self.clock,
            self.rules,
            Conditions(self.holding, lambda named: self.merchant_known or named is not None),
            lambda: self.dice,
        )
        sequence = self.state.sequence if self.state else 0
        for event in decision.events:
            sequence += 1
            assert event.sequence == sequence, "sequences have no gaps"
        self.state, self.memo = decision.state, decision.memo
        self.wake_at = decision.wake_at
        self.withdrawn = self.withdrawn or decision.withdraw
        if decision.operation is not None:
            assert self.running is None, "at most one operation is under way"
            self.running = decision.operation
            self.sent.append(decision.operation)
            self._check_intent(decision.operation)
        if decision.dead_letter is not None:
            self.dead_letters.append(decision.dead_letter)
        self.events += decision.events
        self.check()
        return list(decision.events)

    def _check_intent(self, operation: Operation) -> None:
        assert self.state is not None
        if isinstance(operation, PaymentWrite):
            assert self.state.pending is not None, "intent before effect"
            assert self.state.pending.first_sent_ms <= self.clock.wall_ms
        if isinstance(operation, RefundWrite):
            kinds = {r.pending.kind for r in self.state.refunds if r.pending is not None}
            assert KIND_OF[type(operation)] in kinds, "intent before effect"
        if isinstance(operation, Initiate | Prepare | Refund):
            assert self.clock.wall_ms <= operation.not_after_ms, "no creating call after its time"

    def check(self) -> None:
        answered = [e.answers.id.id for e in self.events if e.answers is not None]
        assert len(answered) == len(set(answered)), f"a command was answered twice: {answered}"
        state = self.state
        if state is None:
            return
        open_ids = {m.id.id for m in state.inbox}
        if state.pending and state.pending.message:
            open_ids.add(state.pending.message.id.id)
        for refund in state.refunds:
            if refund.message:
                open_ids.add(refund.message.id.id)
            if refund.pending and refund.pending.message:
                open_ids.add(refund.pending.message.id.id)
        if state.start and not state.start.answered:
            open_ids.add(state.start.message.id.id)
        if state.start and state.start.overtaken_by:
            open_ids.add(state.start.overtaken_by.id.id)
        assert len(open_ids) == state.waiting
        assert not open_ids & set(answered), "an answered command still waits"
        known = {r.id.id for r in state.remembered}
        assert known <= open_ids | set(answered), "a command was lost"
        if state.waiting and self.running is None:
            assert self.wake_at is not None, "somebody waits and nothing will happen"

    # What tests ask for most.

    @property
    def status(self) -> PaymentStatus:
        return self.state.status if self.state else PaymentStatus.NONE

    def types(self) -> list[str]:
        return [event_type(e.fact) for e in self.events]

    def answer(self, message_id: str) -> PaymentEvent:
        return next(e for e in self.events if e.answers is not None and e.answers.id.id == message_id)

    def reason(self, message_id: str) -> Reason:
        fact = self.answer(message_id).fact
        assert isinstance(fact, CommandRejected)
        return fact.reason

    def reason_or_none(self, message_id: str) -> Reason | None:
        answers = {e.answers.id.id: e.fact for e in self.events if e.answers is not None}
        fact = answers.get(message_id)
        return fact.reason if isinstance(fact, CommandRejected) else None

    def started(self, status: ProviderStatus = ProviderStatus.INITIATED, **fields: object) -> "Play":
        """Initiate, accepted, read back."""
        self.command(initiate(**fields))
        self.outcome(Accepted(PROVIDER_ID))
        self.outcome(observed(status))
        return self

    def reserved(self, **fields: object) -> "Play":
        self.started(**fields)
        self.due()
        self.outcome(observed(ProviderStatus.RESERVED, partial_capture_possible=True))
        return self


def captured(**fields: object) -> Play:
    """A payment whose money is taken."""
    play = Play().reserved(**fields)
    play.command(CAPTURE, "capture")
    play.outcome(Accepted())
    return play


def is_list(operation: Operation | None, captured: bool = False) -> bool:
    return isinstance(operation, FindPayments) and operation.captured is captured


def is_read(operation: Operation | None) -> bool:
    return isinstance(operation, ReadPayment)


EMPTY = Found(())
