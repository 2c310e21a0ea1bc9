"""The records of the demo's shop: well-formed commands, and the mistakes that must become dead letters."""

import json
from dataclasses import dataclass, replace
from typing import Any

from gateway.demo.evidence import STARTS, Command

SOURCE = "/demo/shop"
LARGE_BYTES = 66_000

RECORD_HEADER = "shop-record"
"""Names a record beside its envelope, so that the dead letter of one without an id can be told too."""

MISTAKES = (
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


class Messages:
    """Writes the shop's messages and numbers them."""

    def __init__(self) -> None:
        self._made = 0

    def command(self, type_: str, payment_id: str, data: dict[str, Any]) -> Message:
        record, amount = self._next(), data.get("amount", {})
        default = "automatic" if type_ == "refund.create" else "manual"
        command = Command(
            record=record,
            id=record,
            source=SOURCE,
            payment_id=payment_id,
            type=type_,
            automatic=data.get("capture", default) == "automatic",
            order_id=data.get("orderId", payment_id) if type_ in STARTS else None,
            refund_id=data.get("refundId"),
            amount=amount.get("value"),
            currency=amount.get("currency"),
        )
        return Message(command, payment_id.encode(), _value(payment_id, data), _headers(command))

    def mistaken(self, start: Message, mistake: str) -> Message:
        """A record for the same payment as `start` that must become a dead letter."""
        record, payment_id = self._next(), start.command.payment_id
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

    def _next(self) -> str:
        self._made += 1
        return f"c-{self._made:06d}"


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
