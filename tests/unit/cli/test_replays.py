"""Which dead letters go back, and as what: bytes, identity, age and the number of rounds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.dead_letters import DeadLetter, Filter, summary, whole
from gateway.cli.shown import as_text
from gateway.cli.since import since_ms
from gateway.codec.dead_letters import (
    DeadLetter as Verdict,
)
from gateway.codec.dead_letters import (
    Origin,
    Skip,
    read_note,
    write_dead_letter,
    write_skip,
)
from gateway.codec.records import Headers, RecordParts
from gateway.codec.replays import Lineages, Obstacle, Replay, replay
from gateway.domain.vocabulary import DeadLetterReason

CAME_MS = 1_777_898_700_000
NOW_MS = CAME_MS + 3_600_000
NOW = b"2026-05-04T13:45:00.000Z"
ORIGIN = Origin("commands", 3, 41)
BINARY: Headers = (
    ("ce_id", b"m-1"),
    ("ce_source", b"/orders"),
    ("ce_time", b"2026-05-04T12:44:00Z"),
    ("odd", None),
    ("raw", b"\xff\x00"),
)
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=utf-8"),)


def dead(record: RecordParts, origin: Origin = ORIGIN) -> RecordParts:
    """As the gateway writes it, an hour after it came."""
    wire = write_dead_letter(
        record, origin, Verdict(DeadLetterReason.INVALID_DATA, "amount: missing"), "1.2.3"
    )
    return RecordParts(wire.key, wire.value, wire.headers, NOW_MS)


def came(headers: Headers = BINARY, value: bytes | None = b"{}", key: bytes | None = b"p-1") -> RecordParts:
    return RecordParts(key, value, headers, CAME_MS)


def sent(letter: RecordParts, renew_time: bool = False) -> Replay:
    judged = replay(letter, NOW_MS, renew_time)
    assert isinstance(judged, Replay), judged
    return judged


def back(record: Replay) -> RecordParts:
    """The replay as the gateway meets it, and dead-letters it again."""
    given_ms = NOW_MS if record.timestamp_ms is None else record.timestamp_ms
    return dead(RecordParts(record.key, record.value, record.headers, given_ms))


def test_a_replay_is_the_record_as_it_came_and_one_count() -> None:
    again = sent(dead(came()))
    assert (again.key, again.value) == (b"p-1", b"{}")
    assert again.headers == (*BINARY, ("dlq.replays", b"1"))


def test_the_fourth_round_is_refused() -> None:
    letter = dead(came())
    for count in (1, 2, 3):
        again = sent(letter)
        assert again.headers == (*BINARY, ("dlq.replays", str(count).encode()))
        letter = back(again)
        assert read_note(letter.headers).replays == count
    assert replay(letter, NOW_MS, False) is Obstacle.TOO_OFTEN
    assert replay(letter, NOW_MS, True) is Obstacle.TOO_OFTEN


def test_a_sender_cannot_reset_the_count() -> None:
    copied = came((*BINARY, ("dlq.replays", b"3"), ("dlq.replays", b"0"), ("dlq.reason", b"mine")))
    assert replay(dead(copied), NOW_MS, False) is Obstacle.TOO_OFTEN
    assert sent(dead(came((*BINARY, ("dlq.replays", b"many"), ("dlq.x", None))))).headers == (
        *BINARY,
        ("dlq.replays", b"1"),
    )


def test_a_skipped_batch_is_nothing_to_send() -> None:
    wire = write_skip(Skip(ORIGIN, 44, "UnicodeDecodeError", "ann@desk", NOW_MS), "1.2.3")
    assert replay(RecordParts(wire.key, wire.value, wire.headers, NOW_MS), NOW_MS, False) is Obstacle.SKIPPED
    assert json.loads(wire.value or b"") == {
        "topic": "commands",
        "partition": 3,
        "offset": 41,
        "nextOffset": 44,
        "error": "UnicodeDecodeError",
        "skippedBy": "ann@desk",
        "skippedAt": "2026-05-04T13:45:00.000Z",
    }
    note = read_note(wire.headers)
    assert (note.reason, note.topic, note.partition, note.offset) == ("skipped", "commands", 3, 41)
    assert note.message == "3 offsets that cannot be decoded (UnicodeDecodeError) were skipped by ann@desk"


def test_the_age_stays_unless_it_is_renewed() -> None:
    assert sent(dead(came())).timestamp_ms is None
    assert dict(sent(dead(came())).headers)["ce_time"] == b"2026-05-04T12:44:00Z"
    timeless = tuple(header for header in BINARY if header[0] != "ce_time")
    assert sent(dead(came(timeless))).timestamp_ms == CAME_MS
    assert back(sent(dead(came(timeless)))).timestamp_ms == NOW_MS
    assert sent(back(sent(dead(came(timeless))))).timestamp_ms == CAME_MS


def test_renewing_sets_the_time_and_leaves_the_expiry() -> None:
    headers = (*BINARY, ("ce_expirytime", b"2026-05-04T13:00:00Z"))
    again = sent(dead(came(headers)), renew_time=True)
    assert dict(again.headers) == {**dict(headers), "ce_time": NOW, "dlq.replays": b"1"}
    assert again.timestamp_ms is None
    timeless = tuple(header for header in BINARY if header[0] != "ce_time")
    renewed = sent(dead(came(timeless)), renew_time=True)
    assert (renewed.timestamp_ms, renewed.headers[:-1]) == (None, timeless)


def test_renewing_inside_structured_json_touches_no_other_byte() -> None:
    value = '{ "id":"m-ø" , "time" :\n"2026-05-04T12:44:00Z", "data":{"time":1.50,"x":1e2}}'.encode()
    again = sent(dead(came(STRUCTURED, value)), renew_time=True)
    assert again.value == value.replace(b"2026-05-04T12:44:00Z", NOW)
    assert sent(dead(came(STRUCTURED, value))).value == value


@pytest.mark.parametrize(
    "value",
    [None, b"", b"{", b"[1]", b"\xff", b'{"time":5}', b'{"time":"a","time":"b"}', b'{"a":1', b"[" * 9000],
)
def test_what_has_no_one_time_is_left_as_it_is(value: bytes | None) -> None:
    assert sent(dead(came(STRUCTURED, value)), renew_time=True).value == value


@given(
    st.dictionaries(
        st.text(max_size=5), st.recursive(st.none() | st.text() | st.integers(), st.lists), max_size=4
    ),
    st.booleans(),
)
def test_any_structured_value_keeps_all_but_its_time(members: dict[str, object], ascii_only: bool) -> None:
    body = {**members, "time": "2026-05-04T12:44:00Z"}
    value = json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    again = sent(dead(came(STRUCTURED, value)), renew_time=True)
    try:
        value.decode()
    except UnicodeDecodeError:
        assert again.value == value
    else:
        assert json.loads(again.value or b"") == {**body, "time": NOW.decode()}


@pytest.mark.parametrize("renew_time", [False, True])
def test_of_one_line_only_the_newest_is_sent(renew_time: bool) -> None:
    value = b'{"time":"2026-05-04T12:44:00Z","id":"m-1"}'
    for first in (dead(came()), dead(came(STRUCTURED, value))):
        second = back(sent(first, renew_time))
        third = back(sent(second, renew_time))
        other = dead(came(key=b"p-2"))
        lineages = Lineages()
        for letter in (first, second, third, other):
            lineages.add(letter)
        assert [lineages.superseded(letter) for letter in (first, second, third, other)] == [
            True,
            True,
            False,
            False,
        ]


def test_two_that_were_sent_alike_are_both_there() -> None:
    lineages = Lineages()
    for letter in (dead(came()), dead(came(), Origin("commands", 3, 42))):
        lineages.add(letter)
        assert not lineages.superseded(letter)


def test_filters() -> None:
    letter = DeadLetter(1, 7, dead(came(value=b'{"paymentId":"p-9"}')))
    for takes in (
        Filter(),
        Filter(("unknown_type", "invalid_data")),
        Filter(key="p-1"),
        Filter(payment="p-1"),
        Filter(payment="p-9"),
        Filter(since_ms=NOW_MS),
    ):
        assert takes.takes(letter)
    for refuses in (
        Filter(("unknown_type",)),
        Filter(key="p-9"),
        Filter(payment="p-2"),
        Filter(since_ms=NOW_MS + 1),
    ):
        assert not refuses.takes(letter)


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff\x00", b"[1]", b'{"data":[]}', b'{"id":7,"specversion":"1.0"}']
)
@pytest.mark.parametrize("key", [None, b"", b"\xff"])
def test_anything_can_be_shown_and_had_again(key: bytes | None, value: bytes | None) -> None:
    letter = DeadLetter(0, 0, RecordParts(key, value, BINARY, NOW_MS))
    line = json.loads(json.dumps(whole(letter)))
    assert line["valueBytes"] == (None if value is None else len(value))
    assert line["headers"][3:] == [
        {"name": "odd", "value": None},
        {"name": "raw", "value": {"base64": "/wA="}},
    ]
    assert summary(letter)["id"] == "m-1"
    assert "\x1b" not in as_text(b"\x1b[2J")


def test_the_identity_of_a_structured_one_is_told() -> None:
    value = b'{"specversion":"1.0","id":"m-7","source":"/a","type":"payment.cancel"}'
    told = summary(DeadLetter(0, 0, dead(came(STRUCTURED, value))))
    assert (told["id"], told["source"], told["type"]) == ("m-7", "/a", "payment.cancel")
    assert told["origin"] == {
        "topic": "commands",
        "partition": 3,
        "offset": 41,
        "timestamp": "2026-05-04T12:45:00.000Z",
    }


def test_since() -> None:
    assert since_ms("2026-05-04T12:45:00Z", 0) == CAME_MS
    assert since_ms("90s", NOW_MS) == NOW_MS - 90_000
    assert since_ms("7d", NOW_MS) == NOW_MS - 7 * 86_400_000
    for wrong in ("", "yesterday", "-1h", "1w", "2026-05-04"):
        assert since_ms(wrong, NOW_MS) is None
