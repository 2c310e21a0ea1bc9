"""Kinds of broken record, each with the reason it must be dead-lettered for."""

import base64
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

Headers = tuple[tuple[str, bytes | None], ...]

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
STORE = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
DKK = {"value": 1250, "currency": "DKK"}
DATA: dict[str, Any] = {"paymentId": "bad", "posId": POS, "amount": DKK}
CANARY = "+4520031801-canary-of-the-value"
FAR = "2099-01-01T00:00:00Z"


@dataclass(frozen=True)
class Sent:
    """One record to send; `reason` None: it is a good one."""

    name: str
    reason: str | None
    key: bytes | None
    value: bytes | None
    headers: Headers


def attributes(**changes: bytes | None) -> Headers:
    """The headers of a good command; `ce_` names as they are, a dash for an underscore in the content type."""
    given: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_id": b"m-1",
        "ce_source": b"/orders",
        "ce_type": b"payment.initiate",
        "content-type": b"application/json",
    }
    for name, value in changes.items():
        given["content-type" if name == "content_type" else name] = value
    return tuple(given.items())


def without(*names: str) -> Headers:
    return tuple(pair for pair in attributes() if pair[0] not in names)


def body(**changes: object) -> bytes:
    return json.dumps({**DATA, **changes}).encode()


def good(number: int) -> Sent:
    payment = f"good-{number}"
    headers = attributes(ce_id=payment.encode())
    return Sent(payment, None, payment.encode(), body(paymentId=payment, posId=str(uuid.uuid4())), headers)


def structured(text: bytes, content_type: bytes = b"application/cloudevents+json") -> tuple[bytes, Headers]:
    return text, (("content-type", content_type),)


def event(**changes: object) -> bytes:
    """A command in structured mode; a value of `...` leaves the member out."""
    whole = {
        "specversion": "1.0",
        "id": "m-1",
        "source": "/orders",
        "type": "payment.initiate",
        "data": DATA,
        **changes,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


ENVELOPES: dict[str, tuple[bytes, Headers]] = {
    "no headers": (body(), ()),
    "null specversion": (body(), attributes(ce_specversion=None)),
    "wrong specversion": (body(), attributes(ce_specversion=b"0.3")),
    "empty specversion": (body(), attributes(ce_specversion=b"")),
    "missing specversion": (body(), without("ce_specversion")),
    "source not UTF-8": (body(), attributes(ce_source=b"\xff\xfe")),
    "id not UTF-8": (body(), attributes(ce_id=b"m-\xc3\x28")),
    "id twice": (body(), (*attributes(), ("ce_id", b"m-2"))),
    "type twice, the same": (body(), (*attributes(), ("ce_type", b"payment.initiate"))),
    "control character in an attribute": (body(), attributes(ce_source=b"/orders\x00")),
    "an attribute of 10,000 bytes": (body(), attributes(ce_source=b"/" + b"x" * 10_000)),
    "unreadable time": (body(), (*attributes(), ("ce_time", b"yesterday"))),
    "time without an offset": (body(), (*attributes(), ("ce_time", b"2026-01-01T00:00:00"))),
    "time far ahead": (body(), (*attributes(), ("ce_time", FAR.encode()))),
    "empty time": (body(), (*attributes(), ("ce_time", b""))),
    "null time": (body(), (*attributes(), ("ce_time", None))),
    "unreadable expiry": (body(), (*attributes(), ("ce_expirytime", b"never"))),
    "another content type": (body(), attributes(content_type=b"text/plain")),
    "another charset": (body(), attributes(content_type=b"application/json; charset=latin-1")),
    "a batch": structured(b"[]", b"application/cloudevents-batch+json"),
    "structured, no JSON": structured(b"{"),
    "structured, a list": structured(b"[1]"),
    "structured, empty": structured(b""),
    "structured, not UTF-8": structured(b'{"id": "\xff"}'),
    "structured, a number for an id": structured(event(id=7)),
    "structured, wrong specversion": structured(event(specversion="2.0")),
    "structured, unreadable time": structured(event(time="soon")),
    "structured, both data and data_base64": structured(event(data_base64="e30=")),
}

MISSING: dict[str, tuple[bytes, Headers]] = {
    "no id": (body(), without("ce_id")),
    "empty id": (body(), attributes(ce_id=b"")),
    "blank source": (body(), attributes(ce_source=b" ")),
    "no source": (body(), without("ce_source")),
    "neither": (body(), without("ce_id", "ce_source")),
    "structured, no id": structured(event(id=...)),
    "structured, null source": structured(event(source=None)),
}

TYPES: dict[str, tuple[bytes, Headers]] = {
    "unknown type": (body(), attributes(ce_type=b"payment.explode")),
    "a type in capitals": (body(), attributes(ce_type=b"Payment.Initiate")),
    "no type": (body(), without("ce_type")),
    "empty type": (body(), attributes(ce_type=b"")),
    "an event's type": (body(), attributes(ce_type=b"payment.captured")),
    "a notification that is not the gateway's": (
        b'{"merchantPosId":"bad"}',
        attributes(ce_type=b"checkin.notified"),
    ),
    "structured, unknown type": structured(event(type="refund.explode")),
}

INITIATES: dict[str, bytes | None] = {
    "null value": None,
    "empty value": b"",
    "not UTF-8": b'{"paymentId": "\xff\xfe"}',
    "not JSON": b"{",
    "two values": body() + body(),
    "a byte order mark": b"\xef\xbb\xbf" + body(),
    "a list": b"[1, 2]",
    "a string": b'"bad"',
    "null": b"null",
    "a field twice": b'{"paymentId":"bad",' + body()[1:],
    "NaN": body().replace(b"1250", b"NaN"),
    "infinity": body().replace(b"1250", b"Infinity"),
    "100,000 digits": body().replace(b"1250", b"9" * 50_000),
    "nested too deeply": b"[" * 20_000,
    "half a surrogate pair": body(label="\ud83d"),
    "an amount with a fraction": body(amount={"value": 12.5, "currency": "DKK"}),
    "an amount of 1.0": body().replace(b"1250", b"1250.0"),
    "an amount in a string": body(amount={"value": "1250", "currency": "DKK"}),
    "an amount that is true": body(amount={"value": True, "currency": "DKK"}),
    "an amount of 0": body(amount={"value": 0, "currency": "DKK"}),
    "a negative amount": body(amount={"value": -1, "currency": "DKK"}),
    "an amount above 10^12": body(amount={"value": 10**12 + 1, "currency": "DKK"}),
    "an amount without a currency": body(amount={"value": 1}),
    "another currency": body(amount={"value": 1, "currency": "SEK"}),
    "a currency in small letters": body(amount={"value": 1, "currency": "dkk"}),
    "an amount that is a number": body(amount=1250),
    "no amount": body(amount=None),
    "a posId that is no UUID": body(posId="till-1"),
    "an empty orderId": body(orderId=""),
    "37 characters": body(orderId="x" * 37),
    "a character outside of the API's set": body(orderId="tab\there"),
    "an emoji": body(label="🙂"),
    "an unknown choice": body(capture="later"),
    "a choice in capitals": body(whenBusy="WAIT"),
    "0 seconds": body(approvalTimeoutSeconds=0),
    "3601 seconds": body(approvalTimeoutSeconds=3601),
    "a VAT number of another country": body(merchantVatNumber="SE12345678"),
    "a restriction that is a word": body(restrictions={"debitCardDisallowed": "yes"}),
    "a secret where an amount belongs": body(amount=CANARY),
}

OTHERS: dict[str, dict[str, Any]] = {
    "payment.prepare": {"paymentId": "bad", "posId": None},
    "payment.ready": {"paymentId": "bad"},
    "payment.capture": {"paymentId": "bad", "amount": {"value": 0, "currency": "DKK"}},
    "payment.cancel": {},
    "refund.create": {"paymentId": "bad", "refundId": "r-1"},
    "refund.capture": {"paymentId": "bad"},
    "refund.cancel": {"paymentId": "bad", "refundId": 7},
    "point-of-sale.create": {"merchantPosId": "bad", "storeId": STORE, "name": "Till"},
    "point-of-sale.delete": {"merchantPosId": "bad"},
    "checkin.watch": {"merchantPosId": "bad", "posId": POS, "seconds": 0},
}

BASE64_BODY = base64.b64encode(body(amount=None)).decode()


def poison() -> list[Sent]:
    """All kinds but `id_reused`, which needs a command that was accepted before."""
    sent = [
        Sent("900 kB", "too_large", b"bad", b"x" * 900_000, attributes()),
        Sent("900 kB that would be wrong in every other way too", "too_large", None, b"\xff" * 900_000, ()),
        Sent("another key", "key_mismatch", b"other", body(), attributes()),
        Sent("no key", "key_mismatch", None, body(), attributes()),
        Sent("an empty key", "key_mismatch", b"", body(), attributes()),
        Sent("a key not UTF-8", "key_mismatch", b"\xff", body(), attributes()),
        Sent("a key in capitals", "key_mismatch", b"BAD", body(), attributes()),
        Sent("neither key, nor value, nor headers", "malformed_envelope", None, None, ()),
        Sent(
            "dead-lettered before",
            "unknown_type",
            b"bad",
            body(),
            (*attributes(ce_type=b"x"), ("dlq.reason", b"invalid_data"), ("dlq.replays", b"1")),
        ),
        Sent(
            "1,000 headers",
            "unknown_type",
            b"bad",
            body(),
            (*attributes(ce_type=b"x"), *((f"h-{number}", b"v") for number in range(1_000))),
        ),
        Sent(
            "a header twice and one that is null",
            "invalid_data",
            b"bad",
            b"{}",
            (*attributes(), ("trace", None), ("trace", b"1"), ("trace", b"")),
        ),
        Sent(
            "base64 of what is wrong",
            "invalid_data",
            b"bad",
            *structured(event(data=..., data_base64=BASE64_BODY)),
        ),
        Sent("structured, no data", "invalid_data", b"bad", *structured(event(data=...))),
        Sent("base64 that is none", "invalid_data", b"bad", *structured(event(data=..., data_base64="%%%"))),
    ]
    for reason, table in (
        ("malformed_envelope", ENVELOPES),
        ("missing_id", MISSING),
        ("unknown_type", TYPES),
    ):
        sent += [Sent(name, reason, b"bad", value, headers) for name, (value, headers) in table.items()]
    sent += [Sent(name, "invalid_data", b"bad", value, attributes()) for name, value in INITIATES.items()]
    sent += [
        Sent(
            f"wrong data of {type_}",
            "invalid_data",
            b"bad",
            json.dumps(data).encode(),
            attributes(ce_type=type_.encode()),
        )
        for type_, data in OTHERS.items()
    ]
    return sent


def reused() -> list[Sent]:
    """A good command, then its id with other data, with another type, and in the other mode."""
    first = good(0)
    other = body(paymentId="good-0", amount={"value": 1, "currency": "DKK"})
    cancel = attributes(ce_id=b"good-0", ce_type=b"payment.cancel")
    whole = event(id="good-0", type="payment.capture", data={"paymentId": "good-0"})
    return [
        first,
        Sent("its id, another amount", "id_reused", b"good-0", other, attributes(ce_id=b"good-0")),
        Sent("its id, another type", "id_reused", b"good-0", b'{"paymentId":"good-0"}', cancel),
        Sent("its id, in the other mode", "id_reused", b"good-0", *structured(whole)),
    ]


def harmless() -> list[Sent]:
    """What looks odd and is understood all the same."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    odd = {
        "a null header of somebody else": (
            body(paymentId="odd-1"),
            (*attributes(ce_id=b"odd-1"), ("trace", None)),
        ),
        "no content type": (
            body(paymentId="odd-2"),
            tuple(p for p in attributes(ce_id=b"odd-2") if p[0] != "content-type"),
        ),
        "fields that nobody knows": (body(paymentId="odd-3", colour="blue"), attributes(ce_id=b"odd-3")),
        "structured": structured(event(id="odd-4", time=now, data={**DATA, "paymentId": "odd-4"})),
        "36 characters of every sort": (
            body(paymentId="odd-5 æøå!\"#$%&'()*+,-./:;<=>?@[]^_", orderId="¥¡¿¹²³"),
            attributes(ce_id=b"odd-5"),
        ),
    }
    keys = [b"odd-1", b"odd-2", b"odd-3", b"odd-4", "odd-5 æøå!\"#$%&'()*+,-./:;<=>?@[]^_".encode()]
    tills = (str(uuid.uuid4()) for _ in keys)
    return [
        Sent(name, None, key, (value or b"").replace(POS.encode(), till.encode()), headers)
        for key, till, (name, (value, headers)) in zip(keys, tills, odd.items(), strict=True)
    ]
