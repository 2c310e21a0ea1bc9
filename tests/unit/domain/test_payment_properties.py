"""Any sequence of commands, outcomes, losses and restores keeps the rules; once faults stop, all is answered
truthfully.

A small model of the provider stands behind the reducer: it has effects whether or not their answers are
heard, and a customer who decides when he likes.
"""

from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.commands import CapturePayment, Data
from gateway.domain.draft import Rules
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    DeferralCause,
    Deferred,
    FindPayments,
    Found,
    Initiate,
    Observed,
    Operation,
    Outcome,
    ProviderStatus,
    ReadPayment,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import CaptureMode, PaymentStatus, Reason, WhenBusy
from tests.unit.domain.play import AMOUNT, CANCEL, CAPTURE, PAYMENT_ID, POS_ID, Play, initiate, reading

P = ProviderStatus
ACTIVE = (P.INITIATED, P.ISSUED)


@dataclass
class Model:
    """The provider, reduced to what the rules depend on."""

    payments: dict[str, P] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    captured: dict[str, int] = field(default_factory=dict)
    busy: bool = False
    effects: list[tuple[str, str]] = field(default_factory=list)

    def perform(self, operation: Operation) -> Outcome:
        match operation:
            case Initiate():
                return self._initiate(operation)
            case Capture(_, payment_id, amount):
                if self.payments[payment_id] is P.CAPTURED:
                    same = self.captured[payment_id] == amount.value
                    return Accepted() if same else Rejected(Refusal(Reason.WRONG_STATUS, 409, "1307"))
                if self.payments[payment_id] is not P.RESERVED:
                    return Rejected(Refusal(Reason.WRONG_STATUS, 409, "1304"))
                self.payments[payment_id] = P.CAPTURED
                self.captured[payment_id] = amount.value
                self.effects.append(("capture", payment_id))
                return Accepted()
            case Cancel(_, payment_id):
                if self.payments[payment_id] is P.CANCELLED_BY_MERCHANT:
                    return Accepted()
                if self.payments[payment_id] not in (*ACTIVE, P.RESERVED):
                    return Rejected(Refusal(Reason.WRONG_STATUS, 409, "1300"))
                self.payments[payment_id] = P.CANCELLED_BY_MERCHANT
                self.effects.append(("cancel", payment_id))
                return Accepted()
            case ReadPayment(_, payment_id, _):
                return Observed(self.read(payment_id))
            case FindPayments(_, _, order_id, captured, _):
                wanted = (P.CAPTURED,) if captured else (*ACTIVE, P.RESERVED)
                ids = [i for i, s in self.payments.items() if s in wanted]
                return Found(tuple(i for i in ids if order_id in (None, self.orders[i])))

    def read(self, payment_id: str) -> object:  # type: ignore[type-arg]
        status = self.payments[payment_id]
        return reading(
            status,
            provider_payment_id=payment_id,
            order_id=self.orders[payment_id],
            partial_capture_possible=True if status is P.RESERVED else None,
        )

    def _initiate(self, operation: Initiate) -> Outcome:
        if operation.key in self.by_key:
            return Accepted(self.by_key[operation.key])
        if self.busy or any(s in ACTIVE for s in self.payments.values()):
            return Rejected(Refusal(Reason.POINT_OF_SALE_BUSY, 409, "1301"))
        payment_id = f"provider-{len(self.payments) + 1}"
        self.payments[payment_id] = P.INITIATED
        self.by_key[operation.key] = payment_id
        self.orders[payment_id] = operation.order_id
        self.effects.append(("initiate", operation.key))
        return Accepted(payment_id)

    def customer(self, decision: P) -> None:
        for payment_id, status in self.payments.items():
            if status in ACTIVE:
                self.payments[payment_id] = decision


FAULTS = ("none", "lost before", "lost after", "partly lost after", "throttled", "away")
STEPS = st.one_of(
    st.tuples(st.just("command"), st.integers(0, 5)),
    st.tuples(st.just("again"), st.integers(0, 5)),
    st.tuples(st.just("answer"), st.sampled_from(FAULTS)),
    st.tuples(st.just("answer"), st.sampled_from(FAULTS)),
    st.tuples(st.just("due"), st.none()),
    st.tuples(st.just("restore"), st.none()),
    st.tuples(
        st.just("customer"), st.sampled_from([P.ISSUED, P.RESERVED, P.CANCELLED_BY_CUSTOMER, P.UNKNOWN])
    ),
    st.tuples(st.just("busy"), st.booleans()),
    st.tuples(st.just("holding"), st.booleans()),
    st.tuples(st.just("time"), st.sampled_from([0.5, 5.0, 700.0, 90_000.0])),
)
STARTS = st.builds(
    initiate,
    capture=st.sampled_from(CaptureMode),
    when_busy=st.sampled_from(WhenBusy),
    order_id=st.sampled_from([None, "till-7"]),
    approval_timeout_seconds=st.sampled_from([None, 60]),
)


def command(start: Data, which: int) -> Data:
    partial = CapturePayment(PAYMENT_ID, Money(1000, Currency.DKK))
    return (start, start, CAPTURE, partial, CANCEL, CANCEL)[which]


def answer(play: Play, model: Model, fault: str) -> None:
    operation = play.running
    assert operation is not None
    changes = isinstance(operation, Initiate | Capture | Cancel)
    if play.withdrawn and fault in ("lost before", "away"):
        play.outcome(Deferred(DeferralCause.WITHDRAWN, 0))
    elif fault == "lost before":
        play.outcome(Unknown(3))
    elif fault == "lost after":
        if not (isinstance(operation, Initiate) and play.clock.wall_ms > operation.not_after_ms):
            model.perform(operation)
        play.outcome(Unknown(3))
    elif fault == "partly lost after" and changes:
        model.perform(operation)
        outcome = model.perform(operation)
        play.outcome(replace(outcome, unheard=1) if isinstance(outcome, Rejected) else outcome)
    elif fault == "throttled":
        play.outcome(Deferred(DeferralCause.THROTTLED, 1000, 0, 1))
    elif fault == "away":
        play.outcome(Deferred(DeferralCause.PROVIDER_AWAY, 1000))
    else:
        play.outcome(model.perform(operation))


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(start=STARTS, steps=st.lists(STEPS, max_size=40), dice=st.floats(0, 0.999))
def test_any_history_keeps_the_rules_and_ends_in_truth(
    start: Data, steps: list[tuple[str, object]], dice: float
) -> None:
    play, model = Play(rules=Rules(approval_timeout_seconds=600), dice=dice), Model()
    for name, detail in steps:
        if play.commands and play.state is None:
            break  # Forgotten after the retention: from here on a repeat is a new command.
        match name, detail:
            case "command", int(which):
                play.command(command(start, which))
            case "again", int(which) if play.commands:
                message_id = list(play.commands)[which % len(play.commands)]
                play.command(play.commands[message_id], message_id)
            case "answer", str(fault) if play.running is not None:
                answer(play, model, fault)
            case "due", _ if play.wake_at is not None and play.running is None:
                play.due()
            case "restore", _ if play.state is not None:
                if play.running is not None and dice > 0.5:
                    model.perform(play.running)
                play.restore()
            case "customer", P() as decision:
                model.customer(decision)
            case "busy", bool(flag):
                model.busy = flag
            case "holding", bool(flag):
                play.holding = flag
            case "time", float(seconds):
                play.pass_time(seconds)
            case _:
                pass
    settle(play, model)
    judge(play, model)


def settle(play: Play, model: Model) -> None:
    """Faults stop: the provider answers, the point of sale is free, and a day passes."""
    model.busy = play.holding = False
    end_ms = play.clock.wall_ms + 2 * 24 * 3_600_000
    for _ in range(20_000):
        if play.running is not None:
            play.outcome(model.perform(play.running))
        elif play.wake_at is not None and play.clock.wall_ms < end_ms:
            play.due()
        else:
            return
    raise AssertionError("the payment never comes to rest")


def judge(play: Play, model: Model) -> None:
    answered = {e.answers.id.id for e in play.events if e.answers is not None}
    assert answered == set(play.commands), "each command is answered"
    created = [what for what, _ in model.effects if what == "initiate"]
    keys = [key for what, key in model.effects if what == "initiate"]
    assert len(keys) == len(set(keys))
    captures = [payment for what, payment in model.effects if what == "capture"]
    assert len(captures) == len(set(captures))
    state = play.state
    own = state.provider_payment_id if state else None
    if own is not None and state is not None:
        truth = {
            P.CAPTURED: PaymentStatus.CAPTURED,
            P.CANCELLED_BY_MERCHANT: PaymentStatus.CANCELLED,
            P.CANCELLED_BY_CUSTOMER: PaymentStatus.CANCELLED,
            P.RESERVED: PaymentStatus.RESERVED,
            P.UNKNOWN: PaymentStatus.CANCELLED,
        }
        assert state.status is truth[model.payments[own]], "no event contradicts the provider"
    for payment_id, status in model.payments.items():
        told_by_order = model.orders[payment_id] == PAYMENT_ID
        if payment_id != own and told_by_order:
            assert status not in (*ACTIVE, P.RESERVED), "nothing of an abandoned start stays alive"
    captured = any(e.status is PaymentStatus.CAPTURED for e in play.events)
    if any(model.payments.get(p) is P.CAPTURED for p in captures):
        assert captured
    assert len(created) <= len(play.commands) * 40
    assert POS_ID and AMOUNT
