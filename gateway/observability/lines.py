"""Lines of what happens to payments, at a fraction of what a line costs otherwise.

An entry that goes through structlog and the standard library's logging costs more CPU than all the rest of a
command, and at level info each command leads to several. So these are put together by hand, those of a transaction
written in one go, to the very handler that all others end in. One quick pattern lets only pass what redaction
would leave as it is and JSON need not escape; whatever else, and each entry for people's eyes, goes the usual way.
`tests/bench/bench_observing.py` measures both. Refused: a queue and a thread of its own, which costs as much for
each entry and loses the last of them in a crash.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.observability import logs

_LEVELS: Final = {logging.INFO: "info", logging.WARNING: "warning"}


@dataclass(slots=True)
class Line:
    """One entry: `event` is its text and our own; a field that is None is left out."""

    event: str
    fields: Mapping[str, str | int | None]
    level: int = logging.INFO


class LineWriter:
    """Writes under one logger's name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger = logging.getLogger(name)
        self._usual = logs.get_logger(name)

    def hears(self, level: int) -> bool:
        return self._logger.isEnabledFor(level)

    def write(self, lines: Iterable[Line]) -> None:
        """All of them in their order, with the time of now. Never raises."""
        direct = logs.direct()
        time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        ready: list[str] = []
        for line in lines:
            if not self._logger.isEnabledFor(line.level):
                continue
            text = None if direct is None else self._plainly(line, time, direct)
            if text is not None:
                ready.append(text)
                continue
            if direct is not None and ready:
                direct.write(ready)
                ready = []
            known = {name: value for name, value in line.fields.items() if value is not None}
            self._usual.log(line.level, line.event, **known)
        if direct is not None and ready:
            direct.write(ready)

    def _plainly(self, line: Line, time: str, direct: logs.Direct) -> str | None:
        """The line as JSON, None where something in it may have to be masked or escaped."""
        words = parts = ""
        for name, value in line.fields.items():
            if value.__class__ is int:
                parts += f', "{name}": {value}'
            elif value is not None:
                words += f"\n{value}"
                parts += f', "{name}": "{value}"'
        if not direct.redaction.leaves(words):
            return None
        head = f'"time": "{time}", "level": "{_LEVELS[line.level]}", "logger": "{self._name}"'
        return f'{{{head}, "event": "{line.event}"{parts}}}'
