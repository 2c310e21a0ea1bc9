"""The auditor finds what it is there to find: each finding provoked, on books that are otherwise in order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.demo.audit import Report, audit
from gateway.demo.evidence import Command, DeadLetter, Event, Evidence, at_rest, unanswered

SOURCE = "/shop"
INITIATE = Command(
    "r-1", "c-1", SOURCE, "p-1", "payment.initiate", order_id="o-1", amount=500, currency="DKK"
)
CAPTURE = Command("r-2", "c-2", SOURCE, "p-1", "payment.capture")
CANCEL = Command("r-4", "c-4", SOURCE, "p-1", "payment.cancel")
BROKEN = Command(
    "r-3", "", SOURCE, "p-1", "payment.cancel", dead_letter="missing_id", value=b'{"paymentId":"p-1"}'
)
PROVIDER_ID = "provider-1"


def event(sequence: int, type_: str, status: str, answers: Command | None = None, **more: Any) -> Event:
    data: dict[str, Any] = {
        "paymentId": "p-1",
        "sequence": sequence,
        "status": status,
        "amounts": {"currency": "DKK", "requested": 500, "reserved": 500, "captured": 0},
        "provider": {"paymentId": PROVIDER_ID},
        **more,
    }
    if answers is not None:
        data |= {"commandId": answers.id, "commandSource": answers.source, "commandType": answers.type}
    return Event(f"e-{data['paymentId']}-{sequence}", type_, data)


def captured(sequence: int, answers: Command | None, value: int = 500) -> Event:
    amounts = {"currency": "DKK", "requested": 500, "reserved": 500, "captured": value}
    return event(sequence, "payment.captured", "captured", answers, amounts=amounts)


def book(**more: Any) -> dict[str, Any]:
    return {
        "paymentId": PROVIDER_ID,
        "orderId": "o-1",
        "status": "Captured",
        "currency": "DKK",
        "requested": 500,
        "reserved": 500,
        "captured": 500,
        "effects": {"initiate": 1, "accept": 1, "capture": 1},
        **more,
    }


class Books:
    """One payment, initiated and captured, and one record that nobody can read: all in order."""

    def __init__(self) -> None:
        self.sent = [INITIATE, INITIATE, BROKEN, CAPTURE]
        self.events = [
            event(1, "payment.initiated", "initiated", INITIATE),
            event(2, "payment.reserved", "reserved"),
            captured(3, CAPTURE),
        ]
        self.letters = [DeadLetter("r-3", "missing_id", BROKEN.value)]
        self.ledger = [book()]
        self.violations: list[dict[str, Any]] = []

    def cancel(self, status: str, by: str, reason: str) -> None:
        """The payment was cancelled instead, by command."""
        self.sent = [INITIATE, BROKEN, CANCEL]
        self.events[2] = event(3, "payment.cancelled", "cancelled", CANCEL, by=by, reason=reason)
        effects = {"initiate": 1, "accept": 1, "cancel": 1}
        self.ledger = [book(status=status, captured=0, effects=effects)]

    def report(self) -> Report:
        return audit(Evidence(self.sent, self.events, self.letters, self.ledger, self.violations))


def test_books_in_order_have_no_finding() -> None:
    report = Books().report()
    assert report.holds, report.lines()
    assert report.captured_here == report.captured_there == {"DKK": 500}


def test_a_cancelled_payment_in_order_has_no_finding() -> None:
    books = Books()
    books.cancel("CancelledByClient", "merchant", "command")
    assert books.report().holds, books.report().lines()


@pytest.mark.parametrize("reason", ["approval_timeout", "late_effect"])
def test_what_the_gateway_may_cancel_by_itself_has_no_finding(reason: str) -> None:
    books = Books()
    books.cancel("CancelledByClient", "merchant", reason)
    books.sent.remove(CANCEL)
    books.events[2] = event(3, "payment.cancelled", "cancelled", by="merchant", reason=reason)
    assert books.report().holds, books.report().lines()


def test_a_part_that_was_asked_for_may_be_captured() -> None:
    books = Books()
    asked = replace(CAPTURE, amount=200, currency="DKK")
    books.sent[3], books.events[2], books.ledger = asked, captured(3, asked, 200), [book(captured=200)]
    assert books.report().holds, books.report().lines()


def test_a_broken_record_sent_twice_has_two_dead_letters() -> None:
    books = Books()
    books.sent.append(BROKEN)
    assert books.report().findings["I2"]
    books.letters *= 2
    assert books.report().holds, books.report().lines()


def _unanswered(books: Books) -> None:
    books.events[2] = captured(3, None)


def _answered_twice(books: Books) -> None:
    books.events.append(captured(4, INITIATE, 0))


def _answered_elsewhere(books: Books) -> None:
    books.sent.append(replace(INITIATE, record="r-5", id="c-5", payment_id="p-5", order_id="o-5"))
    books.events.append(event(4, "command.rejected", "captured", books.sent[-1]))


def _answered_as_another_type(books: Books) -> None:
    books.events[2] = captured(3, replace(CAPTURE, type="payment.cancel"))


def _answered_for_another_source(books: Books) -> None:
    books.events[2] = captured(3, replace(CAPTURE, source="/other-shop"))


def _a_stranger_answered(books: Books) -> None:
    books.events.append(event(4, "command.rejected", "captured", replace(CAPTURE, id="c-9")))


def _dead_and_answered(books: Books) -> None:
    books.letters.append(DeadLetter("r-1", "invalid_data", None))


def _not_dead(books: Books) -> None:
    books.letters.clear()


def _dead_twice(books: Books) -> None:
    books.letters *= 2


def _a_stranger_dead(books: Books) -> None:
    books.letters.append(DeadLetter("", "invalid_data", None))


def _dead_for_another_reason(books: Books) -> None:
    books.letters = [DeadLetter("r-3", "invalid_data", BROKEN.value)]


def _dead_with_other_bytes(books: Books) -> None:
    books.letters = [DeadLetter("r-3", "missing_id", b'{"paymentId": "p-1"}')]


def _gap(books: Books) -> None:
    del books.events[1]


def _out_of_order(books: Books) -> None:
    books.events[0], books.events[1] = books.events[1], books.events[0]


def _published_twice(books: Books) -> None:
    books.events.append(books.events[-1])


def _one_id_for_two_events(books: Books) -> None:
    books.events[1] = replace(books.events[1], id=books.events[0].id)


def _two_effects(books: Books) -> None:
    books.ledger[0]["effects"]["capture"] = 2


def _two_payments_for_one_start(books: Books) -> None:
    declined = {"status": "CancelledByUser", "captured": 0, "effects": {"initiate": 1, "decline": 1}}
    books.ledger.insert(0, book(paymentId="provider-2", **declined))


def _started_over_another_amount(books: Books) -> None:
    books.ledger[0]["requested"] = 600


def _nobodys_payment(books: Books) -> None:
    declined = {"status": "CancelledByUser", "captured": 0, "effects": {"initiate": 1, "decline": 1}}
    books.ledger.append(book(paymentId="provider-2", orderId="o-2", **declined))


def _captured_unasked(books: Books) -> None:
    books.sent.remove(CAPTURE)


def _captured_another_part(books: Books) -> None:
    books.sent[3] = replace(CAPTURE, amount=200)


def _cancelled_unasked(books: Books) -> None:
    books.cancel("CancelledByClient", "merchant", "command")
    books.sent.remove(CANCEL)


def _captured_and_cancelled(books: Books) -> None:
    books.ledger[0]["effects"]["cancel"] = 1


def _other_sum(books: Books) -> None:
    books.ledger[0]["captured"] = 400


def _contradicts(books: Books) -> None:
    books.ledger[0] |= {"status": "CancelledByUser", "captured": 0}


def _cancelled_by_another(books: Books) -> None:
    books.cancel("CancelledByUser", "merchant", "command")


def _captured_and_told_never_started(books: Books) -> None:
    books.events = [event(1, "command.rejected", "none", INITIATE)]
    del books.events[0].data["provider"]  # type: ignore[attr-defined]


def _unknown_to_the_provider(books: Books) -> None:
    books.cancel("CancelledByClient", "merchant", "command")
    books.ledger.clear()


def _anothers_payment(books: Books) -> None:
    start = replace(INITIATE, record="r-5", id="c-5", payment_id="p-5", order_id="o-5")
    books.sent.append(start)
    books.events.append(event(1, "payment.cancelled", "none", start, paymentId="p-5"))


def _an_unknown_answer(books: Books) -> None:
    books.events[0] = event(1, "payment.unknown", "requested", INITIATE, operation="initiate")


def _still_reserved(books: Books) -> None:
    books.ledger[0]["status"] = "Reserved"


def _told_no_end(books: Books) -> None:
    del books.events[2]


def _violation(books: Books) -> None:
    books.violations.append({"name": "polled_too_early", "explanation": "by 40 ms"})


@pytest.mark.parametrize(
    ("spoil", "guarantee"),
    [
        (_two_effects, "I1"),
        (_two_payments_for_one_start, "I1"),
        (_started_over_another_amount, "I1"),
        (_nobodys_payment, "I1"),
        (_unanswered, "I2"),
        (_answered_twice, "I2"),
        (_answered_elsewhere, "I2"),
        (_answered_as_another_type, "I2"),
        (_answered_for_another_source, "I2"),
        (_a_stranger_answered, "I2"),
        (_dead_and_answered, "I2"),
        (_not_dead, "I2"),
        (_dead_twice, "I2"),
        (_a_stranger_dead, "I2"),
        (_dead_for_another_reason, "I2"),
        (_dead_with_other_bytes, "I2"),
        (_captured_unasked, "I3"),
        (_captured_another_part, "I3"),
        (_cancelled_unasked, "I3"),
        (_captured_and_cancelled, "I3"),
        (_other_sum, "I5"),
        (_contradicts, "I5"),
        (_cancelled_by_another, "I5"),
        (_captured_and_told_never_started, "I5"),
        (_unknown_to_the_provider, "I5"),
        (_anothers_payment, "I5"),
        (_an_unknown_answer, "I5"),
        (_gap, "I6"),
        (_out_of_order, "I6"),
        (_published_twice, "I6"),
        (_one_id_for_two_events, "I6"),
        (_violation, "I7"),
        (_still_reserved, "I8"),
        (_told_no_end, "I8"),
    ],
)
def test_each_break_of_a_guarantee_is_found(spoil: Callable[[Books], None], guarantee: str) -> None:
    books = Books()
    spoil(books)
    report = books.report()
    assert report.findings[guarantee], report.lines()
    assert any(line.startswith(f"{guarantee}  FAILS") for line in report.lines())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_a_stranger_answered, "c-9 of /shop is answered and was never asked"),
        (_other_sum, "captured told 500, taken 400"),
        (_unknown_to_the_provider, "told cancelled, unknown to the provider"),
        (_contradicts, "told captured, is CancelledByUser"),
        (_captured_and_cancelled, "both captured and cancelled"),
    ],
)
def test_a_finding_that_others_lead_to_as_well_is_named(spoil: Callable[[Books], None], words: str) -> None:
    books = Books()
    spoil(books)
    assert any(words in line for line in books.report().lines())


def test_many_findings_are_told_in_few_lines() -> None:
    books = Books()
    books.violations = [{"name": "polled_too_early", "explanation": str(n)} for n in range(9)]
    assert "      and 4 more" in books.report().lines()


def test_a_run_waits_for_each_command_and_each_dead_letter() -> None:
    books = Books()
    assert unanswered(books.sent, books.events, books.letters) == 0
    assert unanswered(books.sent, books.events[:2], []) == 2


@pytest.mark.parametrize("status", ["Initiated", "IssuedToUser", "Reserved"])
def test_a_provider_is_not_at_rest_while_a_payment_may_move(status: str) -> None:
    assert not at_rest([book(), book(status=status)])
    assert at_rest([book(), book(status="CancelledByUser")])
