"""Where commands, events and the provider disagree: nothing for what agrees, the right word for each lie."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.reconciliation.books import Books
from gateway.cli.reconciliation.records import Asked, Letter, Told
from gateway.cli.reconciliation.rules import differences, wanted
from gateway.cli.reconciliation.terms import GRACE_MS, Asking, Difference, Kind, Question, Scope
from gateway.domain.identity import MessageId
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    DeferralCause,
    Deferred,
    Found,
    Observed,
    Outcome,
    PaymentReading,
    ProviderRefundStatus,
    ProviderStatus,
    RefundObserved,
    RefundReading,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import Reason

NOW_MS = 1_777_898_700_000
OLD_MS = NOW_MS - GRACE_MS - 1
AMOUNT = Money(1250, Currency.DKK)
SCOPE = Scope(NOW_MS, whole=frozenset({0}))

ENDS = {
    "payment.captured": ("captured", None, ProviderStatus.CAPTURED),
    "payment.cancelled": ("cancelled", "customer", ProviderStatus.CANCELLED_BY_CUSTOMER),
    "payment.expired": ("expired", None, ProviderStatus.EXPIRED),
    "payment.reserved": ("reserved", None, ProviderStatus.RESERVED),
    "payment.issued": ("issued", None, ProviderStatus.ISSUED),
}
REFUND_ENDS = {
    "refund.captured": ("command", ProviderRefundStatus.CAPTURED),
    "refund.cancelled": ("merchant", ProviderRefundStatus.CANCELLED_BY_MERCHANT),
    "refund.reserved": (None, ProviderRefundStatus.RESERVED),
}


@dataclass
class History:
    """What a gateway that keeps its promises would leave behind."""

    asked: list[Asked] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    readings: dict[Question, Outcome] = field(default_factory=dict)

    def ask(self, key: str, type_: str, at_ms: int = OLD_MS) -> MessageId:
        identity = MessageId("/orders", f"m-{len(self.asked)}")
        self.asked.append(Asked((0, len(self.asked)), key, at_ms, identity, type_, "hash"))
        return identity

    def tell(self, key: str, type_: str, **more: object) -> None:
        sequence = 1 + sum(one.key == key for one in self.told)
        event = Told(key, sequence, f"{key}-{sequence}", type_, OLD_MS)
        self.told.append(replace(event, **more))  # type: ignore[arg-type]

    def payment(self, key: str, end: str) -> None:
        status, by, there = ENDS[end]
        identity = self.ask(key, "payment.initiate")
        common = {"requested": AMOUNT, "provider_payment_id": f"there-{key}"}
        self.tell(key, "payment.initiated", status="initiated", answers=identity, **common)
        self.tell(key, end, status=status, by=by, **common)
        reading = PaymentReading(f"there-{key}", "pos", key, AMOUNT, there, "Word", 100)
        self.readings[Asking.PAYMENT, f"there-{key}"] = Observed(reading)
        if end == "payment.captured":
            self.readings[Asking.REFUNDS, f"there-{key}"] = Found(())

    def refund(self, key: str, number: int, end: str) -> None:
        by, there = REFUND_ENDS[end]
        identity, there_id = self.ask(key, "refund.create"), f"refund-{key}-{number}"
        news = {"refund_id": f"r-{number}", "refund_amount": Money(100, Currency.DKK)}
        self.tell(key, end, by=by, answers=identity, provider_refund_id=there_id, **news)
        reading = RefundReading(
            there_id, f"there-{key}", f"r-{number}", Money(100, Currency.DKK), there, "Word", 100
        )
        self.readings[Asking.REFUND, there_id] = RefundObserved(reading)
        listed = self.readings.get((Asking.REFUNDS, f"there-{key}"))
        if isinstance(listed, Found):
            self.readings[Asking.REFUNDS, f"there-{key}"] = Found((*listed.ids, there_id))

    def books(self) -> Books:
        books = Books()
        for asked in self.asked:
            books.add_command(asked)
        for told in self.told:
            books.add_event(told)
        for letter in self.letters:
            books.add_letter(letter)
        return books

    def found(self, scope: Scope = SCOPE) -> list[Difference]:
        return differences(self.books(), self.readings, scope)

    def kinds(self, scope: Scope = SCOPE) -> list[Kind]:
        return [one.kind for one in self.found(scope)]


def one_of_each() -> History:
    history = History()
    for number, end in enumerate(ENDS):
        history.payment(f"p-{number}", end)
    for number, end in enumerate(REFUND_ENDS):
        history.refund("p-0", number, end)
    return history


payments = st.lists(st.sampled_from(sorted(ENDS)), max_size=6)
refunds = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(sorted(REFUND_ENDS))), max_size=6)


@given(payments, refunds, st.data())
def test_what_agrees_has_no_difference(
    ends: list[str], given_back: list[tuple[int, str]], data: st.DataObject
) -> None:
    history = History()
    for number, end in enumerate(ends):
        history.payment(f"p-{number}", end)
    for number, (of, end) in enumerate(given_back):
        if of < len(ends):
            history.refund(f"p-{of}", number, end)
    # A repeat of a command, and an event that a reader sees twice, are nothing.
    if history.asked:
        copy = data.draw(st.sampled_from(history.asked))
        history.asked.append(replace(copy, place=(0, 900)))
        seen = data.draw(st.integers(0, len(history.told) - 1))
        history.told.insert(seen + 1, history.told[seen])
    assert history.found() == []
    assert len(list(wanted(history.books(), SCOPE))) == len(history.readings)


@given(payments.filter(bool), st.data())
def test_an_answer_that_is_taken_away_is_missing(ends: list[str], data: st.DataObject) -> None:
    history = History()
    for number, end in enumerate(ends):
        history.payment(f"p-{number}", end)
    place = data.draw(st.sampled_from([n for n, one in enumerate(history.told) if one.answers]))
    lost = history.told[place]
    history.told[place] = replace(lost, answers=None)
    [found] = history.found()
    assert (found.kind, found.key, found.command) == (Kind.MISSING, lost.key, lost.answers)
    history.told[place] = replace(lost, key="stranger")
    assert {one.kind for one in history.found() if one.key == lost.key} == {Kind.MISSING}


@given(payments.filter(bool), st.data())
def test_a_reading_that_is_changed_is_found(ends: list[str], data: st.DataObject) -> None:
    history = History()
    for number, end in enumerate(ends):
        history.payment(f"p-{number}", end)
    asked = [name for name in sorted(history.readings) if name[0] is Asking.PAYMENT]
    name = data.draw(st.sampled_from(asked))
    outcome = history.readings[name]
    assert isinstance(outcome, Observed)
    other = data.draw(
        st.sampled_from(ProviderStatus).filter(lambda status: status is not outcome.reading.status)
    )
    history.readings[name] = Observed(replace(outcome.reading, status=other))
    [found] = history.found()
    assert f"there-{found.key}" == name[1]


def change(type_: str, there: ProviderStatus) -> Kind:
    history = History()
    history.payment("p-1", type_)
    outcome = history.readings[Asking.PAYMENT, "there-p-1"]
    assert isinstance(outcome, Observed)
    history.readings[Asking.PAYMENT, "there-p-1"] = Observed(replace(outcome.reading, status=there))
    [kind] = history.kinds()
    return kind


@pytest.mark.parametrize(
    ("told", "there", "kind"),
    [
        ("payment.issued", ProviderStatus.RESERVED, Kind.MISSING),
        ("payment.reserved", ProviderStatus.CAPTURED, Kind.MISSING),
        ("payment.reserved", ProviderStatus.CANCELLED_BY_PROVIDER, Kind.MISSING),
        ("payment.captured", ProviderStatus.RESERVED, Kind.EXTRA),
        ("payment.cancelled", ProviderStatus.RESERVED, Kind.EXTRA),
        ("payment.reserved", ProviderStatus.ISSUED, Kind.EXTRA),
        ("payment.captured", ProviderStatus.CANCELLED_BY_MERCHANT, Kind.MISMATCH),
        ("payment.cancelled", ProviderStatus.CAPTURED, Kind.MISMATCH),
        ("payment.cancelled", ProviderStatus.CANCELLED_BY_MERCHANT, Kind.MISMATCH),
        ("payment.expired", ProviderStatus.CANCELLED_BY_PROVIDER, Kind.MISMATCH),
        ("payment.captured", ProviderStatus.UNKNOWN, Kind.UNRESOLVED),
    ],
)
def test_the_word_for_each_disagreement(told: str, there: ProviderStatus, kind: Kind) -> None:
    assert change(told, there) is kind


@pytest.mark.parametrize(
    ("told", "there", "kind"),
    [
        ("refund.reserved", ProviderRefundStatus.CAPTURED_BY_EXPIRY, Kind.MISSING),
        ("refund.captured", ProviderRefundStatus.RESERVED, Kind.EXTRA),
        ("refund.captured", ProviderRefundStatus.CANCELLED_BY_MERCHANT, Kind.MISMATCH),
        ("refund.captured", ProviderRefundStatus.CAPTURED_BY_EXPIRY, Kind.MISMATCH),
        ("refund.cancelled", ProviderRefundStatus.UNKNOWN, Kind.UNRESOLVED),
    ],
)
def test_refunds_too(told: str, there: ProviderRefundStatus, kind: Kind) -> None:
    history = History()
    history.payment("p-1", "payment.captured")
    history.refund("p-1", 1, told)
    outcome = history.readings[Asking.REFUND, "refund-p-1-1"]
    assert isinstance(outcome, RefundObserved)
    history.readings[Asking.REFUND, "refund-p-1-1"] = RefundObserved(replace(outcome.reading, status=there))
    [found] = history.found()
    assert (found.kind, found.refund_id) == (kind, "r-1")


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Rejected(Refusal(Reason.PAYMENT_NOT_FOUND, 404)), Kind.EXTRA),
        (Rejected(Refusal(Reason.REFUND_NOT_FOUND, 404)), Kind.EXTRA),
        (Rejected(Refusal(Reason.NOT_PERMITTED, 403, "1411")), Kind.UNRESOLVED),
        (Unknown(3), Kind.UNRESOLVED),
        (Deferred(DeferralCause.PROVIDER_AWAY, 500), Kind.UNRESOLVED),
        (None, Kind.UNRESOLVED),
    ],
)
def test_what_the_provider_did_not_show(outcome: Outcome | None, kind: Kind) -> None:
    history = one_of_each()
    names: list[Question] = [(Asking.PAYMENT, "there-p-1"), (Asking.REFUND, "refund-p-0-1")]
    for name in names:
        if outcome is None:
            del history.readings[name]
        else:
            history.readings[name] = outcome
    assert history.kinds() == [kind] * 2


def test_amounts_disagree() -> None:
    history = one_of_each()
    payment, refund = (
        history.readings[Asking.PAYMENT, "there-p-1"],
        history.readings[Asking.REFUND, "refund-p-0-1"],
    )
    assert isinstance(payment, Observed)
    assert isinstance(refund, RefundObserved)
    history.readings[Asking.PAYMENT, "there-p-1"] = Observed(
        replace(payment.reading, amount=Money(1251, Currency.DKK))
    )
    history.readings[Asking.REFUND, "refund-p-0-1"] = RefundObserved(
        replace(refund.reading, amount=Money(100, Currency.EUR))
    )
    assert [(one.kind, one.told, one.provider) for one in history.found()] == [
        (Kind.MISMATCH, "100 DKK", "100 EUR"),
        (Kind.MISMATCH, "1250 DKK", "1251 DKK"),
    ]


def test_a_refund_of_which_no_event_tells() -> None:
    history = one_of_each()
    of = next(key for key, (asking, _) in wanted(history.books(), SCOPE) if asking is Asking.REFUNDS)
    captured: Question = (Asking.REFUNDS, f"there-{of}")
    listed = history.readings[captured]
    assert isinstance(listed, Found)
    history.readings[captured] = Found((*listed.ids, "another"))
    [found] = history.found()
    assert (found.kind, found.key, "another" in found.message) == (Kind.MISSING, of, True)
    # One that was asked for a moment ago may be it.
    history.ask(of, "refund.create", NOW_MS - 1000)
    assert history.kinds() == [Kind.UNRESOLVED]
    history.readings[captured] = Unknown(3)
    assert history.kinds() == [Kind.UNRESOLVED]
    # What was given back before an adoption belongs to others.
    history.told = [replace(one, adopted=one.key == of) for one in history.told]
    assert history.kinds() == []
    assert (of, captured) not in list(wanted(history.books(), SCOPE))


def test_two_answers() -> None:
    history = one_of_each()
    history.tell("p-0", "command.rejected", answers=history.asked[0].id, reason="wrong_status")
    assert history.kinds() == [Kind.EXTRA]
    history = one_of_each()
    # Sent twice and told twice that there were too many: a repeat of that is judged afresh.
    identity = history.ask("p-0", "payment.capture")
    for _ in range(2):
        history.tell("p-0", "command.rejected", answers=identity, reason="too_many_commands")
    assert history.kinds() == [Kind.EXTRA]
    history.asked.append(replace(history.asked[-1], place=(0, 901)))
    assert history.kinds() == []


def test_an_answer_to_nobody() -> None:
    history = one_of_each()
    history.tell("p-0", "command.rejected", answers=MessageId("/ghost", "m"), reason="wrong_status")
    assert history.kinds() == [Kind.EXTRA]
    assert history.kinds(replace(SCOPE, whole=frozenset())) == []
    assert history.kinds(replace(SCOPE, since_ms=OLD_MS)) == []


def test_dead_letters_answer_what_cannot_be_understood() -> None:
    history = one_of_each()
    history.asked.append(Asked((0, 70), "p-0", OLD_MS))
    assert history.kinds() == [Kind.MISSING]
    history.letters.append(Letter(0, 70, 71))
    assert history.kinds() == []
    history.letters.append(Letter(0, 70, 71))
    assert history.kinds() == [Kind.EXTRA]
    history.letters[-1] = Letter(1, 70, 71)
    assert history.kinds() == []


def test_an_id_that_is_used_again_needs_a_dead_letter() -> None:
    history = one_of_each()
    history.asked.append(replace(history.asked[0], place=(0, 70), data_hash="other"))
    assert history.kinds() == [Kind.MISSING]
    history.letters.append(Letter(0, 70, 71))
    assert history.kinds() == []


def test_an_event_and_a_dead_letter_for_one_command() -> None:
    history = one_of_each()
    history.letters.append(Letter(0, 0, 1))
    assert history.kinds() == [Kind.EXTRA]


def test_batches_that_cannot_be_decoded_are_skipped_or_unresolved() -> None:
    history = one_of_each()
    books = history.books()
    books.undecodable.append(((0, 80), 83))
    [found] = differences(books, history.readings, SCOPE)
    assert (found.kind, "0:80 to 82" in found.message) == (Kind.UNRESOLVED, True)
    books.add_letter(Letter(0, 80, 83))
    assert differences(books, history.readings, SCOPE) == []


def test_gaps_and_new_beginnings() -> None:
    history = one_of_each()
    history.told.append(Told("p-0", 9, "late", "payment.captured", OLD_MS, provider_payment_id="there-p-0"))
    assert history.kinds() == [Kind.MISSING]
    history = one_of_each()
    history.told.append(Told("p-4", 1, "anew", "command.rejected", OLD_MS, reason="payment_not_found"))
    assert history.kinds() == []


def test_what_is_unknown_is_unresolved_until_it_is_known() -> None:
    history = History()
    identity = history.ask("p-1", "payment.initiate")
    history.tell("p-1", "payment.unknown", status="requested", operation="initiate")
    assert history.kinds() == [Kind.UNRESOLVED] * 2
    history.tell("p-1", "command.rejected", answers=identity, reason="expired")
    assert history.kinds() == []


def test_the_young_may_be_on_its_way() -> None:
    history = History()
    history.ask("p-1", "payment.initiate", NOW_MS - 1000)
    history.asked.append(Asked((0, 1), "p-1", NOW_MS - 1000))
    assert history.kinds() == []
    assert history.kinds(replace(SCOPE, now_ms=NOW_MS + GRACE_MS)) == [Kind.MISSING] * 2
    waiting = replace(history.asked[0], at_ms=OLD_MS, until_ms=NOW_MS + 1)
    assert History([waiting]).kinds() == []
    assert History([replace(waiting, until_ms=NOW_MS)]).kinds() == [Kind.MISSING]


def test_what_the_provider_is_ahead_with_may_be_told_the_next_moment() -> None:
    history = History()
    history.payment("p-1", "payment.reserved")
    outcome = history.readings[Asking.PAYMENT, "there-p-1"]
    assert isinstance(outcome, Observed)
    captured = replace(outcome.reading, status=ProviderStatus.CAPTURED)
    history.readings[Asking.PAYMENT, "there-p-1"] = Observed(captured)
    [found] = history.found()
    assert (found.kind, found.moving) == (Kind.MISSING, True)
    # What a command asked for a moment ago, nobody can know yet.
    history.ask("p-1", "payment.capture", NOW_MS - 1000)
    [found] = history.found()
    assert (found.kind, found.moving) == (Kind.UNRESOLVED, True)


@pytest.mark.parametrize("damage", [lambda h: h.told.pop(), lambda h: h.readings.clear()])
def test_since_leaves_out_what_is_older(damage: Callable[[History], object]) -> None:
    history = one_of_each()
    damage(history)
    assert history.found()
    assert history.found(replace(SCOPE, since_ms=OLD_MS + 1)) == []
    assert list(wanted(history.books(), replace(SCOPE, since_ms=OLD_MS + 1))) == []
