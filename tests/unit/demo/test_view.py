"""What a person sees of the demo: payments and refunds moving, and the sums of both ledgers at the end."""

import io
from typing import Any

import pytest
from rich.console import Console

from gateway.demo.audit import audit
from gateway.demo.evidence import Event, Evidence
from gateway.demo.view import View, in_majors, tell

AMOUNTS = {"currency": "DKK", "requested": 1250, "reserved": 1250, "captured": 1250, "refunded": 0}


def event(sequence: int, type_: str, status: str, **more: Any) -> Event:
    data = {"paymentId": "p-1", "sequence": sequence, "status": status, "amounts": AMOUNTS, **more}
    return Event(f"e-{sequence}", type_, data)


def refund(sequence: int, name: str, status: str, minor: int) -> Event:
    amount = {"value": minor, "currency": "DKK"}
    more = {"refundId": name, "refundStatus": status, "refundAmount": amount}
    return event(sequence, f"refund.{status}", "captured", **more)


EVENTS = [
    event(1, "payment.captured", "captured"),
    refund(2, "f-1", "reserved", 205),
    refund(3, "f-2", "initiated", 7),
    refund(4, "f-1", "captured", 205),
]


def shown(terminal: bool) -> str:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=160, color_system=None)
    with View(console, 3) as view:
        for one in EVENTS:
            view.told(one)
        view.refresh()
    return screen.getvalue()


def test_plain_lines_count_payments_and_refunds() -> None:
    assert shown(terminal=False) == "payments 1/3  captured 1  | refunds 2  initiated 1  captured 1\n"


def test_a_terminal_shows_both_tables_and_the_last_events_with_their_amounts() -> None:
    screen = shown(terminal=True)
    for part in ("refunds", "payments, 0 commands answered", "refund.captured", "2.05 DKK", "0.07 DKK"):
        assert part in screen


def test_the_end_tells_the_sums_of_both_sides() -> None:
    book = {
        "paymentId": "there",
        "orderId": "o",
        "status": "Captured",
        "currency": "DKK",
        "requested": 1250,
        "reserved": 1250,
        "captured": 1250,
        "refunded": 204,
        "effects": {},
        "refunds": [],
    }
    screen = io.StringIO()
    evidence = Evidence(events=EVENTS, ledger=[book])
    tell(Console(file=screen, width=160, color_system=None), evidence, audit(evidence), [7])
    rows = [line.split() for line in screen.getvalue().splitlines()]
    assert ["│", "captured", "DKK", "│", "12.50", "│", "12.50", "│", "0.00", "│"] in rows
    assert ["│", "refunded", "DKK", "│", "2.05", "│", "2.04", "│", "0.01", "│"] in rows
    assert "one SIGKILL, with 7 calls in flight" in screen.getvalue()
    assert "I5  FAILS" in screen.getvalue()


@pytest.mark.parametrize(
    ("minor", "text"),
    [(0, "0.00"), (7, "0.07"), (1250, "12.50"), (-1, "-0.01"), (123_456_789, "1,234,567.89")],
)
def test_minor_units_are_shown_exactly(minor: int, text: str) -> None:
    assert in_majors(minor) == text
