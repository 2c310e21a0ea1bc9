"""Example messages: commands as an upstream service may send them, and what the codec itself makes of the rest.

One story: an order of 12.50 kroner paid at till 1, a part of it given back.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.codec import CommandLimits, Origin, RecordParts, Wire, read_command, write_dead_letter
from gateway.codec.commands import NOTIFICATION_SOURCE
from gateway.codec.dead_letters import DeadLetter, Skip, write_skip
from gateway.codec.times import write_time

PAYMENT: Final = "8d0cb4f2-6c5b-4b0e-9b3c-4a0f0a1f7c11"
TILL: Final = "till-1"
POS: Final = "c85916b1-8e17-4275-a388-551e16aa6293"
STORE: Final = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
BEACON: Final = "123456789012345"
SOURCE: Final = "/orders"
TRACE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TOPIC: Final = "payments.commands.v1"
AT_MS: Final = 1_777_898_700_000
"""2026-05-04T12:45:00Z."""

_VAT: Final = {"merchantVatNumber": "DK12345678"}
_OPEN: Final = {
    "plannedCaptureDelay": "lessThan24Hours",
    "capture": "automatic",
    "restrictions": {"creditCardDisallowed": True},
    "label": "Order 1042",
    "approvalTimeoutSeconds": 300,
}


def _kroner(value: int) -> dict[str, Any]:
    return {"value": value, "currency": "DKK"}


COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "payment.initiate": {
        "paymentId": PAYMENT,
        "posId": POS,
        "amount": _kroner(1250),
        "orderId": "1042",
        **_OPEN,
        "whenBusy": "wait",
        **_VAT,
    },
    "payment.prepare": {"paymentId": PAYMENT, "posId": POS, "orderId": "1042", "whenBusy": "wait", **_VAT},
    "payment.ready": {"paymentId": PAYMENT, "amount": _kroner(1250), **_OPEN},
    "payment.capture": {"paymentId": PAYMENT, "amount": _kroner(1250)},
    "payment.cancel": {"paymentId": PAYMENT},
    "refund.create": {
        "paymentId": PAYMENT,
        "refundId": "r-1",
        "amount": _kroner(250),
        "capture": "manual",
        "posId": POS,
        "orderId": "1042",
        **_VAT,
    },
    "refund.capture": {"paymentId": PAYMENT, "refundId": "r-1"},
    "refund.cancel": {"paymentId": PAYMENT, "refundId": "r-1"},
    "point-of-sale.create": {
        "merchantPosId": TILL,
        "storeId": STORE,
        "name": "Till 1",
        "supportedBeaconTypes": ["QR", "NFC"],
        "beaconId": BEACON,
        "callbackAlias": "shop-1",
        "requirePaymentBeforeCheckin": True,
        **_VAT,
    },
    "point-of-sale.delete": {"merchantPosId": TILL, "posId": POS, **_VAT},
    "checkin.watch": {"merchantPosId": TILL, "posId": POS, "seconds": 60, **_VAT},
    "checkin.notified": {"merchantPosId": TILL},
}
"""The data of each, with every field that it may have."""


@dataclass(frozen=True, slots=True)
class Example:
    """One record. `value` is the JSON that its bytes are."""

    key: str | None
    headers: dict[str, str]
    value: Any

    def text(self) -> str:
        """The example as a document."""
        fields = {"key": self.key, "headers": self.headers, "value": self.value}
        return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"

    def record(self) -> RecordParts:
        headers = tuple((name, text.encode()) for name, text in self.headers.items())
        return RecordParts(None if self.key is None else self.key.encode(), self.bytes(), headers, AT_MS)

    def bytes(self) -> bytes:
        return json.dumps(self.value, ensure_ascii=False, separators=(",", ":")).encode()


def example_of(wire: Wire) -> Example:
    """A record whose value is JSON, as an example."""
    headers = {name: (value or b"").decode() for name, value in wire.headers}
    return Example(None if wire.key is None else wire.key.decode(), headers, json.loads(wire.value or b""))


def command(type_: str) -> Example:
    """In binary mode, with every attribute that it may have."""
    data = COMMANDS[type_]
    notified = type_ == "checkin.notified"
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": f"m-{list(COMMANDS).index(type_) + 1}",
        "ce_source": NOTIFICATION_SOURCE if notified else SOURCE,
        "ce_type": type_,
        "ce_time": write_time(AT_MS),
        "ce_expirytime": write_time(AT_MS + 3_600_000),
        "ce_correlationid": "order-1042",
        "traceparent": TRACE,
        "content-type": "application/json",
    }
    return Example(data.get("paymentId") or data["merchantPosId"], attributes, data)


def least_command() -> Example:
    """The least that starts a payment."""
    attributes = {"ce_specversion": "1.0", "ce_id": "m-1", "ce_source": SOURCE, "ce_type": "payment.initiate"}
    return Example(PAYMENT, attributes, {"paymentId": PAYMENT, "posId": POS, "amount": _kroner(1250)})


def structured_command() -> Example:
    """`payment.initiate` in structured mode; it means the same as the one in binary mode."""
    binary = command("payment.initiate")
    names = {name: name.removeprefix("ce_") for name in binary.headers if name != "content-type"}
    attributes = {short: binary.headers[name] for name, short in names.items()}
    value = {**attributes, "datacontenttype": "application/json", "data": binary.value}
    return Example(binary.key, {"content-type": "application/cloudevents+json"}, value)


def dead_letters() -> Iterator[tuple[str, Example]]:
    """A record that could not be understood, and what is left of a batch that was passed over."""
    whole = least_command()
    sent = replace(whole, value={**whole.value, "amount": {"value": "12.50", "currency": "DKK"}})
    letter = read_command(sent.record(), CommandLimits())
    assert isinstance(letter, DeadLetter)
    yield (
        "invalid_data",
        example_of(write_dead_letter(sent.record(), Origin(TOPIC, 3, 4711), letter, "0.1.0")),
    )
    skip = Skip(Origin(TOPIC, 3, 4712), 4720, "the checksum is wrong", "operator@host", AT_MS)
    yield "skipped", example_of(write_skip(skip, "0.1.0"))
