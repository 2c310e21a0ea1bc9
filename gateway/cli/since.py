"""`--since`: a time, or how long ago."""

import re
import time
from typing import Annotated, Final

import typer

from gateway.codec.times import read_time

_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def since_ms(text: str, now_ms: int) -> int | None:
    """`2026-05-04T12:30:00Z`, or `90s`, `15m`, `24h`, `7d` before `now_ms`; ms of the epoch, None for anything
    else.
    """
    ago = _AGO.fullmatch(text)
    return now_ms - int(ago[1]) * _UNIT_MS[ago[2]] if ago is not None else read_time(text)


def _read(text: str) -> int:
    found = since_ms(text, time.time_ns() // 1_000_000)
    if found is None:
        raise typer.BadParameter(
            "must be a time such as 2026-05-04T12:30:00Z, or an age such as 15m, 24h, 7d"
        )
    return found


Since = Annotated[
    int | None,
    typer.Option(
        "--since",
        parser=_read,
        metavar="TIME|AGE",
        help="From then on: an RFC 3339 time, or 15m, 24h, 7d ago.",
    ),
]
