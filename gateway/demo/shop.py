"""The shop of the demo: what it asks for, decided by a seed, and how it answers events."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gateway.demo.audit import Command, Event

SOURCE = "/demo/shop"
APPROVAL_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Message:
    """A record for the commands topic, and what the auditor has to know of it."""

    command: Command
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Shop:
    """`payments` starts with what belongs to them; `follow` says what an event leads to.

    `shared_share` of the payments meet at a few tills and wait for each other there.
    """

    def __init__(self, seed: int, payments: int, shared_share: float = 0.2) -> None:
        self._draws = random.Random(seed)
        self._payments = payments
        self._shared_share = shared_share
        self._sent = 0
        self.commands: dict[str, Command] = {}
        self._followed: set[str] = set()
        self._automatic: set[str] = set()

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
                messages.append(self._message("payment.cancel", payment_id, {}))
            if draws.random() < 0.04:
                messages.append(self._unreadable(payment_id))
            yield messages

    def follow(self, event: Event) -> list[Message]:
        """A reserved payment is captured, whole or in part, or cancelled; an automatic one captures itself."""
        if event.type != "payment.reserved" or event.id in self._followed:
            return []
        self._followed.add(event.id)
        payment_id, draws = event.payment_id, random.Random(event.id)
        if payment_id in self._automatic:
            return []
        if draws.random() < 0.15:
            return [self._message("payment.cancel", payment_id, {})]
        amounts = event.data["amounts"]
        value = int(amounts["reserved"])
        if event.data.get("partialCapturePossible") and value > 1:
            part = {"value": draws.randrange(1, value), "currency": amounts["currency"]}
            return [self._message("payment.capture", payment_id, {"amount": part})]
        return [self._message("payment.capture", payment_id, {})]

    def _start(self, payment_id: str, number: int) -> Message:
        draws = self._draws
        behaviour = draws.choices(["accept", "partial", "decline", "never", ""], weights=[50, 10, 12, 8, 20])[
            0
        ]
        automatic = draws.random() < 0.5
        shared = draws.random() < self._shared_share
        till = -draws.randrange(12) if shared else number
        data: dict[str, Any] = {
            "posId": str(uuid5(NAMESPACE_URL, f"till-{till}")),
            "amount": {
                "value": draws.randrange(100, 50_000),
                "currency": draws.choice(["DKK", "DKK", "EUR"]),
            },
            "capture": "automatic" if automatic else "manual",
            "whenBusy": "wait",
            "approvalTimeoutSeconds": APPROVAL_SECONDS,
        }
        if behaviour:
            data["orderId"] = f"{behaviour}-{number:05d}"
        return self._message("payment.initiate", payment_id, data, automatic=automatic)

    def _message(self, type_: str, payment_id: str, data: dict[str, Any], automatic: bool = False) -> Message:
        self._sent += 1
        command = Command(f"c-{self._sent:06d}", payment_id, type_, automatic=automatic)
        self.commands[command.id] = command
        if automatic:
            self._automatic.add(payment_id)
        value = json.dumps({"paymentId": payment_id, **data}).encode()
        return Message(command, payment_id.encode(), value, _headers(command.id, type_))

    def _unreadable(self, payment_id: str) -> Message:
        self._sent += 1
        command = Command(f"c-{self._sent:06d}", payment_id, "payment.capture", understood=False)
        self.commands[command.id] = command
        return Message(command, payment_id.encode(), b"{not json", _headers(command.id, command.type))


def _headers(id_: str, type_: str) -> tuple[tuple[str, bytes], ...]:
    attributes = {"ce_specversion": "1.0", "ce_id": id_, "ce_source": SOURCE, "ce_type": type_}
    return tuple((name, value.encode()) for name, value in attributes.items())
