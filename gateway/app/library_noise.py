"""What the libraries underneath log by themselves, kept to what the service does not say itself.

While a broker is away aiokafka logs some hundred lines a second; the service says it in one. What is about other
things (rights, protocol, a rebalance that fails) is let through once a minute, in one line, without a trace.
"""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

_OF_THE_BROKER: Final = ("aiokafka", "faststream")
_LIBRARIES: Final = (*_OF_THE_BROKER, "opentelemetry", "urllib3")
_AWAY: Final = (
    "Unable connect",
    "Unable to update metadata",
    "Unable to request metadata",
    "Marking the coordinator dead",
    "KafkaConnectionError",
    "NodeNotReadyError",
    "RequestTimedOutError",
    "TimeoutError",
    "CoordinatorNotAvailableError",
)
_AGAIN_SECONDS: Final = 60.0
_REMEMBERED: Final = 1_000


class LibraryNoise(logging.Filter):
    """For the handlers of a process; at level debug it is not to be installed."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        library = record.name.split(".")[0]
        if library not in _LIBRARIES:
            return True
        text = record.getMessage()
        if library in _OF_THE_BROKER and any(words in text for words in _AWAY):
            return False
        now, kind = self._clock(), (record.name, str(record.msg))
        if now - self._said.get(kind, float("-inf")) < _AGAIN_SECONDS:
            return False
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[kind] = now
        if record.exc_info and record.exc_info[0] is not None:
            record.msg, record.args = f"{text} ({record.exc_info[0].__name__})", ()
        record.exc_info = record.exc_text = None
        return True


def install() -> None:
    """On every handler that the root logger has now."""
    noise = LibraryNoise()
    for handler in logging.getLogger().handlers:
        handler.addFilter(noise)
