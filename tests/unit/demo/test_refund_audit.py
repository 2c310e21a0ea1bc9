"""The auditor of refunds and prepared payments: each lie provoked, on books that are otherwise in order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.demo.audit import Report, audit
from gateway.demo.evidence import Command, Event, Evidence, at_rest

SOURCE = "/shop"
THERE = "provider-1"
PREPARE = Command("r-1", "c-1", SOURCE, "p-1", "payment.prepare", order_id="o-1")
READY = Command("r-2", "c-2", SOURCE, "p-1", "payment.ready", automatic=True, amount=500, currency="DKK")
WHOLE = Command(
    "r-3", "c-3", SOURCE, "p-1", "refund.create", True, refund_id="f-1", amount=300, currency="DKK"
)
MANUAL = replace(WHOLE, record="r-4", id="c-4", automatic=False, refund_id="f-2", amount=200)
CANCEL = Command("r-5", "c-5", SOURCE, "p-1", "refund.cancel", refund_id="f-2")
ABOVE = replace(WHOLE, record="r-6", id="c-6", refund_id="f-3", amount=1)


def answering(command: Command | None) -> dict[str, Any]:
    if command is None:
        return {}
    return {"commandId": command.id, "commandSource": command.source, "commandType": command.type}


def payment(type_: str, status: str, answers: Command | None = None, **more: Any) -> Event:
    provider = {"paymentId": THERE}
    data = {"paymentId": "p-1", "status": status, "provider": provider, **answering(answers), **more}
    return Event(type_, type_, data)


def refund(
    type_: str, command: Command, answers: Command | None = None, refunded: int = 0, **more: Any
) -> Event:
    amounts = {"currency": "DKK", "requested": 500, "reserved": 500, "captured": 500, "refunded": refunded}
    name = str(command.refund_id)
    data = {
        "paymentId": "p-1",
        "status": "captured",
        "amounts": amounts,
        "refundId": name,
        "refundStatus": type_.removeprefix("refund."),
        "refundAmount": {"value": command.amount, "currency": command.currency},
        "provider": {"paymentId": THERE, "refundId": f"there-{name}"},
        **answering(answers),
        **more,
    }
    return Event(f"{type_} {name}", type_, data)


def refund_book(command: Command, status: str, *effects: str) -> dict[str, Any]:
    return {
        "refundId": f"there-{command.refund_id}",
        "refundOrderId": command.refund_id,
        "status": status,
        "currency": command.currency,
        "amount": command.amount,
        "effects": dict.fromkeys(("create_refund", "reserve", *effects), 1),
    }


class Books:
    """A prepared payment that was captured; one refund of it paid out by itself, one reserved and cancelled, and
    one too many: all in order.
    """

    def __init__(self) -> None:
        amounts = {"currency": "DKK", "requested": 500, "reserved": 500, "captured": 500, "refunded": 0}
        self.sent = [PREPARE, READY, WHOLE, MANUAL, ABOVE, CANCEL]
        self.events = {
            "prepared": payment("payment.prepared", "prepared", PREPARE),
            "issued": payment("payment.issued", "issued", READY),
            "reserved": payment("payment.reserved", "reserved"),
            "paid": payment("payment.captured", "captured", amounts=amounts),
            "f-1 initiated": refund("refund.initiated", WHOLE, WHOLE),
            "f-2 reserved": refund("refund.reserved", MANUAL, MANUAL),
            "f-3 rejected": refund(
                "command.rejected",
                ABOVE,
                ABOVE,
                refundStatus="none",
                reason="refund_above_captured",
                provider={"paymentId": THERE},
            ),
            "f-1 reserved": refund("refund.reserved", WHOLE),
            "f-1 captured": refund("refund.captured", WHOLE, refunded=300, by="command"),
            "f-2 cancelled": refund("refund.cancelled", MANUAL, CANCEL, 300, by="merchant"),
        }
        self.paid = refund_book(WHOLE, "Captured", "capture_refund")
        self.cancelled = refund_book(MANUAL, "CancelledByClient", "cancel_refund")
        self.book: dict[str, Any] = {
            "paymentId": THERE,
            "orderId": "o-1",
            "status": "Captured",
            "currency": "DKK",
            "requested": 500,
            "reserved": 500,
            "captured": 500,
            "refunded": 300,
            "effects": dict.fromkeys(("prepare", "check_in", "ready", "accept", "capture"), 1),
            "refunds": [self.paid, self.cancelled],
        }

    def say(self, name: str, **more: Any) -> None:
        """The event says something else."""
        event = self.events[name]
        self.events[name] = replace(event, data={**event.data, **more})

    def unanswer(self, name: str) -> None:
        """The event answers no command any more."""
        event = self.events[name]
        kept = {field: value for field, value in event.data.items() if field != "commandId"}
        self.events[name] = replace(event, data=kept)

    def say_amount(self, name: str, minor: int) -> None:
        self.say(name, refundAmount={"value": minor, "currency": "DKK"})

    def say_refunded(self, name: str, minor: int) -> None:
        self.say(name, amounts={**self.events[name].data["amounts"], "refunded": minor})

    def drop(self, *names: str) -> None:
        for name in names:
            del self.events[name]

    def swap(self, one: str, other: str) -> None:
        self.events[one], self.events[other] = self.events[other], self.events[one]

    def report(self) -> Report:
        events = [
            Event(event.id, event.type, {"sequence": number, **event.data})
            for number, event in enumerate(self.events.values(), 1)
        ]
        return audit(Evidence(self.sent, events, (), [self.book]))


def test_refunds_in_order_have_no_finding() -> None:
    report = Books().report()
    assert report.holds, report.lines()
    assert report.captured_here == report.captured_there == {"DKK": 500}
    assert report.refunded_here == report.refunded_there == {"DKK": 300}


def test_an_untouched_refund_that_nobody_was_to_touch_may_pay_itself_out() -> None:
    books = Books()
    books.sent.remove(CANCEL)
    books.cancelled |= {"status": "ExpiredAndCaptured", "effects": {"create_refund": 1, "expiry": 1}}
    books.drop("f-2 cancelled")
    books.events["f-2 captured"] = refund("refund.captured", MANUAL, refunded=500, by="expiry")
    books.book["refunded"] = 500
    assert books.report().holds, books.report().lines()


def test_the_provider_may_cancel_a_refund_and_its_part_is_free_again() -> None:
    books = Books()
    books.sent.remove(CANCEL)
    books.cancelled |= {"status": "CancelledByMobilePay", "effects": {"create_refund": 1}}
    books.say("f-2 cancelled", by="provider")
    books.unanswer("f-2 cancelled")
    assert books.report().holds, books.report().lines()


def test_a_prepared_payment_that_nobody_readies_ends_by_the_gateways_own_time_out() -> None:
    books = Books()
    books.sent = [PREPARE]
    ended = payment("payment.cancelled", "cancelled", by="merchant", reason="prepared_timeout")
    books.events = {"prepared": books.events["prepared"], "ended": ended}
    books.book |= {"status": "CancelledByClient", "effects": {"prepare": 1, "cancel": 1}, "refunds": []}
    books.book |= {"currency": None, "requested": 0, "reserved": 0, "captured": 0, "refunded": 0}
    assert books.report().holds, books.report().lines()


@pytest.mark.parametrize("status", ["Initiated", "Reserved"])
def test_a_provider_is_not_at_rest_while_a_refund_may_move(status: str) -> None:
    books = Books()
    assert at_rest([books.book])
    books.paid["status"] = status
    assert not at_rest([books.book])


def _a_refund_twice(books: Books) -> None:
    books.book["refunds"].append({**books.paid, "refundId": "there-again", "amount": 200})


def _an_effect_twice(books: Books) -> None:
    books.paid["effects"]["capture_refund"] = 2


def _a_refund_nobody_asked_for(books: Books) -> None:
    stranger = {**books.cancelled, "refundId": "there-9", "refundOrderId": "f-9"}
    books.book["refunds"].append(stranger)


def _made_over_one_more(books: Books) -> None:
    books.paid["amount"] = 301


def _made_in_another_currency(books: Books) -> None:
    books.paid["currency"] = "EUR"


def _a_refund_of_another_payment(books: Books) -> None:
    books.sent[2] = replace(WHOLE, payment_id="p-9")


def _a_start_twice(books: Books) -> None:
    books.book["effects"]["ready"] = 2


def _readied_over_another_amount(books: Books) -> None:
    books.sent[1] = replace(READY, amount=501)


def _a_create_unanswered(books: Books) -> None:
    books.say("f-1 initiated", commandId="c-9")


def _a_cancel_unanswered(books: Books) -> None:
    books.unanswer("f-2 cancelled")


def _answered_by_another_refund(books: Books) -> None:
    books.say("f-1 initiated", **answering(MANUAL))
    books.say("f-2 reserved", **answering(WHOLE))


def _answered_by_what_is_no_answer(books: Books) -> None:
    books.unanswer("f-2 cancelled")
    books.say("f-2 reserved", **answering(CANCEL))
    books.events["f-1 reserved"] = refund("refund.reserved", WHOLE, MANUAL)


def _rejected_as_unsupported(books: Books) -> None:
    books.say("f-3 rejected", reason="unsupported")


def _captured_by_nobodys_command(books: Books) -> None:
    books.sent[2] = replace(WHOLE, automatic=False)


def _cancelled_by_nobodys_command(books: Books) -> None:
    books.sent.remove(CANCEL)


def _both_captured_and_cancelled(books: Books) -> None:
    books.paid["effects"]["cancel_refund"] = 1


def _a_cancel_intended_refund_is_captured(books: Books) -> None:
    books.cancelled |= {"status": "Captured", "effects": {"create_refund": 1, "capture_refund": 1}}


def _rejected_and_yet_done(books: Books) -> None:
    reason = {"refundStatus": "cancelled", "reason": "wrong_status"}
    books.unanswer("f-2 cancelled")
    books.events["late"] = refund("command.rejected", MANUAL, CANCEL, 300, **reason)


def _readied_by_nobodys_command(books: Books) -> None:
    books.sent[1] = replace(READY, type="payment.capture", amount=None)


def _paid_back_more_than_was_taken(books: Books) -> None:
    books.cancelled["status"] = "Captured"
    books.cancelled["amount"] = 201


def _told_more_than_was_taken(books: Books) -> None:
    books.say_amount("f-1 captured", 501)
    books.say_refunded("f-1 captured", 501)
    books.say_refunded("f-2 cancelled", 501)


def _unknown_to_the_ledger(books: Books) -> None:
    books.book["refunds"].remove(books.paid)


def _never_told(books: Books) -> None:
    books.drop("f-1 initiated", "f-1 reserved", "f-1 captured")


def _an_amount_off_by_one(books: Books) -> None:
    books.say_amount("f-1 reserved", 299)


def _a_sum_off_by_one(books: Books) -> None:
    books.say_refunded("f-1 captured", 299)


def _a_sum_that_never_rises(books: Books) -> None:
    books.say_refunded("f-2 cancelled", 0)


def _captured_there_and_told_cancelled(books: Books) -> None:
    books.paid |= {"status": "CancelledByMobilePay"}


def _reserved_for_ever_here(books: Books) -> None:
    books.drop("f-1 captured")
    books.say_refunded("f-2 cancelled", 0)


def _expired_and_told_as_a_command(books: Books) -> None:
    books.paid["status"] = "ExpiredAndCaptured"


def _cancelled_by_another(books: Books) -> None:
    books.say("f-2 cancelled", by="provider")


def _another_refund_named(books: Books) -> None:
    books.say("f-1 reserved", provider={"paymentId": THERE, "refundId": "there-f-2"})


def _a_status_that_is_not_its_types(books: Books) -> None:
    books.say("f-1 reserved", refundStatus="initiated")


def _a_rejection_with_another_status(books: Books) -> None:
    books.say("f-3 rejected", refundStatus="captured")


def _a_payment_that_is_no_longer_captured(books: Books) -> None:
    books.say("f-1 reserved", status="reserved")


def _refused_though_it_fits(books: Books) -> None:
    books.sent[3] = replace(MANUAL, amount=150)
    books.cancelled["amount"] = 150
    books.say_amount("f-2 reserved", 150)
    books.say_amount("f-2 cancelled", 150)


def _another_currency_told(books: Books) -> None:
    books.say("f-1 reserved", refundAmount={"value": 300, "currency": "EUR"})


def _another_sum_in_the_ledger(books: Books) -> None:
    books.book["refunded"] = 299


def _requested_off_by_one(books: Books) -> None:
    books.say("f-2 cancelled", amounts={**books.events["f-2 cancelled"].data["amounts"], "requested": 499})


def _out_of_order(books: Books) -> None:
    books.swap("f-1 initiated", "f-1 reserved")


def _told_twice(books: Books) -> None:
    books.events["again"] = replace(books.events["f-1 captured"], id="again")
    books.say_refunded("f-2 cancelled", 300)


def _goes_on_after_its_end(books: Books) -> None:
    books.events["late"] = replace(refund("refund.reserved", MANUAL, refunded=300), id="late")


def _a_payment_goes_back(books: Books) -> None:
    books.swap("issued", "reserved")


def _still_reserved_there(books: Books) -> None:
    books.paid["status"] = "Reserved"


def _past_its_24_hours(books: Books) -> None:
    books.cancelled |= {"status": "ExpiredAndCaptured", "effects": {"create_refund": 1, "expiry": 1}}


def _a_rejection_that_goes_back(books: Books) -> None:
    books.say("f-3 rejected", status="reserved")


def _a_payments_event_about_a_refund(books: Books) -> None:
    books.say("reserved", refundId="f-1")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_answered_by_what_is_no_answer, "refund.cancel c-5 answered by refund.reserved"),
        (_a_rejection_that_goes_back, "says status reserved after captured"),
        (_a_payments_event_about_a_refund, "payment.reserved is about no refund"),
        (_a_refund_twice, "1 times asked for, 2 at the provider"),
        (_never_told, "Captured at the provider, and never told"),
        (_unknown_to_the_ledger, "told captured, unknown to the provider"),
        (_both_captured_and_cancelled, "both captured and cancelled"),
    ],
)
def test_a_finding_that_others_lead_to_as_well_is_named(spoil: Callable[[Books], None], words: str) -> None:
    books = Books()
    spoil(books)
    assert any(words in text for found in books.report().findings.values() for text in found)


@pytest.mark.parametrize(
    ("spoil", "guarantee"),
    [
        (_a_refund_twice, "I1"),
        (_an_effect_twice, "I1"),
        (_a_refund_nobody_asked_for, "I1"),
        (_made_over_one_more, "I1"),
        (_made_in_another_currency, "I1"),
        (_a_refund_of_another_payment, "I1"),
        (_a_start_twice, "I1"),
        (_readied_over_another_amount, "I1"),
        (_a_create_unanswered, "I2"),
        (_a_cancel_unanswered, "I2"),
        (_answered_by_another_refund, "I2"),
        (_answered_by_what_is_no_answer, "I2"),
        (_rejected_as_unsupported, "I2"),
        (_captured_by_nobodys_command, "I3"),
        (_cancelled_by_nobodys_command, "I3"),
        (_both_captured_and_cancelled, "I3"),
        (_a_cancel_intended_refund_is_captured, "I3"),
        (_rejected_and_yet_done, "I3"),
        (_readied_by_nobodys_command, "I3"),
        (_paid_back_more_than_was_taken, "I4"),
        (_told_more_than_was_taken, "I4"),
        (_a_cancel_intended_refund_is_captured, "I5"),
        (_unknown_to_the_ledger, "I5"),
        (_never_told, "I5"),
        (_an_amount_off_by_one, "I5"),
        (_a_sum_off_by_one, "I5"),
        (_a_sum_that_never_rises, "I5"),
        (_captured_there_and_told_cancelled, "I5"),
        (_reserved_for_ever_here, "I5"),
        (_expired_and_told_as_a_command, "I5"),
        (_cancelled_by_another, "I5"),
        (_another_refund_named, "I5"),
        (_a_status_that_is_not_its_types, "I5"),
        (_a_rejection_with_another_status, "I5"),
        (_a_payment_that_is_no_longer_captured, "I5"),
        (_refused_though_it_fits, "I5"),
        (_another_currency_told, "I5"),
        (_another_sum_in_the_ledger, "I5"),
        (_requested_off_by_one, "I5"),
        (_out_of_order, "I6"),
        (_told_twice, "I6"),
        (_goes_on_after_its_end, "I6"),
        (_a_payment_goes_back, "I6"),
        (_reserved_for_ever_here, "I8"),
        (_still_reserved_there, "I8"),
        (_past_its_24_hours, "I8"),
    ],
)
def test_each_lie_about_a_refund_is_found(spoil: Callable[[Books], None], guarantee: str) -> None:
    books = Books()
    spoil(books)
    report = books.report()
    assert report.findings[guarantee], report.lines()
