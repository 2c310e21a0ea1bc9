"""Any sequence of commands, outcomes, losses and restores keeps the rules; once faults stop, all is answered
truthfully.

A state machine plays shop, customer, network and process against the reducer. What the provider did is the model
that the events are compared with.
"""

import os
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.domain.commands import (
    CancelPayment,
    CancelRefund,
    CapturePayment,
    CaptureRefund,
    CreateRefund,
    Data,
    InitiatePayment,
    PreparePayment,
    ReadyPayment,
)
from gateway.domain.draft import Rules
from gateway.domain.events import RefundCancelled, RefundCaptured
from gateway.domain.lifecycle import may_follow
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    DeferralCause,
    Deferred,
    Operation,
    PaymentWrite,
    ProviderRefundStatus,
    ProviderStatus,
    RefundWrite,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import CaptureMode, PaymentStatus, RefundStatus, WhenBusy
from tests.unit.domain.model import ACTIVE, PaymentAtProvider, Provider
from tests.unit.domain.play import AMOUNT, PAYMENT_ID, POS_ID, Play

P, R = ProviderStatus, ProviderRefundStatus
DAY_SECONDS = 24 * 3600.0

ORDERS = st.sampled_from([None, "till-7"])
STARTS = st.one_of(
    st.builds(
        InitiatePayment,
        st.just(PAYMENT_ID),
        st.just(POS_ID),
        st.just(AMOUNT),
        order_id=ORDERS,
        capture=st.sampled_from(CaptureMode),
        when_busy=st.sampled_from(WhenBusy),
        approval_timeout_seconds=st.sampled_from([None, 60]),
    ),
    st.builds(
        PreparePayment,
        st.just(PAYMENT_ID),
        st.just(POS_ID),
        order_id=ORDERS,
        when_busy=st.sampled_from(WhenBusy),
    ),
)
AMOUNTS = st.sampled_from([Money(value, Currency.DKK) for value in (250, 1000, AMOUNT.value, 1251)])
REFUND_IDS = st.sampled_from(["r-1", "r-2", "r-3"])
OTHERS = st.one_of(
    st.builds(
        ReadyPayment,
        st.just(PAYMENT_ID),
        st.just(AMOUNT),
        capture=st.sampled_from(CaptureMode),
        approval_timeout_seconds=st.sampled_from([None, 60]),
    ),
    st.builds(CapturePayment, st.just(PAYMENT_ID), st.none() | AMOUNTS),
    st.builds(CancelPayment, st.just(PAYMENT_ID)),
    st.builds(
        CreateRefund,
        st.just(PAYMENT_ID),
        REFUND_IDS,
        AMOUNTS,
        st.sampled_from(CaptureMode),
        pos_id=st.sampled_from([None, POS_ID]),
    ),
    st.builds(CaptureRefund, st.just(PAYMENT_ID), REFUND_IDS),
    st.builds(CancelRefund, st.just(PAYMENT_ID), REFUND_IDS),
)


class PaymentMachine(RuleBasedStateMachine):
    """One payment, everything around it drawn."""

    @initialize(
        dice=st.floats(0, 0.999),
        start=STARTS,
        head_start=st.sampled_from(["nothing", "started", "captured", "forgotten"]),
    )
    def begin(self, dice: float, start: InitiatePayment | PreparePayment, head_start: str) -> None:
        rules = Rules(approval_timeout_seconds=600, prepared_timeout_seconds=900)
        self.play, self.provider = Play(rules=rules, dice=dice), Provider()
        self.start, self.gone, self.limbo = start, False, []
        if head_start == "forgotten":
            self.provider.payments["payment-0"] = PaymentAtProvider(
                POS_ID, PAYMENT_ID, AMOUNT, P.CAPTURED, AMOUNT.value
            )
        elif head_start != "nothing":
            self.play.command(start)
            self._hear()
            if head_start == "captured" and isinstance(start, InitiatePayment):
                self._hear()
                self.provider.customer(P.RESERVED)
                self.play.due()
                self._hear()
                if start.capture is CaptureMode.MANUAL:
                    self.play.command(CapturePayment(PAYMENT_ID))
                self._hear()

    limbo: list[Operation]

    def _hear(self) -> None:
        assert self.play.running is not None
        self.play.outcome(self.provider.perform(self.play.running))

    @property
    def open(self) -> bool:
        return not self.gone

    @precondition(lambda self: self.open)
    @rule(data=OTHERS)
    def a_command(self, data: Data) -> None:
        self.play.command(data)

    @precondition(lambda self: self.open)
    @rule(again=st.booleans(), other=STARTS)
    def a_start(self, again: bool, other: Data) -> None:
        self.play.command(self.start if again else other)

    @precondition(lambda self: self.open and self.play.commands)
    @rule(which=st.integers(0, 30))
    def a_message_again(self, which: int) -> None:
        message_id = list(self.play.commands)[which % len(self.play.commands)]
        self.play.command(self.play.commands[message_id], message_id)

    @precondition(lambda self: self.play.running is not None)
    @rule()
    def an_answer(self) -> None:
        self._hear()

    @precondition(lambda self: self.play.running is not None)
    @rule(effect=st.sampled_from(["none", "now", "later"]))
    def a_silence(self, effect: str) -> None:
        """Every request of the run goes unheard; what it does at the provider it does now, later or never."""
        operation = self.play.running
        assert operation is not None
        if self.play.withdrawn and effect == "none":
            self.play.outcome(Deferred(DeferralCause.WITHDRAWN, 0))
            return
        if effect == "now":
            self.provider.perform(operation)
        elif effect == "later" and isinstance(operation, PaymentWrite | RefundWrite):
            self.limbo.append(operation)
        self.play.outcome(Unknown(3))

    @precondition(lambda self: isinstance(self.play.running, PaymentWrite | RefundWrite))
    @rule()
    def a_doubtful_answer(self) -> None:
        """The first request took effect unheard, a repeat of the run is answered."""
        operation = self.play.running
        assert operation is not None
        self.provider.perform(operation)
        outcome = self.provider.perform(operation)
        self.play.outcome(replace(outcome, unheard=1) if isinstance(outcome, Rejected) else outcome)

    @precondition(lambda self: self.play.running is not None)
    @rule(cause=st.sampled_from([DeferralCause.THROTTLED, DeferralCause.PROVIDER_AWAY]))
    def a_deferral(self, cause: DeferralCause) -> None:
        self.play.outcome(Deferred(cause, 1000, 0, 1 if cause is DeferralCause.THROTTLED else 0))

    @precondition(lambda self: self.open and self.play.running is None and self.play.wake_at is not None)
    @rule()
    def what_is_due(self) -> None:
        assert self.play.wake_at is not None
        if self.play.wake_at - self.play.clock.steady > 20:
            self.limbo_ends()
        self.play.due()
        self._watch_forgetting()

    @precondition(lambda self: self.open and self.play.state is not None)
    @rule(effect=st.booleans())
    def a_take_over(self, effect: bool) -> None:
        if self.play.running is not None and effect:
            self.provider.perform(self.play.running)
        self.play.restore()
        self._watch_forgetting()

    @rule(decision=st.sampled_from([P.PAIRED, P.ISSUED, P.RESERVED, P.CANCELLED_BY_CUSTOMER, P.UNKNOWN]))
    def the_customer(self, decision: ProviderStatus) -> None:
        self.provider.customer(decision)

    @rule(decision=st.sampled_from([R.RESERVED, R.CANCELLED_BY_PROVIDER]))
    def the_refunds_go_on(self, decision: ProviderRefundStatus) -> None:
        self.provider.pay_out(decision)

    @rule(flag=st.booleans())
    def the_till_next_door(self, flag: bool) -> None:
        self.provider.busy = flag

    @rule(flag=st.booleans())
    def the_breaker(self, flag: bool) -> None:
        self.play.holding = flag

    @rule(seconds=st.sampled_from([0.5, 5.0, 70.0, 700.0, DAY_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        if seconds > 20:
            self.limbo_ends()
        self.play.pass_time(seconds)
        if seconds >= DAY_SECONDS:
            self.provider.pay_out(R.CAPTURED_BY_EXPIRY)

    @rule()
    def limbo_ends(self) -> None:
        """What was under way takes effect at last, sooner than a search may call it settled."""
        late, self.limbo = self.limbo, []
        for operation in late:
            self.provider.perform(operation)

    def _watch_forgetting(self) -> None:
        # From here on a repeat would be a new command.
        self.gone = self.gone or (bool(self.play.commands) and self.play.state is None)

    @invariant()
    def refunds_fit(self) -> None:
        for payment_id, payment in self.provider.payments.items():
            assert self.provider.refunded(payment_id) <= payment.captured

    @invariant()
    def statuses_follow(self) -> None:
        """No event takes back what another has said."""
        status = PaymentStatus.NONE
        for event in self.play.events:
            follows = event.status is status or may_follow(status, event.status)
            begins = status is PaymentStatus.NONE and may_follow(PaymentStatus.REQUESTED, event.status)
            assert follows or begins, (status, event)
            status = event.status

    def teardown(self) -> None:
        if not hasattr(self, "play"):
            return
        self._settle()
        self._compare()

    def _settle(self) -> None:
        """Faults stop: the provider answers, the point of sale is free, and two days pass."""
        self.limbo_ends()
        self.provider.busy = self.play.holding = False
        self.provider.pay_out(R.RESERVED)
        end_ms = self.play.clock.wall_ms + 2 * 24 * 3_600_000
        for _ in range(20_000):
            play = self.play
            if play.running is not None:
                self._hear()
                self.provider.pay_out(R.RESERVED)
            elif play.wake_at is not None and play.clock.wall_ms < end_ms and not self.gone:
                if play.wake_at - play.clock.steady > DAY_SECONDS:
                    self.provider.pay_out(R.CAPTURED_BY_EXPIRY)
                play.due()
                self._watch_forgetting()
            else:
                return
        raise AssertionError("the payment never comes to rest")

    def _compare(self) -> None:
        play, provider = self.play, self.provider
        answered = {e.answers.id.id for e in play.events if e.answers is not None}
        assert answered == set(play.commands), "each command is answered"
        per_key = [key for what, key in provider.effects if what in ("start", "refund")]
        assert len(per_key) == len(set(per_key)), "one effect for one command"
        state = play.state
        if state is None:
            return
        own = state.provider_payment_id
        if own is not None:
            self._compare_payment(own, state.status)
        for payment_id, payment in provider.payments.items():
            if payment_id != own and payment.order_id == PAYMENT_ID:
                alive = (*ACTIVE, P.RESERVED)
                assert payment.status not in alive, "nothing of an abandoned start stays alive"
        self._compare_refunds(own)

    def _compare_payment(self, own: str, status: PaymentStatus) -> None:
        truth = {
            P.CAPTURED: PaymentStatus.CAPTURED,
            P.CANCELLED_BY_MERCHANT: PaymentStatus.CANCELLED,
            P.CANCELLED_BY_CUSTOMER: PaymentStatus.CANCELLED,
            P.RESERVED: PaymentStatus.RESERVED,
            P.UNKNOWN: PaymentStatus.CANCELLED,
        }
        payment, state = self.provider.payments[own], self.play.state
        assert status is truth[payment.status], "no event contradicts the provider"
        assert state is not None
        if status is PaymentStatus.CAPTURED and state.amounts and state.amounts.captured is not None:
            assert state.amounts.captured == payment.captured

    def _compare_refunds(self, own: str | None) -> None:
        state = self.play.state
        assert state is not None
        truth = {
            R.CAPTURED: RefundStatus.CAPTURED,
            R.CAPTURED_BY_EXPIRY: RefundStatus.CAPTURED,
            R.CANCELLED_BY_MERCHANT: RefundStatus.CANCELLED,
            R.CANCELLED_BY_PROVIDER: RefundStatus.CANCELLED,
            R.RESERVED: RefundStatus.RESERVED,
        }
        known = {r.provider_refund_id: r for r in state.refunds}
        for refund_id, refund in self.provider.refunds.items():
            if refund.payment_id != own:
                continue
            if refund_id not in known:
                # Answered as expired, looked for again, and gone by then.
                assert truth[refund.status] is RefundStatus.CANCELLED
                continue
            assert known[refund_id].status is truth[refund.status], "no event contradicts the provider"
        paid = sum(
            r.amount.value
            for r in self.provider.refunds.values()
            if r.payment_id == own and truth.get(r.status) is RefundStatus.CAPTURED
        )
        if state.amounts is not None:
            assert state.amounts.refunded == paid
        ends = [e.fact.refund.refund_id for e in self.play.events if isinstance(e.fact, RefundCaptured)]
        assert len(ends) == sum(1 for r in state.refunds if r.status is RefundStatus.CAPTURED)
        gone = [e for e in self.play.events if isinstance(e.fact, RefundCancelled)]
        assert len(gone) == sum(1 for r in state.refunds if r.status is RefundStatus.CANCELLED)


TestPayment = PaymentMachine.TestCase
TestPayment.settings = settings(
    max_examples=int(os.environ.get("EXAMPLES", "300")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
