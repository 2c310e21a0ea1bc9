"""The ledger's totals, kept as payments and refunds move, for those who look several times a second.

`gateway.sandbox.ledger.totals` counts everything anew and is what auditors read; the two are the same at each
moment. All amounts are integer minor units.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gateway.sandbox.entities import Payment, Refund
from gateway.sandbox.states import PAID_OUT, Cause


@dataclass(slots=True)
class Tally:
    """`moves` counts every move there was: whoever remembers it knows whether anything has changed."""

    moves: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    refund_statuses: Counter[str] = field(default_factory=Counter)
    currencies: dict[str, Counter[str]] = field(default_factory=dict)

    def payment_moved(self, payment: Payment) -> None:
        """To be told of each move, after it."""
        self.moves += 1
        move = payment.moves[-1]
        _pass(self.statuses, move.source, move.target)
        terms = payment.terms
        if terms is None:
            return
        if move.cause in (Cause.INITIATE, Cause.READY):
            self._add(terms.currency, "requested", terms.amount)
        elif move.cause == Cause.ACCEPT:
            self._add(terms.currency, "reserved", payment.reserved)
        elif move.cause == Cause.CAPTURE:
            self._add(terms.currency, "captured", payment.captured)

    def refund_moved(self, refund: Refund) -> None:
        self.moves += 1
        move = refund.moves[-1]
        _pass(self.refund_statuses, move.source, move.target)
        if refund.status in PAID_OUT:
            self._add(refund.currency, "refunded", refund.amount)

    def _add(self, currency: str, name: str, amount: int) -> None:
        self.currencies.setdefault(currency, Counter())[name] += amount


def _pass(statuses: Counter[str], source: str | None, target: str) -> None:
    if source is not None:
        statuses[source] -= 1
    statuses[target] += 1
