"""The shop of the demo: what it asks for, decided by a seed, and how it answers events."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gateway.demo.evidence import Command, Event

SOURCE = "/demo/shop"
APPROVAL_SECONDS = 8
LARGE_BYTES = 66_000

RECORD_HEADER = "shop-record"
"""Names a record beside its envelope, so that the dead letter of one without an id can be told too."""

_MISTAKES = (
    "not_json",
    "no_value",
    "wrong_types",
    "no_id",
    "no_such_type",
    "other_key",
    "too_large",
    "same_id",
)


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
        self._made = 0
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
            if draws.random() < 0.06:
                wrong = self._mistaken(start, draws.choice(_MISTAKES))
                messages += [wrong, wrong] if draws.random() < 0.2 else [wrong]
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
        if automatic:
            self._automatic.add(payment_id)
        return self._message("payment.initiate", payment_id, data)

    def _message(self, type_: str, payment_id: str, data: dict[str, Any]) -> Message:
        self._made += 1
        id_ = f"c-{self._made:06d}"
        amount = data.get("amount", {})
        command = Command(
            record=id_,
            id=id_,
            source=SOURCE,
            payment_id=payment_id,
            type=type_,
            automatic=data.get("capture") == "automatic",
            order_id=data.get("orderId", payment_id) if type_ == "payment.initiate" else None,
            amount=amount.get("value"),
            currency=amount.get("currency"),
        )
        return Message(command, payment_id.encode(), _value(payment_id, data), _headers(command))

    def _mistaken(self, start: Message, mistake: str) -> Message:
        """A record for the same payment that must become a dead letter."""
        self._made += 1
        record, payment_id = f"c-{self._made:06d}", start.command.payment_id
        key = start.key
        command = Command(record, record, SOURCE, payment_id, "payment.capture", dead_letter="invalid_data")
        value: bytes | None = _value(payment_id, {})
        match mistake:
            case "not_json":
                value = b"{not json"
            case "no_value":
                value = None
            case "wrong_types":
                value = _value(payment_id, {"amount": {"value": "12.50", "currency": "DKK"}})
            case "no_id":
                command = replace(command, id="", dead_letter="missing_id")
            case "no_such_type":
                command = replace(command, type="payment.explode", dead_letter="unknown_type")
            case "other_key":
                key, command = b"another-payment", replace(command, dead_letter="key_mismatch")
            case "too_large":
                value = _value(payment_id, {"padding": "x" * LARGE_BYTES})
                command = replace(command, dead_letter="too_large")
            case "same_id":
                command = replace(command, id=start.command.id, dead_letter="id_reused")
            case _:
                raise AssertionError(mistake)
        return Message(replace(command, value=value), key, value, _headers(command))


def _value(payment_id: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"paymentId": payment_id, **data}).encode()


def _headers(command: Command) -> tuple[tuple[str, bytes], ...]:
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": command.id,
        "ce_source": command.source,
        "ce_type": command.type,
        RECORD_HEADER: command.record,
    }
    return tuple((name, value.encode()) for name, value in attributes.items() if value)
