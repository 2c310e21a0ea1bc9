"""The shop of the demo: what it asks for, decided by a seed, and how it answers events."""

import random
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gateway.demo.evidence import Event
from gateway.demo.messages import MISTAKES, Message, Messages
from gateway.demo.returns import Returns

__all__ = ["Message", "Shop"]

APPROVAL_SECONDS = 8


class Shop:
    """`payments` starts with what belongs to them; `follow` says what an event leads to.

    `shared_share` of the payments meet at a few tills and wait for each other there, `prepared_share` are
    prepared first and readied once the customer is awaited (a few of them are cancelled instead, or forgotten
    until the gateway's own time-out), of `refund_share` of the captured ones something is given back.
    """

    def __init__(
        self,
        seed: int,
        payments: int,
        shared_share: float = 0.2,
        prepared_share: float = 0.0,
        refund_share: float = 0.0,
    ) -> None:
        self._draws = random.Random(seed)
        self._payments = payments
        self._shared_share = shared_share
        self._prepared_share = prepared_share
        self._messages = Messages()
        self._returns = Returns(self._messages, refund_share)
        self._followed: set[str] = set()
        self._automatic: set[str] = set()
        self._awaits_terms: set[str] = set()

    def opening(self) -> Iterator[list[Message]]:
        """The messages of each payment's start: some twice, some cancelled at once, some that nobody can
        read.
        """
        draws = self._draws
        for number in range(1, self._payments + 1):
            payment_id = f"pay-{number:05d}"
            start = self._start(payment_id, number)
            messages = [start]
            if draws.random() < 0.08:
                messages.append(start)
            if draws.random() < 0.05:
                messages.append(self._messages.command("payment.cancel", payment_id, {}))
            if draws.random() < 0.06:
                wrong = self._messages.mistaken(start, draws.choice(MISTAKES))
                messages += [wrong, wrong] if draws.random() < 0.2 else [wrong]
            yield messages

    def follow(self, event: Event) -> list[Message]:
        """What the shop does next about a payment or a refund; an event that it has seen leads to nothing."""
        if event.id in self._followed:
            return []
        self._followed.add(event.id)
        match event.type:
            case "payment.prepared" | "payment.paired":
                return self._ready(event)
            case "payment.reserved":
                return self._settle(event)
            case _:
                return self._returns.follow(event)

    def _ready(self, event: Event) -> list[Message]:
        """A prepared payment is told its amount, once; or given up; or forgotten."""
        payment_id, draws = event.payment_id, random.Random(event.id)
        if payment_id not in self._awaits_terms:
            return []
        self._awaits_terms.discard(payment_id)
        what = draws.choices(["ready", "cancel", "forget"], weights=[84, 10, 6])[0]
        if what == "forget":
            return []
        if what == "cancel":
            return [self._messages.command("payment.cancel", payment_id, {})]
        ready = self._messages.command("payment.ready", payment_id, self._terms(draws, payment_id))
        return [ready, ready] if draws.random() < 0.08 else [ready]

    def _settle(self, event: Event) -> list[Message]:
        """A reserved payment is captured, whole or in part, or cancelled; an automatic one captures itself."""
        payment_id, draws = event.payment_id, random.Random(event.id)
        if payment_id in self._automatic:
            return []
        if draws.random() < 0.15:
            return [self._messages.command("payment.cancel", payment_id, {})]
        amounts = event.data["amounts"]
        value = int(amounts["reserved"])
        if event.data.get("partialCapturePossible") and value > 1:
            part = {"value": draws.randrange(1, value), "currency": amounts["currency"]}
            return [self._messages.command("payment.capture", payment_id, {"amount": part})]
        return [self._messages.command("payment.capture", payment_id, {})]

    def _start(self, payment_id: str, number: int) -> Message:
        draws = self._draws
        behaviour = draws.choices(["accept", "partial", "decline", "never", ""], weights=[50, 10, 12, 8, 20])[
            0
        ]
        shared = draws.random() < self._shared_share
        till = -draws.randrange(12) if shared else number
        data: dict[str, Any] = {"posId": str(uuid5(NAMESPACE_URL, f"till-{till}")), "whenBusy": "wait"}
        if behaviour:
            data["orderId"] = f"{behaviour}-{number:05d}"
        if draws.random() < self._prepared_share:
            self._awaits_terms.add(payment_id)
            return self._messages.command("payment.prepare", payment_id, data)
        return self._messages.command("payment.initiate", payment_id, data | self._terms(draws, payment_id))

    def _terms(self, draws: random.Random, payment_id: str) -> dict[str, Any]:
        """What an initiate says at once, and a prepared payment when it is readied."""
        automatic = draws.random() < 0.5
        if automatic:
            self._automatic.add(payment_id)
        terms: dict[str, Any] = {
            "amount": {
                "value": draws.randrange(100, 50_000),
                "currency": draws.choice(["DKK", "DKK", "EUR"]),
            },
            "capture": "automatic" if automatic else "manual",
            "approvalTimeoutSeconds": APPROVAL_SECONDS,
        }
        if draws.random() < 0.3:
            terms["label"] = f"Table {draws.randrange(1, 40)}"
        if draws.random() < 0.1:
            terms["plannedCaptureDelay"] = "lessThan24Hours"
        if draws.random() < 0.1:
            terms["restrictions"] = {"debitCardDisallowed": True, "creditCardDisallowed": False}
        return terms
