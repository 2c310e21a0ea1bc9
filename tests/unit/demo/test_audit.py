"""The auditor finds what it is there to find: each finding provoked, on books that are otherwise in order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.demo.audit import Command, Event, Report, audit

INITIATE = Command("c-1", "p-1", "payment.initiate")
CAPTURE = Command("c-2", "p-1", "payment.capture")
BROKEN = Command("c-3", "p-1", "payment.cancel", understood=False)
PROVIDER_ID = "provider-1"


def event(sequence: int, type_: str, status: str, command: str | None = None, captured: int = 0) -> Event:
    data: dict[str, Any] = {
        "paymentId": "p-1",
        "sequence": sequence,
        "status": status,
        "amounts": {"currency": "DKK", "requested": 500, "reserved": 500, "captured": captured},
        "provider": {"paymentId": PROVIDER_ID},
    }
    if command is not None:
        data["commandId"] = command
    return Event(f"e-{sequence}", type_, data)


class Books:
    """One payment, initiated and captured, all in order."""

    def __init__(self) -> None:
        self.commands = [INITIATE, CAPTURE, BROKEN]
        self.events = [
            event(1, "payment.initiated", "initiated", "c-1"),
            event(2, "payment.reserved", "reserved"),
            event(3, "payment.captured", "captured", "c-2", captured=500),
        ]
        self.dead = ["c-3"]
        self.ledger: list[dict[str, Any]] = [
            {
                "paymentId": PROVIDER_ID,
                "status": "Captured",
                "currency": "DKK",
                "captured": 500,
                "effects": {"initiate": 1, "capture": 1},
            }
        ]
        self.violations: list[dict[str, Any]] = []

    def report(self) -> Report:
        return audit(self.commands, self.events, self.dead, self.ledger, self.violations)


def test_books_in_order_have_no_finding() -> None:
    report = Books().report()
    assert report.holds, report.lines()
    assert report.captured_here == report.captured_there == {"DKK": 500}


def _unanswered(books: Books) -> None:
    books.events[2] = event(3, "payment.captured", "captured", captured=500)


def _answered_twice(books: Books) -> None:
    books.events.append(event(4, "command.rejected", "captured", "c-1", captured=500))


def _dead_and_answered(books: Books) -> None:
    books.dead.append("c-1")


def _not_dead(books: Books) -> None:
    books.dead.clear()


def _stranger(books: Books) -> None:
    books.commands.remove(CAPTURE)
    books.commands.append(replace(CAPTURE, id="c-9"))
    books.events.append(event(4, "command.rejected", "captured", "c-9", captured=500))


def _gap(books: Books) -> None:
    del books.events[1]


def _published_twice(books: Books) -> None:
    books.events.append(books.events[-1])


def _two_effects(books: Books) -> None:
    books.ledger[0]["effects"]["capture"] = 2


def _captured_unasked(books: Books) -> None:
    books.commands.remove(CAPTURE)


def _other_amount(books: Books) -> None:
    books.ledger[0]["captured"] = 400


def _contradicts(books: Books) -> None:
    books.ledger[0] |= {"status": "CancelledByUser", "captured": 0}


def _nobodys_capture(books: Books) -> None:
    books.ledger.append(books.ledger[0] | {"paymentId": "provider-2"})


def _still_reserved(books: Books) -> None:
    books.ledger[0]["status"] = "Reserved"


def _violation(books: Books) -> None:
    books.violations.append({"name": "polled_too_early", "explanation": "by 40 ms"})


@pytest.mark.parametrize(
    ("spoil", "guarantee"),
    [
        (_unanswered, "I2"),
        (_answered_twice, "I2"),
        (_dead_and_answered, "I2"),
        (_not_dead, "I2"),
        (_stranger, "I2"),
        (_gap, "I6"),
        (_published_twice, "I6"),
        (_two_effects, "I1"),
        (_captured_unasked, "I3"),
        (_other_amount, "I5"),
        (_contradicts, "I5"),
        (_nobodys_capture, "I5"),
        (_still_reserved, "I8"),
        (_violation, "I7"),
    ],
)
def test_each_break_of_a_guarantee_is_found(spoil: Callable[[Books], None], guarantee: str) -> None:
    books = Books()
    spoil(books)
    report = books.report()
    assert report.findings[guarantee], report.lines()
    assert any(line.startswith(f"{guarantee}  FAILS") for line in report.lines())
