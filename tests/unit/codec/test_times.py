"""Times on the wire, compared with the standard library's own reading of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec.times import read_time, write_time

FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01T00:00:00.1Z", 100),
        ("1970-01-01T00:00:00.123999999999999999999Z", 123),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("0001-01-01T00:00:00Z", FIRST_MS),
        ("9999-12-31T23:59:59.999Z", LAST_MS),
    ],
)
def test_times_that_are_read(text: str, ms: int) -> None:
    assert read_time(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-05-04",
        "2026-05-04T12:30Z",
        "2026-05-04T12:30:00",
        "2026-05-04 12:30:00Z",
        "2026-05-04T12:30:00.Z",
        "2026-05-04T12:30:00,5Z",
        "2026-05-04T12:30:00+0200",
        "2026-05-04T12:30:00+24:00",
        "2026-05-04T12:30:00+02:60",
        "2026-05-04T24:00:00Z",
        "2026-05-04T12:60:00Z",
        "2026-05-04T12:30:61Z",
        "2026-02-30T12:30:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-00:01",
        "12026-05-04T12:30:00Z",
        "2026-W18-1T12:30:00Z",
        "2026-05-04T12:30:00Z\n",
        " 2026-05-04T12:30:00Z",
        "\u0662026-05-04T12:30:00Z",
        "1777898700",
    ],
)
def test_times_that_are_refused(text: str) -> None:
    assert read_time(text) is None


@given(st.integers(FIRST_MS, LAST_MS))
def test_what_is_written_is_read_back(ms: int) -> None:
    text = write_time(ms)
    assert read_time(text) == ms
    assert len(text) == 24 and text.endswith("Z")
    expected = datetime.fromisoformat(text)
    assert expected.tzinfo == UTC
    assert (expected - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() == pytest.approx(ms / 1000, abs=1e-4)


@given(st.integers())
def test_any_number_can_be_written(ms: int) -> None:
    assert read_time(write_time(ms)) == min(max(ms, FIRST_MS), LAST_MS)


@given(st.datetimes(timezones=st.timezones()).filter(lambda t: t.utcoffset().seconds % 60 == 0))  # type: ignore[union-attr]
def test_offsets_are_read_as_the_standard_library_does(time: datetime) -> None:
    read = read_time(time.isoformat())
    try:
        utc = time.astimezone(UTC)
    except OverflowError:
        assert read is None
        return
    assert read == (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
