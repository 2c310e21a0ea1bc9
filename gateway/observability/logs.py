"""Logs: one line an event, JSON for machines or plain for people, with nothing in it that must not be seen.

Every logger of the process, ours and the libraries', ends in the one handler that `configure` installs, and
there each entry passes the redaction, so that no call site has to think of it. Chosen: structlog in front
of the standard library's logging, since the libraries underneath use that. A library that brings handlers
of its own (FastStream does, and stops propagation) is taken over by name; it must be given a logger in
place of one that it makes later.
"""

import contextlib
import json
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from gateway.observability.redaction import Redaction

_QUIET: Final = ("aiokafka", "asyncio", "faststream", "httpcore", "httpx", "uvicorn", "uvicorn.access")
"""Libraries that tell at level info of every request or fetch; heard from warning on, and wholly at debug."""

_TAKEN_OVER: Final = (
    *_QUIET,
    "aiohttp",
    "faststream.access",
    "faststream.access.kafka",
    "uvicorn.error",
    "py.warnings",
)


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """`json`: one object a line; `console`: for people."""

    JSON = "json"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class LogOptions:
    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.JSON


class _Handler(logging.StreamHandler[TextIO]):
    """The standard one tells of an entry that cannot be written by showing it whole, unredacted."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        with contextlib.suppress(OSError, ValueError):
            told = {"level": "error", "logger": record.name, "event": "a log entry cannot be written"}
            self.stream.write(json.dumps(told) + self.terminator)


@dataclass(frozen=True, slots=True)
class Direct:
    """The way past structlog, for lines that are JSON already: see `gateway.observability.lines`."""

    handler: _Handler
    redaction: Redaction

    def write(self, lines: Iterable[str]) -> None:
        """All at once. As with the handler, what cannot be written is lost and stops nobody."""
        with self.handler.lock or contextlib.nullcontext(), contextlib.suppress(OSError, ValueError):
            self.handler.stream.write("".join([line + self.handler.terminator for line in lines]))
            self.handler.flush()


_configured: Direct | None = None


def direct() -> Direct | None:
    """None where lines are for people, or another than `configure` has the handlers in hand."""
    if _configured is None or logging.root.handlers != [_configured.handler]:
        return None
    return _configured


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger to which key-value pairs are given: `log.info("partition opened", partition=3)`."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(name))


def configure(options: LogOptions, conceal: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Route every logger of the process to `stream` (default stderr). May be called again.

    `conceal` are secrets of this very process (client secret, passwords): wherever they turn up, in
    whatever text, they are masked.
    """
    stream = sys.stderr if stream is None else stream
    redaction = Redaction(conceal)
    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.contextvars.merge_contextvars, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redaction.processor,
                *_rendering(options.format, stream),
            ],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    global _configured  # noqa: PLW0603
    _configured = Direct(handler, redaction) if options.format is LogFormat.JSON else None
    level = logging.getLevelNamesMapping()[options.level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TAKEN_OVER:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.filters.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    if level > logging.DEBUG:
        for name in _QUIET:
            logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)


def _rendering(log_format: LogFormat, stream: TextIO) -> list[Processor]:
    if log_format is LogFormat.JSON:
        return [_in_order, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [
        structlog.dev.ConsoleRenderer(
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,
            colors=stream.isatty(),
        )
    ]


_FIRST: Final = ("time", "level", "logger", "event")


def _in_order(_logger: Any, _method: str, entry: EventDict) -> EventDict:
    """What every line has comes first, so that lines can be read by eye."""
    ordered = {name: entry.pop(name) for name in _FIRST if name in entry}
    return {**ordered, **entry}
