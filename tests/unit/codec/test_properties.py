"""Whatever bytes come: an answer, never an exception; and the same meaning in both modes."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codec import DeadLetter, Origin, RecordParts, read_command, write_dead_letter
from gateway.codec.command_data import COMMANDS
from gateway.codec.formats import CHARACTERS
from gateway.codec.times import write_time
from gateway.domain.commands import InitiatePayment, Message
from gateway.sandbox.formats import valid_id
from tests.unit.codec.records import LIMITS, NOW_MS, attributes, binary, data, structured, structured_bytes

HEADER_NAMES = st.sampled_from(
    [
        *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_expirytime", "ce_correlationid"),
        *("content-type", "traceparent", "tracestate", "dlq.reason", "ce_", ""),
    ]
) | st.text(max_size=8)
HEADER_VALUES = (
    st.none() | st.binary(max_size=40) | st.text(max_size=20).map(lambda t: t.encode("utf-8", "ignore"))
)
TOLD = st.sampled_from(
    [
        *(b"1.0", b"/orders", b"payment.initiate", b"payment.cancel", b"application/json"),
        *(b"application/cloudevents+json", b"2026-05-04T12:45:00Z"),
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        *(
            "paymentId",
            "posId",
            "amount",
            "value",
            "currency",
            "orderId",
            "plannedCaptureDelay",
            "capture",
            "label",
        ),
        *(
            "restrictions",
            "approvalTimeoutSeconds",
            "whenBusy",
            "merchantVatNumber",
            "merchantPosId",
            "seconds",
        ),
    ]
)


def judged(record: RecordParts) -> Message | DeadLetter:
    """Reads the record; what is refused can always be written as a dead letter with its bytes."""
    result = read_command(record, LIMITS)
    if isinstance(result, DeadLetter):
        wire = write_dead_letter(record, Origin("t", 1, 2), result, "0.1.0")
        assert (wire.key, wire.value) == (record.key, record.value)
        assert wire.headers[: len(record.headers)] == record.headers
        assert result.message.isprintable() and 0 < len(result.message) <= 1_000
    return result


@given(
    st.none() | st.binary(max_size=40),
    st.none() | st.binary(max_size=200),
    st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES | TOLD), max_size=10).map(tuple),
    st.integers(-1, 2**63 - 1),
)
def test_any_bytes_are_judged(
    key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes | None], ...], timestamp_ms: int
) -> None:
    judged(RecordParts(key, value, headers, timestamp_ms))


@given(
    st.sampled_from(sorted(COMMANDS)), JSON | st.dictionaries(FIELDS, JSON | st.dictionaries(FIELDS, JSON))
)
@settings(max_examples=300)
def test_any_json_is_judged_alike_in_both_modes(type_: str, body: Any) -> None:
    given_attributes = attributes(type=type_)
    one, other = judged(binary(given_attributes, body)), judged(structured(given_attributes, body))
    if body is not None:
        assert one == other or "NaN" in json.dumps(body) or "Infinity" in json.dumps(body)
    assert isinstance(one, Message) == isinstance(other, Message)


@given(st.dictionaries(st.sampled_from([*attributes(), "time", "data", "data_base64", "traceparent"]), JSON))
def test_any_structured_attributes_are_judged(members: dict[str, Any]) -> None:
    judged(structured_bytes(json.dumps({**attributes(), **members}).encode()))


@given(st.binary(max_size=300))
def test_any_structured_bytes_are_judged(value: bytes) -> None:
    judged(structured_bytes(value))
    judged(structured_bytes(json.dumps({**attributes(), "data": data()}).encode()[:-2] + value))


TEXTS = st.text(
    st.sampled_from([chr(code) for code in range(32, 127)] + list(CHARACTERS[3:])), min_size=1, max_size=36
)


@st.composite
def initiates(draw: st.DrawFn) -> dict[str, Any]:
    optional = {
        "orderId": TEXTS,
        "label": TEXTS,
        "plannedCaptureDelay": st.sampled_from(["none", "lessThan24Hours", "lessThan14Days"]),
        "capture": st.sampled_from(["manual", "automatic"]),
        "whenBusy": st.sampled_from(["reject", "wait"]),
        "approvalTimeoutSeconds": st.integers(1, 3600),
        "restrictions": st.fixed_dictionaries(
            {}, optional={"debitCardDisallowed": st.booleans(), "creditCardDisallowed": st.booleans()}
        ),
        "merchantVatNumber": st.from_regex(r"(?:DK|FI)[0-9]{8}", fullmatch=True),
    }
    required = {
        "paymentId": TEXTS,
        "posId": st.uuids().map(str),
        "amount": st.fixed_dictionaries(
            {"value": st.integers(1, 10**12), "currency": st.sampled_from(["DKK", "EUR"])}
        ),
    }
    return draw(st.fixed_dictionaries(required, optional=optional))


@given(initiates(), st.randoms(use_true_random=False), st.booleans())
def test_valid_commands_are_understood_alike_however_they_are_written(
    body: dict[str, Any], order: Any, escaped: bool
) -> None:
    key = body["paymentId"].encode()
    message = read_command(structured(body=body, key=key), LIMITS)
    assert isinstance(message, Message) and isinstance(message.data, InitiatePayment)
    assert message.data.amount.value == body["amount"]["value"]
    assert message.data.label == body.get("label")
    assert (message.data.order_id or message.data.payment_id) == body.get("orderId", body["paymentId"])
    shuffled = list({**body, "more": {"x": [None]}, "nothing": None}.items())
    order.shuffle(shuffled)
    text = json.dumps(dict(shuffled), ensure_ascii=escaped, indent=1)
    assert read_command(binary(body=text.encode(), key=key), LIMITS) == message


@given(st.text(max_size=40))
@example("\u00f7")
@example("x" * 37)
def test_texts_are_those_that_the_api_takes(text: str) -> None:
    result = judged(binary(body=data(orderId=text)))
    assert isinstance(result, Message) == valid_id(text)


@given(st.sampled_from(sorted({chr(code) for code in range(0x250)})))
def test_each_character_is_judged_as_the_simulator_does(character: str) -> None:
    assert isinstance(judged(binary(body=data(label=character))), Message) == valid_id(character)


@given(st.integers(-(2**70), 2**70))
def test_expiry_and_times_are_bounded(ms: int) -> None:
    result = judged(binary(attributes(expirytime=write_time(ms)), timestamp_ms=NOW_MS))
    assert isinstance(result, Message) and result.expires_at_ms <= NOW_MS + 6 * 86_400_000
