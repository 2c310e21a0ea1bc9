"""Times on the wire: RFC 3339 in, RFC 3339 in UTC with milliseconds and `Z` out; inside, ms of the epoch."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_IN_UTC: Final = _EPOCH.replace(tzinfo=None)
_MS: Final = timedelta(milliseconds=1)
_FIRST_MS: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MS
_LAST_MS: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MS


def read_time(text: str) -> int | None:
    """ms of the epoch, digits below cut off; None if `text` is no RFC 3339 time of the years 1 to 9999.

    A leap second is read as the second after it. Offsets are required; a space in place of the `T` is
    refused.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    date, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    leap = second == "60"
    try:
        local = datetime.fromisoformat(f"{date}T{minute}:{'59' if leap else second}+00:00")
    except ValueError:
        return None
    ms = (local - _EPOCH) // _MS + (1000 if leap else 0)
    if fraction is not None:
        ms += int(fraction[:3].ljust(3, "0"))
    if sign is not None:
        hours, minutes = int(offset_hours), int(offset_minutes)
        if hours > 23 or minutes > 59:
            return None
        ms -= (60_000 if sign == "+" else -60_000) * (60 * hours + minutes)
    return ms if _FIRST_MS <= ms <= _LAST_MS else None


def write_time(ms: int) -> str:
    """`2026-05-04T12:30:00.123Z`. What lies outside the years 1 to 9999 is written as the nearest time
    inside.
    """
    time = _EPOCH_IN_UTC + min(max(ms, _FIRST_MS), _LAST_MS) * _MS
    return time.isoformat(timespec="milliseconds") + "Z"
