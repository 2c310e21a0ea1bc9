"""What is read besides commands: whatever bytes come, an answer, or the one exception that its caller awaits."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.codec import RecordParts, decode_point_of_sale, decode_state, encode_state
from gateway.codec.dead_letters import read_note
from gateway.codec.notifications import read_notification
from gateway.codec.replays import Lineages, Obstacle, Replay, replay
from gateway.domain.state import PaymentState
from tests.unit.codec.records import NOW_MS
from tests.unit.codec.test_properties import FIELDS, HEADER_VALUES, JSON

DLQ_NAMES = st.sampled_from(
    [
        *("dlq.reason", "dlq.message", "dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp"),
        *("dlq.version", "dlq.replays", "dlq.", "ce_time", "content-type"),
    ]
)
STRUCTURED = st.just(b"application/cloudevents+json")
WRITTEN = encode_state(PaymentState("p-1"))
ANYTHING = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


@given(ANYTHING | st.dictionaries(st.just("MerchantPosId"), JSON).map(lambda it: json.dumps(it).encode()))
def test_any_notification_names_a_till_or_nothing(body: bytes) -> None:
    name = read_notification(body)
    assert name is None or 0 < len(name) <= 36


@given(
    ANYTHING | st.dictionaries(FIELDS, JSON).map(lambda it: json.dumps({"payment_id": "p-1", **it}).encode())
)
def test_any_state_record_is_read_or_refused(value: bytes) -> None:
    for decode in (decode_state, decode_point_of_sale):
        with contextlib.suppress(ValidationError):
            decode(value)


@given(st.integers(0, len(WRITTEN)), st.binary(max_size=4))
def test_a_spoilt_state_record_is_read_or_refused(place: int, spoilt: bytes) -> None:
    with contextlib.suppress(ValidationError):
        decode_state(WRITTEN[:place] + spoilt + WRITTEN[place + len(spoilt) :])


@given(
    st.none() | st.binary(max_size=40),
    st.none() | ANYTHING,
    st.lists(st.tuples(DLQ_NAMES, HEADER_VALUES | STRUCTURED), max_size=8).map(tuple),
    st.integers(0, 2**63 - 1),
    st.booleans(),
)
def test_any_dead_letter_is_replayed_or_told_why_not(
    key: bytes | None,
    value: bytes | None,
    headers: tuple[tuple[str, bytes | None], ...],
    timestamp_ms: int,
    renew_time: bool,
) -> None:
    letter = RecordParts(key, value, headers, timestamp_ms)
    note, found = read_note(headers), replay(letter, NOW_MS, renew_time)
    match found:
        case Obstacle():
            assert note.replays >= 3 or found is Obstacle.SKIPPED
        case Replay():
            assert found.key == key and note.replays < 3
            assert read_note(found.headers).replays == note.replays + 1
            assert renew_time or found.value == value
    lines = Lineages()
    lines.add(letter)
    assert not lines.superseded(letter)
