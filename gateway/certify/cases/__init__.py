"""The cases, group by group of the checklist. A case gets its stage and says what it found, item by item."""

from typing import Final

from gateway.certify.cases import (
    cancels,
    captures,
    certification,
    formats,
    keys,
    payments,
    places,
    polling,
    prepared,
    refunds,
    retries,
    tls,
    transport,
)
from gateway.certify.findings import Case

_ROOMS: Final = (
    transport, tls, keys, retries, polling, payments, prepared, captures, cancels, refunds, places, formats,
    certification,
)  # fmt: skip

ALL: Final[tuple[Case, ...]] = tuple(case for room in _ROOMS for case in room.CASES.all)
