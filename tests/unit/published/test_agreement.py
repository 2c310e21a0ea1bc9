"""The schemas of commands and the reader of commands take the same data.

Where they differ by nature, it is said here: a null is a field that was not given, before any schema is asked; and
JSON Schema takes 1.0 for an integer, which the reader does not. Fields that stand twice no schema sees.
"""

import copy
import json
import random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codec import CommandLimits, DeadLetter, RecordParts, read_command
from gateway.codec.command_data import COMMANDS
from gateway.codec.commands import NOTIFICATION_SOURCE
from gateway.codec.formats import CHARACTERS
from gateway.domain.commands import Message
from gateway.published.examples import AT_MS
from gateway.published.examples import COMMANDS as DATA
from tests.conformity import SCHEMAS, validator

ODD: Final[list[Any]] = [
    *(None, True, False, 0, 1, -1, 3600, 3601, 10**12, 10**12 + 1, 10**450, 1.0, 1.5, 1e300, "", " ", "x"),
    *(
        "x" * 36,
        "x" * 37,
        "Æ" * 36,
        "Æ" * 37,
        "\U0001f600",
        "x\n",
        "\x7f",
        "DKK",
        "EUR",
        "dkk",
        "manual",
        "wait",
    ),
    *(
        "DK12345678",
        "DK12345678\n",
        "SE12345678",
        "123456789012345",
        "1" * 14,
        "5F1C9B8E-0000-4000-8000-94C0BDD1C4BB",
    ),
    *("5f1c9b8e00004000800094c0bdd1c4bb", "{5f1c9b8e-0000-4000-8000-94c0bdd1c4bb}", [], ["QR"], ["QR", "QR"]),
    *(["QR", "NFC", "Bluetooth"], ["qr"], [None], [1], {}, {"value": 1}, {"value": 1.0, "currency": "DKK"}),
    *(
        {"value": True, "currency": "EUR"},
        {"value": 1, "currency": "EUR", "more": {}},
        "none",
        "lessThan14Days",
    ),
]
"""What a field may be given instead: at the edges, of another type, of another field."""

TEXTS = st.text(st.sampled_from(CHARACTERS) | st.characters(codec="utf-8"), max_size=38)
VALUES = st.sampled_from(ODD) | TEXTS | st.integers(-2, 3602) | st.floats()


def without_nulls(value: Any) -> Any:
    """As the reader takes it: a null in an object is not there."""
    match value:
        case dict():
            return {name: without_nulls(each) for name, each in value.items() if each is not None}
        case list():
            return [without_nulls(each) for each in value]
        case _:
            return value


def has_whole_float(value: Any) -> bool:
    match value:
        case dict():
            return any(map(has_whole_float, value.values()))
        case list():
            return any(map(has_whole_float, value))
        case float():
            return value.is_integer()
        case _:
            return False


def takes(type_: str, data: Any) -> bool:
    """Whether the reader takes it, whatever the key."""
    source = NOTIFICATION_SOURCE if type_ == "checkin.notified" else "/orders"
    attributes = {"ce_specversion": "1.0", "ce_id": "m-1", "ce_source": source, "ce_type": type_}
    headers = tuple((name, text.encode()) for name, text in attributes.items())
    key = data.get(
        "paymentId" if "paymentId" in SCHEMAS[f"commands/{type_}"]["properties"] else "merchantPosId"
    )
    raw = json.dumps(data).encode()
    record = RecordParts(key.encode() if isinstance(key, str) else b"", raw, headers, AT_MS)
    result = read_command(record, CommandLimits())
    assert isinstance(result, Message) or result.reason in ("invalid_data",), result
    return isinstance(result, Message)


def agree(type_: str, data: dict[str, Any]) -> bool:
    """Whether both take it; fails where one alone does."""
    taken, valid = takes(type_, data), validator(f"commands/{type_}").is_valid(without_nulls(data))
    if has_whole_float(data):
        assert valid or not taken, (type_, data)
    else:
        assert valid == taken, (type_, data, taken)
    return taken


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in the data, itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, each in inner for place in [(*path, name), *places(each, (*path, name))]]


def changed(data: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """`value` ... takes away what stands there."""
    whole = copy.deepcopy(data)
    inner: Any = whole
    for name in place[:-1]:
        inner = inner[name]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return whole


@pytest.mark.parametrize("type_", COMMANDS)
def test_both_judge_each_field_alike_at_its_edges(type_: str) -> None:
    data = DATA[type_]
    assert agree(type_, data)
    for place in places(data):
        judged = [agree(type_, changed(data, place, value)) for value in [*ODD, ...]]
        assert not all(judged), f"{type_} {place} may be anything"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(COMMANDS)), st.integers(0, 2**32), st.lists(VALUES, min_size=1, max_size=3))
def test_both_judge_any_change_alike(type_: str, seed: int, values: list[Any]) -> None:
    draws, data = random.Random(seed), DATA[type_]
    for value in values:
        found = places(data)
        if found:
            data = changed(data, draws.choice(found), value)
    agree(type_, data)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_correlationid", "ce_other"]),
        st.sampled_from(
            ["1.0", "1", "", " ", "\u00a0", "m-1", "x" * 512, "x" * 513, "a\nb", "\x85", "payment.cancel"]
        )
        | st.text(st.characters(codec="utf-8"), max_size=20),
    )
)
def test_the_envelope_is_judged_alike(given_headers: dict[str, str]) -> None:
    """Longer than 512 bytes but not characters is the one thing that the schema cannot say."""
    usual = {"ce_specversion": "1.0", "ce_id": "m-1", "ce_source": "/orders", "ce_type": "payment.cancel"}
    named = {**usual, **given_headers}
    headers = tuple((name, text.encode()) for name, text in named.items())
    result = read_command(RecordParts(b"p-1", b'{"paymentId":"p-1"}', headers, AT_MS), CommandLimits())
    readable = isinstance(result, Message) or result.reason in ("invalid_data", "key_mismatch")
    own = isinstance(result, DeadLetter) and result.message == "type: only the gateway itself sends it"
    too_long = any(len(text.encode()) > 512 for text in named.values())
    assert validator("commands/headers").is_valid(named) == (readable or own) or too_long, (named, result)
