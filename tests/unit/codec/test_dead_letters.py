"""What cannot be understood: the reason, judged in order, a message that helps, the bytes as they came."""

import json
from typing import Any

import pytest

from gateway.codec import DeadLetter, Origin, RecordParts, Wire, read_command, write_dead_letter
from gateway.domain.vocabulary import DeadLetterReason
from tests.unit.codec.records import (
    INITIATE,
    LIMITS,
    NOW_MS,
    POS,
    attributes,
    binary,
    data,
    structured,
    structured_bytes,
)

TOO_LARGE = DeadLetterReason.TOO_LARGE
MALFORMED = DeadLetterReason.MALFORMED_ENVELOPE
MISSING_ID = DeadLetterReason.MISSING_ID
UNKNOWN_TYPE = DeadLetterReason.UNKNOWN_TYPE
INVALID = DeadLetterReason.INVALID_DATA
KEY_MISMATCH = DeadLetterReason.KEY_MISMATCH


def letter(record: RecordParts) -> DeadLetter:
    dead = read_command(record, LIMITS)
    assert isinstance(dead, DeadLetter), dead
    return dead


def said(record: RecordParts) -> tuple[DeadLetterReason, str]:
    dead = letter(record)
    return dead.reason, dead.message


ENVELOPES: list[tuple[RecordParts, str]] = [
    (binary({}), "ce_specversion: must be 1.0"),
    (binary(attributes(specversion="0.3")), "ce_specversion: must be 1.0"),
    (structured(attributes(specversion="1.1")), "specversion: must be 1.0"),
    (structured(attributes(specversion=1.0)), "specversion: must be a string"),
    (structured(attributes(id=7)), "id: must be a string"),
    (structured(attributes(source=["/orders"])), "source: must be a string"),
    (structured(attributes(type={"a": 1})), "type: must be a string"),
    (structured(attributes(traceparent=True)), "traceparent: must be a string"),
    (structured(attributes(datacontenttype="text/xml")), "datacontenttype: must be application/json"),
    (structured({**attributes(), "data_base64": "e30="}), "data: must not stand beside data_base64"),
    (binary(attributes(time="2026-05-04")), "ce_time: must be an RFC 3339 time such as 2026-05-04T12:30:00Z"),
    (binary(attributes(time="")), "ce_time: must be an RFC 3339 time such as 2026-05-04T12:30:00Z"),
    (structured(attributes(time=1777898700000)), "time: must be a string"),
    (
        binary(attributes(expirytime="tomorrow")),
        "ce_expirytime: must be an RFC 3339 time such as 2026-05-04T12:30:00Z",
    ),
    (
        binary(attributes(time="2026-05-04T12:50:00.001Z")),
        "ce_time: more than 5 minutes after the record's timestamp",
    ),
    (binary(more=(("ce_id", b"m-1"),)), "ce_id: stands twice"),
    (binary(more=(("ce_subject", b"a"), ("ce_subject", b"b"))), "ce_subject: stands twice"),
    (binary(more=(("ce_correlationid", None),)), "ce_correlationid: header without a value"),
    (binary(more=(("ce_colour\n", b"\xff"),)), "ce_colour\\n: is not UTF-8 at byte 0"),
    (binary(attributes(id="a\x00b")), "ce_id: has a control character or half a surrogate pair"),
    (structured(attributes(source="\ud800")), "source: has a control character or half a surrogate pair"),
    (binary(attributes(id="x" * 513)), "ce_id: longer than 512 bytes"),
    (binary(attributes(source="é" * 257)), "ce_source: longer than 512 bytes"),
    (
        binary(more=(("content-type", b"text/plain"),)),
        "content-type: must be application/json or application/cloudevents+json",
    ),
    (
        binary(more=(("content-type", b"application/cloudevents-batch+json"),)),
        "content-type: must be application/json or application/cloudevents+json",
    ),
    (
        binary(more=(("content-type", b"application/json; charset=latin1"),)),
        "content-type: charset must be utf-8",
    ),
    (binary(more=(("content-type", b""),)), "content-type: is no media type"),
    (binary(more=(("content-type", None),)), "content-type: header without a value"),
    (binary(more=(("content-type", b"application/json"),) * 2), "content-type: stands twice"),
    (structured_bytes(None), "value: missing, in structured mode it holds the attributes"),
    (structured_bytes(b""), "value: is not JSON at line 1, column 1: Expecting value"),
    (structured_bytes(b"[1]"), "value: must be a JSON object"),
    (structured_bytes(b"\xff"), "value: is not UTF-8 at byte 0"),
    (structured_bytes(b'{"id":"a",\n"id":"a"}'), "id: stands twice"),
    (structured_bytes(b'{"a":NaN}'), "value: is not JSON: NaN is no JSON number"),
    (structured_bytes(b'{"a":' * 12_000), "value: is nested too deeply"),
]


@pytest.mark.parametrize(("record", "message"), ENVELOPES, ids=[message for _, message in ENVELOPES])
def test_an_envelope_that_cannot_be_read(record: RecordParts, message: str) -> None:
    assert said(record) == (MALFORMED, message)


def test_five_minutes_ahead_are_allowed_and_foreign_attributes_may_hold_anything() -> None:
    assert not isinstance(read_command(binary(attributes(time="2026-05-04T12:50:00Z")), LIMITS), DeadLetter)
    foreign = attributes(subject="s", dataschema="urn:x", colour="blue")
    assert not isinstance(
        read_command(binary(foreign, more=(("x", None), ("x", b"\xff"))), LIMITS), DeadLetter
    )
    assert not isinstance(read_command(structured({**foreign, "rank": 7, "a": None}), LIMITS), DeadLetter)


@pytest.mark.parametrize(
    ("record", "reason", "message"),
    [
        (binary(attributes(id=None)), MISSING_ID, "id: missing"),
        (binary(attributes(id="")), MISSING_ID, "id: missing"),
        (structured(attributes(id=" ")), MISSING_ID, "id: missing"),
        (binary(attributes(source=None)), MISSING_ID, "source: missing"),
        (binary(attributes(type=None)), UNKNOWN_TYPE, "type: missing"),
        (binary(attributes(type="payment.steal")), UNKNOWN_TYPE, "type: is no command of this gateway"),
        (binary(attributes(type="Payment.Initiate")), UNKNOWN_TYPE, "type: is no command of this gateway"),
    ],
)
def test_who_sent_what(record: RecordParts, reason: DeadLetterReason, message: str) -> None:
    assert said(record) == (reason, message)


DATA: list[tuple[Any, str]] = [
    (None, "data: missing"),
    (b"", "data: missing"),
    (b"\x80", "data: is not UTF-8 at byte 0"),
    (b'\xef\xbb\xbf{"paymentId":"p-1"}', "data: is not JSON at line 1, column 1: "),
    (b"{'paymentId'}", "data: is not JSON at line 1, column 2: Expecting property name"),
    (b'{"amount":Infinity}', "data: is not JSON: Infinity is no JSON number"),
    (b"[]", "data: must be a JSON object"),
    (b"null", "data: must be a JSON object"),
    (b'"text"', "data: must be a JSON object"),
    (b"[" * 60_000, "data: is nested too deeply"),
    (b'{"paymentId":"a","paymentId":"b"}', "data: has the field paymentId twice"),
    (b'{"x":[{"y":{"z":1,"z":2}}]}', "data: has the field z twice"),
    (data(paymentId=...), "paymentId: missing"),
    (data(paymentId=None), "paymentId: missing"),
    (data(paymentId=""), "paymentId: must have 1 to 36 characters"),
    (data(paymentId="p" * 37), "paymentId: must have 1 to 36 characters"),
    (data(paymentId=7), "paymentId: must be a string"),
    (data(paymentId="p-😀"), "paymentId: has a character that the API does not take: U+1F600 at position 2"),
    (data(paymentId="p\n"), "paymentId: has a character that the API does not take: U+000A at position 1"),
    (data(paymentId="\ud800"), "paymentId: has half a surrogate pair"),
    (data(orderId="÷"), "orderId: has a character that the API does not take: U+00F7 at position 0"),
    (data(label=["x"]), "label: must be a string"),
    (data(posId="till-1"), "posId: must be a UUID"),
    (data(posId=POS.replace("-", "")), "posId: must be a UUID"),
    (data(posId=POS + "\n"), "posId: must be a UUID"),
    (data(amount=1250), "amount: must be an object"),
    (data(amount={"value": 1250}), "amount.currency: missing"),
    (data(amount={"value": 0, "currency": "DKK"}), "amount.value: must be at least 1"),
    (data(amount={"value": -1, "currency": "DKK"}), "amount.value: must be at least 1"),
    (data(amount={"value": 10**12 + 1, "currency": "DKK"}), "amount.value: must be at most 1000000000000"),
    (data(amount={"value": 10**400, "currency": "DKK"}), "amount.value: must be "),
    (data(amount={"value": 12.5, "currency": "DKK"}), "amount.value: must be an integer"),
    (data(amount={"value": 1.0, "currency": "DKK"}), "amount.value: must be an integer"),
    (data(amount={"value": "1250", "currency": "DKK"}), "amount.value: must be an integer"),
    (data(amount={"value": True, "currency": "DKK"}), "amount.value: must be an integer"),
    (data(amount={"value": 1250, "currency": "SEK"}), "amount.currency: must be 'DKK' or 'EUR'"),
    (data(amount={"value": 1250, "currency": "dkk"}), "amount.currency: must be 'DKK' or 'EUR'"),
    (data(capture=True), "capture: must be 'manual' or 'automatic'"),
    (data(whenBusy=[]), "whenBusy: must be 'reject' or 'wait'"),
    (data(restrictions=[]), "restrictions: must be an object"),
    (
        data(restrictions={"debitCardDisallowed": 1}),
        "restrictions.debitCardDisallowed: must be true or false",
    ),
    (
        data(restrictions={"debitCardDisallowed": "true"}),
        "restrictions.debitCardDisallowed: must be true or false",
    ),
    (data(approvalTimeoutSeconds=0), "approvalTimeoutSeconds: must be at least 1"),
    (data(approvalTimeoutSeconds=3601), "approvalTimeoutSeconds: must be at most 3600"),
    (data(merchantVatNumber="DK1234567"), "merchantVatNumber: must be DK or FI and 8 digits"),
    (data(merchantVatNumber="SE12345678"), "merchantVatNumber: must be DK or FI and 8 digits"),
    (data(merchantVatNumber="DK" + "\u0661" * 8), "merchantVatNumber: must be DK or FI and 8 digits"),
    ({"a": 1}, "paymentId: missing; posId: missing; amount: missing"),
]


@pytest.mark.parametrize(("body", "message"), DATA)
def test_data_that_cannot_be_understood(body: Any, message: str) -> None:
    dead = letter(binary(body=body))
    assert (dead.reason, dead.type) == (INVALID, "payment.initiate")
    assert dead.message.startswith(message)
    if not isinstance(body, bytes):
        assert said(structured(body=body)) == said(binary(body=body))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (structured(body=...), "data: missing"),
        (structured(body='{"paymentId":"p-1"}'), "data: must be a JSON object"),
        (structured({**attributes(), "data_base64": "=="}, ...), "data: data_base64 is not base64"),
        (structured({**attributes(), "data_base64": "é"}, ...), "data: data_base64 is not base64"),
        (structured({**attributes(), "data_base64": 5}, ...), "data: data_base64 must be a string"),
        (structured({**attributes(), "data_base64": ""}, ...), "data: is not JSON at line 1"),
        (
            structured_bytes(
                b'{"specversion":"1.0","id":"a","source":"b","type":"payment.cancel",'
                b'"data":{"paymentId":"p-1","paymentId":"p-1"}}'
            ),
            "data: has the field paymentId twice",
        ),
    ],
)
def test_structured_data_that_cannot_be_understood(record: RecordParts, message: str) -> None:
    dead = letter(record)
    assert dead.reason == INVALID and dead.message.startswith(message)


@pytest.mark.parametrize("types", [["QR", "QR"], ["qr"], "QR", [None], [["QR"]], {"QR": 1}])
def test_beacon_types_are_a_set_of_known_words(types: Any) -> None:
    body = {"merchantPosId": "p-1", "storeId": POS, "name": "n", "supportedBeaconTypes": types}
    dead = letter(binary(attributes(type="point-of-sale.create"), body))
    assert dead.reason == INVALID and dead.message.startswith("supportedBeaconTypes")


@pytest.mark.parametrize("key", [None, b"", b"p-2", b"P-1", b"p-1 ", b"\xff"])
def test_the_key_is_the_payment_id(key: bytes | None) -> None:
    assert said(binary(key=key)) == (KEY_MISMATCH, "key: must be the paymentId of the data")


def test_the_key_of_a_point_of_sale() -> None:
    record = binary(attributes(type="checkin.watch"), {"merchantPosId": "s-1", "posId": POS, "seconds": 1})
    assert said(record) == (KEY_MISMATCH, "key: must be the merchantPosId of the data")


def test_the_first_reason_of_the_order_is_given() -> None:
    """Each step mends one fault of a record that has them all."""
    wrong = binary({}, b"{" + b" " * LIMITS.max_bytes, key=None)
    assert said(wrong) == (TOO_LARGE, "value: 65537 bytes, at most 65536 are read")
    assert letter(binary({}, b"{", key=None)).reason == MALFORMED
    assert letter(binary({"specversion": "1.0"}, b"{", key=None)).reason == MISSING_ID
    assert letter(binary(attributes(type=None), b"{", key=None)).reason == UNKNOWN_TYPE
    assert letter(binary(body=b"{", key=None)).reason == INVALID
    assert letter(binary(key=None)).reason == KEY_MISMATCH
    assert not isinstance(read_command(binary(), LIMITS), DeadLetter)


def test_a_value_of_the_largest_size_is_read() -> None:
    value = json.dumps(INITIATE).encode()
    assert not isinstance(read_command(binary(body=value.ljust(LIMITS.max_bytes)), LIMITS), DeadLetter)
    assert letter(binary(body=value.ljust(LIMITS.max_bytes + 1))).reason == TOO_LARGE


def test_a_number_too_long_to_be_meant_is_wrong_only_where_it_is_read() -> None:
    digits = b"9" * 10_000
    amount = b'{"paymentId":"p-1","amount":{"value":' + digits + b',"currency":"DKK"}}'
    dead = letter(binary(attributes(type="payment.capture"), amount))
    assert dead.reason == INVALID and dead.message.startswith("amount.value: must be")
    unknown = b'{"paymentId":"p-1","x":-' + digits + b"}"
    assert not isinstance(
        read_command(binary(attributes(type="payment.cancel"), unknown), LIMITS), DeadLetter
    )


def test_the_type_is_named_only_where_it_is_one_of_ours() -> None:
    assert letter(binary(attributes(id=None))).type == "payment.initiate"
    assert letter(binary(attributes(id=None, type="payment.steal"))).type is None
    assert letter(binary(attributes(type="payment.steal"))).type is None
    assert letter(binary(key=None)).type == "payment.initiate"


def test_messages_show_no_value() -> None:
    secret = "hunter22 +4520031801"
    for body in (
        dict.fromkeys(INITIATE, secret),
        {name: {secret: secret} for name in INITIATE},
        data(amount={"value": secret, "currency": secret}),
        data(label=secret * 9, merchantVatNumber=secret, capture=secret),
        secret,
        secret.encode(),
    ):
        assert "hunter22" not in letter(binary(body=body)).message
    assert "hunter22" not in letter(binary(attributes(type=secret))).message
    assert "hunter22" not in letter(binary(attributes(time=secret))).message


def test_a_dead_letter_keeps_the_bytes_and_says_why() -> None:
    headers: tuple[tuple[str, bytes | None], ...] = (
        ("b", None),
        ("a", b"\xff"),
        ("b", b""),
        ("ce_id", b"m-1"),
    )
    record = RecordParts(b"\x00", b"\xfe", headers, NOW_MS)
    origin = Origin("payments.commands.v1", 3, 17)
    dead = write_dead_letter(record, origin, DeadLetter(INVALID, "label: é\ud800"), "0.1.0")
    assert dead == Wire(
        b"\x00",
        b"\xfe",
        (
            *headers,
            ("dlq.reason", b"invalid_data"),
            ("dlq.message", "label: é?".encode()),
            ("dlq.topic", b"payments.commands.v1"),
            ("dlq.partition", b"3"),
            ("dlq.offset", b"17"),
            ("dlq.timestamp", b"1777898700000"),
            ("dlq.version", b"0.1.0"),
        ),
    )


def test_a_dead_letter_of_nothing_and_of_one_that_came_back() -> None:
    came: tuple[tuple[str, bytes | None], ...] = (("dlq.replays", b"2"), ("dlq.reason", b"too_large"))
    record = RecordParts(None, None, came, NOW_MS)
    dead = write_dead_letter(record, Origin("t", 0, 0), DeadLetter(INVALID, "x" * 9_999), "0.1.0")
    assert (dead.key, dead.value) == (None, None)
    assert dead.headers[:2] == came
    read = dict(dead.headers)
    assert (read["dlq.replays"], read["dlq.reason"]) == (b"2", b"invalid_data")
    assert len(read["dlq.message"] or b"") == 500
