"""The life of a point of sale and who checks in there, told turn by turn."""

from dataclasses import dataclass, field, replace

import pytest

from gateway.codec.state import decode_point_of_sale, encode_point_of_sale
from gateway.domain.commands import (
    CheckinNotified,
    CreatePointOfSale,
    Data,
    DeletePointOfSale,
    Message,
    WatchCheckin,
    command_type,
)
from gateway.domain.draft import Conditions, Rules
from gateway.domain.events import CommandRejected, PaymentUnknown
from gateway.domain.identity import MessageId, idempotency_key
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    FindPayments,
    Found,
    Observed,
    PaymentReading,
    ProviderStatus,
    ReadPayment,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.payment import CommandArrived, Due, Restored
from gateway.domain.points_of_sale.checkins import SAME_ARRIVAL_MS
from gateway.domain.points_of_sale.events import (
    CheckinEnd,
    CheckinEnded,
    CheckinStarted,
    PointOfSaleCreated,
    PointOfSaleDeleted,
    PointOfSaleEvent,
    point_of_sale_event_type,
)
from gateway.domain.points_of_sale.operations import (
    CheckinObserved,
    CheckinReading,
    FindPointsOfSale,
    MakePointOfSale,
    PointOfSaleObserved,
    PointOfSaleOperation,
    PointOfSaleOutcome,
    PointOfSaleReading,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.points_of_sale.point_of_sale import Performed, Prompt, decide
from gateway.domain.points_of_sale.state import PointOfSaleMemo, PointOfSaleState
from gateway.domain.vocabulary import DeadLetterReason, Reason

TILL = "till-1"
POS_ID = "c85916b1-8e17-4275-a388-551e16aa6293"
STORE_ID = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
BEACON = "123456789012345"
START_MS = 1_790_000_000_000
DAY_SECONDS = 24 * 3600.0
ANSWER_SECONDS = 0.05

CREATE = CreatePointOfSale(TILL, STORE_ID, "Till 1", ("QR",))
DELETE = DeletePointOfSale(TILL, POS_ID)
WATCH = WatchCheckin(TILL, POS_ID, 60)
READING = PointOfSaleReading(
    POS_ID, TILL, STORE_ID, "Till 1", BEACON, ("QR",), f"mobilepaypos://pos?id={BEACON}&source=qr"
)
READ = PointOfSaleObserved(READING)
ABSENT = Rejected(Refusal(Reason.POINT_OF_SALE_NOT_FOUND, 404))
EMPTY = Found(())


def checked_in(loyalty_ids: tuple[str, ...] | None = None) -> CheckinObserved:
    return CheckinObserved(CheckinReading(True, loyalty_ids, 1000))


NOBODY = CheckinObserved(CheckinReading(False, None, 1000))


@dataclass(frozen=True)
class Clock:
    wall_ms: int
    steady: float


@dataclass
class Till:
    """One point of sale under test."""

    rules: Rules = field(default_factory=Rules)
    holding: bool = False
    merchant_known: bool = True
    state: PointOfSaleState | None = None
    memo: PointOfSaleMemo | None = None
    running: PointOfSaleOperation | None = None
    wake_at: float | None = None
    clock: Clock = Clock(START_MS, 1000.0)
    events: list[PointOfSaleEvent] = field(default_factory=list)
    dead_letters: list[DeadLetterReason] = field(default_factory=list)
    dropped: int = 0
    asked: list[str] = field(default_factory=list)

    def command(self, data: Data, message_id: str, **fields: object) -> list[PointOfSaleEvent]:
        if not isinstance(data, CheckinNotified) and message_id not in self.asked:
            self.asked.append(message_id)
        now_ms = self.clock.wall_ms
        identity = MessageId("/orders", message_id)
        expires_ms = now_ms + 23 * 3_600_000
        message = Message(identity, command_type(data), data, repr(data), now_ms, expires_ms)
        return self.turn(CommandArrived(replace(message, **fields)))  # type: ignore[arg-type]

    def outcome(self, outcome: PointOfSaleOutcome) -> list[PointOfSaleEvent]:
        assert self.running is not None, "nothing is under way"
        operation, self.running = self.running, None
        self.pass_time(ANSWER_SECONDS)
        return self.turn(Performed(operation, outcome))

    def due(self) -> list[PointOfSaleEvent]:
        assert self.wake_at is not None, "nothing is due"
        self.pass_time(max(0.0, self.wake_at - self.clock.steady))
        return self.turn(Due())

    def due_while_away(self) -> list[PointOfSaleEvent]:
        """The provider is taken to be away, so that nothing may begin."""
        self.holding = True
        events = self.due()
        self.holding = False
        return events

    def restore(self) -> list[PointOfSaleEvent]:
        self.memo, self.running = None, None
        self.pass_time(5.0)
        return self.turn(Restored())

    def reopen(self) -> list[PointOfSaleEvent]:
        """The partition is opened anew in the same process, while the operation is still under way."""
        self.memo = None
        self.pass_time(5.0)
        return self.turn(Restored())

    def pass_time(self, seconds: float) -> None:
        self.clock = Clock(self.clock.wall_ms + round(seconds * 1000), self.clock.steady + seconds)

    def turn(self, prompt: Prompt) -> list[PointOfSaleEvent]:
        conditions = Conditions(self.holding, lambda named: self.merchant_known or named is not None)
        decision = decide(
            TILL,
            self.state,
            self.memo,
            self.running,
            prompt,
            self.clock,
            self.rules,
            conditions,
            lambda: 0.5,
        )
        self.state, self.memo, self.wake_at = decision.state, decision.memo, decision.wake_at
        if decision.operation is not None:
            assert self.running is None, "at most one operation is under way"
            self.running = decision.operation
            if isinstance(self.running, MakePointOfSale | RemovePointOfSale):
                assert self.state is not None and self.state.pending is not None, "intent before effect"
        if decision.dead_letter is not None:
            self.dead_letters.append(decision.dead_letter)
        self.dropped += decision.dropped_notice
        self.events += decision.events
        assert [e.sequence for e in self.events] == list(range(1, len(self.events) + 1))
        answered = [e.answers.id.id for e in self.events if e.answers is not None]
        assert len(answered) == len(set(answered)), "a command was answered twice"
        if self.state is not None:
            assert decode_point_of_sale(encode_point_of_sale(self.state)) == self.state
            assert len(self.asked) - len(answered) <= self.state.waiting + len(self.dead_letters)
            if self.state.waiting and self.running is None:
                assert self.wake_at is not None, "somebody waits and nothing will happen"
        return list(decision.events)

    def types(self) -> list[str]:
        return [point_of_sale_event_type(e.fact) for e in self.events]

    def answer(self, message_id: str) -> PointOfSaleEvent:
        return next(e for e in self.events if e.answers is not None and e.answers.id.id == message_id)

    def reason(self, message_id: str) -> Reason:
        fact = self.answer(message_id).fact
        assert isinstance(fact, CommandRejected)
        return fact.reason

    def created(self) -> "Till":
        self.command(CREATE, "create")
        self.outcome(Accepted(POS_ID))
        self.outcome(READ)
        return self


def test_a_point_of_sale_is_made_read_and_told() -> None:
    till = Till()
    till.command(CREATE, "create")
    key = idempotency_key(MessageId("/orders", "create"), TILL, "create-point-of-sale", 1)
    assert isinstance(till.running, MakePointOfSale) and till.running.key == key and till.running.first
    assert till.outcome(Accepted(POS_ID)) == []
    assert isinstance(till.running, ReadPointOfSale)
    [event] = till.outcome(READ)
    assert event.fact == PointOfSaleCreated(READING)
    assert event.answers is not None and event.answers.type == "point-of-sale.create"
    till.command(CREATE, "again")
    assert till.reason("again") is Reason.POINT_OF_SALE_EXISTS and till.running is None


@pytest.mark.parametrize(
    "reason", [Reason.POINT_OF_SALE_EXISTS, Reason.BEACON_EXISTS, Reason.STORE_NOT_FOUND]
)
def test_a_refused_creation_is_answered_with_the_providers_reason(reason: Reason) -> None:
    till = Till()
    till.command(CREATE, "create")
    [event] = till.outcome(Rejected(Refusal(reason, 409, "1200", "corr-1")))
    assert till.reason("create") is reason
    assert event.provider is not None and event.provider.code == "1200"
    till.command(CREATE, "again")
    assert isinstance(till.running, MakePointOfSale), "nothing exists, it may be asked for again"


def test_an_unheard_creation_is_named_by_the_same_call() -> None:
    till = Till()
    till.command(CREATE, "create")
    first = till.running
    [event] = till.outcome(Unknown(3))
    assert event.fact == PaymentUnknown("create-point-of-sale") and event.answers is None
    till.due()
    assert isinstance(till.running, FindPointsOfSale)
    till.outcome(Found((POS_ID,)))
    assert isinstance(first, MakePointOfSale) and till.running == replace(first, first=False)


def test_a_refusal_after_an_unheard_creation_is_its_own_effect_where_store_and_name_agree() -> None:
    till = Till()
    till.command(CREATE, "create")
    till.outcome(Rejected(Refusal(Reason.POINT_OF_SALE_EXISTS, 409, "1200"), unheard=1))
    assert isinstance(till.running, FindPointsOfSale)
    till.outcome(Found((POS_ID,)))
    [event] = till.outcome(READ)
    assert event.fact == PointOfSaleCreated(READING)


def test_a_refusal_after_an_unheard_creation_holds_where_another_has_the_name() -> None:
    till = Till()
    till.command(CREATE, "create")
    till.outcome(Rejected(Refusal(Reason.POINT_OF_SALE_EXISTS, 409, "1200"), unheard=1))
    begun = till.clock.steady
    while not [e for e in till.events if e.answers]:
        if till.running is None:
            till.due()
        elif isinstance(till.running, FindPointsOfSale):
            till.outcome(Found((POS_ID,)))
        else:
            till.outcome(PointOfSaleObserved(replace(READING, name="Another")))
    assert till.reason("create") is Reason.POINT_OF_SALE_EXISTS
    assert till.clock.steady - begun >= Rules().settle_seconds


def test_past_its_expiry_a_creation_is_found_by_name_and_store_and_told() -> None:
    till = Till()
    till.command(CREATE, "create")
    till.outcome(Unknown(3))
    till.pass_time(DAY_SECONDS)
    till.due()
    till.outcome(Found((POS_ID,)))
    [event] = till.outcome(READ)
    assert event.fact == PointOfSaleCreated(READING) and event.answers is not None


def test_a_creation_without_a_trace_expires_and_what_turns_up_later_is_removed() -> None:
    till = Till()
    till.command(CREATE, "create")
    till.outcome(Unknown(3))
    till.pass_time(DAY_SECONDS)
    till.due()
    till.outcome(EMPTY)
    assert till.reason("create") is Reason.EXPIRED
    till.due()
    assert isinstance(till.running, FindPointsOfSale)
    till.outcome(Found((POS_ID,)))
    till.outcome(READ)
    assert till.running == RemovePointOfSale(None, POS_ID)
    [event] = till.outcome(Accepted())
    assert event.fact == PointOfSaleDeleted(POS_ID) and event.answers is None


def test_a_deletion_asks_for_open_payments_first() -> None:
    till = Till().created()
    till.command(DELETE, "delete")
    assert till.running is not None
    assert isinstance(till.running, FindPayments)
    assert (till.running.pos_id, till.running.order_id, till.running.captured) == (POS_ID, None, False)
    till.outcome(Found(("payment-1",)))
    assert isinstance(till.running, ReadPayment)
    reading = PaymentReading("payment-1", POS_ID, "order-1", None, ProviderStatus.RESERVED, "Reserved", 1000)
    [event] = till.outcome(Observed(reading))
    assert till.reason("delete") is Reason.POINT_OF_SALE_IN_USE
    assert event.provider is not None
    assert [c.order_id for c in event.provider.candidates] == ["order-1"]
    till.command(DELETE, "again")
    till.outcome(EMPTY)
    assert till.running == RemovePointOfSale(None, POS_ID)
    [event] = till.outcome(Accepted())
    assert event.fact == PointOfSaleDeleted(POS_ID, READING)
    till.command(CREATE, "anew")
    assert isinstance(till.running, MakePointOfSale)


def test_an_unheard_deletion_is_done_when_it_is_gone() -> None:
    till = Till().created()
    till.command(DELETE, "delete")
    till.outcome(EMPTY)
    till.outcome(Unknown(3))
    till.due()
    assert isinstance(till.running, ReadPointOfSale)
    till.outcome(READ)
    assert isinstance(till.running, RemovePointOfSale), "it stands, so the call is sent again"
    [event] = till.outcome(ABSENT)
    assert event.fact == PointOfSaleDeleted(POS_ID, READING)


def test_what_was_never_there_cannot_be_deleted() -> None:
    till = Till()
    till.command(DELETE, "delete")
    till.outcome(EMPTY)
    till.outcome(ABSENT)
    assert till.reason("delete") is Reason.POINT_OF_SALE_NOT_FOUND


def test_a_restored_deletion_is_looked_at_first() -> None:
    till = Till().created()
    till.command(DELETE, "delete")
    till.outcome(EMPTY)
    till.restore()
    assert isinstance(till.running, ReadPointOfSale)
    [event] = till.outcome(ABSENT)
    assert isinstance(event.fact, PointOfSaleDeleted)
    assert "payment.unknown" not in till.types()


def test_a_customer_comes_and_leaves() -> None:
    till = Till()
    till.command(WATCH, "watch")
    assert isinstance(till.running, ReadCheckin)
    assert till.outcome(NOBODY) == []
    read_at = till.clock.steady
    till.due()
    assert till.clock.steady - read_at == pytest.approx(1.0), "the provider's pace"
    [event] = till.outcome(checked_in(("loyal",)))
    assert event.fact == CheckinStarted(POS_ID, ("loyal",))
    assert event.answers is not None and event.answers.type == "checkin.watch"
    till.due()
    assert till.outcome(checked_in()) == []
    till.due()
    [event] = till.outcome(NOBODY)
    assert event.fact == CheckinEnded(POS_ID, CheckinEnd.LEFT) and event.answers is None
    assert till.running is None


def test_nobody_comes() -> None:
    till = Till()
    till.command(WATCH, "watch")
    till.outcome(NOBODY)
    till.pass_time(60)
    till.due()
    [event] = till.outcome(NOBODY)
    assert event.fact == CheckinEnded(POS_ID, CheckinEnd.NOBODY)
    assert event.answers is not None and event.answers.id.id == "watch"


def test_the_time_is_over_while_somebody_stands_there() -> None:
    till = Till()
    till.command(WATCH, "watch")
    till.outcome(checked_in())
    till.pass_time(60)
    till.due()
    [event] = till.outcome(checked_in())
    assert event.fact == CheckinEnded(POS_ID, CheckinEnd.TIME) and event.answers is None


def test_nobody_came_is_said_only_by_an_answered_reading() -> None:
    till = Till()
    till.command(WATCH, "watch")
    till.pass_time(120)
    till.outcome(Unknown(1))
    till.due()
    assert till.outcome(Deferred(DeferralCause.PROVIDER_AWAY, 1000)) == []
    till.due()
    [event] = till.outcome(NOBODY)
    assert event.fact == CheckinEnded(POS_ID, CheckinEnd.NOBODY)


def test_watches_hold_back_nothing_and_share_their_polls() -> None:
    till = Till()
    till.command(WATCH, "watch")
    till.command(WATCH, "second")
    till.command(CREATE, "create")
    till.outcome(NOBODY)
    assert isinstance(till.running, MakePointOfSale)
    till.outcome(Accepted(POS_ID))
    till.outcome(READ)
    till.due()
    first, second = till.outcome(checked_in())
    assert {first.answers.id.id, second.answers.id.id} == {"watch", "second"}  # type: ignore[union-attr]


def test_a_watch_of_what_does_not_exist_is_refused() -> None:
    till = Till()
    till.command(WATCH, "watch")
    till.outcome(ABSENT)
    assert till.reason("watch") is Reason.POINT_OF_SALE_NOT_FOUND and till.running is None


def test_a_watch_goes_on_after_a_restore_at_its_pace() -> None:
    till = Till()
    till.command(WATCH, "watch")
    till.outcome(NOBODY)
    till.restore()
    restored_at = till.clock.steady
    assert till.running is None
    till.due()
    assert till.clock.steady - restored_at >= 1.0
    till.outcome(checked_in())
    assert isinstance(till.answer("watch").fact, CheckinStarted)


def test_a_notification_is_read_and_told_once() -> None:
    till = Till().created()
    till.command(CheckinNotified(TILL), "n-1")
    assert isinstance(till.running, ReadCheckin)
    [event] = till.outcome(checked_in(()))
    assert event.fact == CheckinStarted(POS_ID, ()) and event.answers is None
    till.command(CheckinNotified(TILL), "n-2")
    till.due()
    assert till.outcome(checked_in(())) == [], "the provider sends it up to four times"
    till.pass_time(120)
    till.command(CheckinNotified(TILL), "n-3")
    [event] = till.outcome(checked_in(()))
    assert event.fact == CheckinStarted(POS_ID, ())


@pytest.mark.parametrize(("later_ms", "told"), [(SAME_ARRIVAL_MS - 1, 0), (SAME_ARRIVAL_MS, 1)])
def test_a_notification_a_whole_minute_later_is_another_customer(later_ms: int, told: int) -> None:
    till = Till().created()
    till.command(CheckinNotified(TILL), "n-1")
    till.outcome(checked_in(()))
    told_at_ms = till.clock.wall_ms
    till.pass_time(later_ms / 1000 - ANSWER_SECONDS)
    till.command(CheckinNotified(TILL), "n-2")
    events = till.outcome(checked_in(()))
    assert till.clock.wall_ms - told_at_ms == later_ms
    assert len(events) == told


def test_a_notification_keeps_the_pace_of_the_watch_before_it() -> None:
    till = Till().created()
    till.command(replace(WATCH, seconds=1), "watch")
    till.outcome(NOBODY)
    till.pass_time(1)
    till.due()
    till.outcome(NOBODY)
    assert till.state is not None and not till.state.watches
    read_at = till.clock.steady
    elsewhere = "22f8155d-4042-4439-825f-068dbca98857"
    till.command(replace(WATCH, pos_id=elsewhere), "other")
    till.outcome(NOBODY)
    till.command(CheckinNotified(TILL), "n-1")
    assert till.running is None, "it was read less than a pollDelay ago"
    till.due()
    assert till.clock.steady - read_at >= 0.99


def test_a_forged_notification_costs_a_reading_and_changes_nothing() -> None:
    till = Till().created()
    before = till.state
    till.command(CheckinNotified(TILL), "forged")
    assert till.outcome(NOBODY) == []
    assert till.state is not None and before is not None
    assert replace(till.state, poll_delay_ms=None, touched_ms=0) == replace(before, touched_ms=0)


def test_a_notification_of_what_is_deleted_before_it_is_read_comes_to_nothing() -> None:
    till = Till().created()
    till.command(DELETE, "delete")
    till.command(CheckinNotified(TILL), "n-1")
    till.outcome(EMPTY)
    assert isinstance(till.running, RemovePointOfSale)
    till.outcome(Accepted())
    assert till.state is not None and till.state.notified is None
    till.pass_time(8 * DAY_SECONDS)
    till.due()
    assert till.state is None


def test_the_merchant_that_the_command_names_is_the_one_that_is_asked() -> None:
    """Also for a notification, which names nobody: it is read for whom the point of sale was made."""
    till = Till(merchant_known=False)
    till.command(replace(CREATE, merchant_vat_number="DK87654321"), "create")
    till.outcome(Accepted(POS_ID))
    till.outcome(READ)
    till.command(CheckinNotified(TILL), "n-1")
    assert isinstance(till.running, ReadCheckin) and till.running.merchant == "DK87654321"
    till.outcome(NOBODY)
    till.command(replace(DELETE, merchant_vat_number="DK87654321"), "delete")
    assert isinstance(till.running, FindPayments) and till.running.merchant == "DK87654321"


@pytest.mark.parametrize(("late_ms", "asked"), [(0, True), (1, False)])
def test_a_creation_may_be_asked_for_up_to_its_expiry(late_ms: int, asked: bool) -> None:
    till = Till()
    till.command(CREATE, "create", expires_at_ms=till.clock.wall_ms + 60_000)
    till.outcome(Deferred(DeferralCause.THROTTLED, 60_000 + late_ms - round(ANSWER_SECONDS * 1000)))
    till.due()
    assert isinstance(till.running, MakePointOfSale) is asked
    assert asked or till.reason("create") is Reason.EXPIRED


def test_a_notification_of_an_unknown_point_of_sale_is_dropped() -> None:
    till = Till()
    assert till.command(CheckinNotified(TILL), "n-1") == []
    assert till.dropped == 1 and till.state is None and till.running is None


def test_the_same_message_again_and_other_data_under_its_id() -> None:
    till = Till().created()
    assert till.command(CREATE, "create") == []
    till.command(replace(CREATE, name="Other"), "create")
    assert till.dead_letters == [DeadLetterReason.ID_REUSED]


def test_what_does_not_exist_is_forgotten_and_what_exists_is_kept() -> None:
    till = Till().created()
    assert till.wake_at is None, "a point of sale is kept as long as it exists"
    till.command(DELETE, "delete")
    till.outcome(EMPTY)
    till.outcome(Accepted())
    till.pass_time(8 * DAY_SECONDS)
    till.due()
    assert till.state is None


def test_without_a_merchant_or_past_its_time_nothing_is_asked() -> None:
    till = Till(merchant_known=False)
    for data, name in ((CREATE, "create"), (DELETE, "delete"), (WATCH, "watch")):
        till.command(data, name)
        assert till.reason(name) is Reason.INVALID_AT_PROVIDER
    late = Till()
    for data, name in ((CREATE, "create"), (DELETE, "delete"), (WATCH, "watch")):
        late.command(data, name, expires_at_ms=late.clock.wall_ms - 1)
        assert late.reason(name) is Reason.EXPIRED
    assert till.running is None and late.running is None
