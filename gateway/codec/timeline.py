"""The last steps of a payment as this process saw them, for people who ask after it: in memory only.

A step is what prompted a turn and what came of it. Steps are kept as lines of bytes, some 70 each, since a
process holds as many timelines as payments; alike steps in a row, such as polls that change nothing, are one
with a count. A timer that led to a read alone is no step: the read's outcome is.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, assert_never

from gateway.codec.json_text import write_json
from gateway.codec.times import write_time
from gateway.domain.events import PaymentEvent, event_type
from gateway.domain.memo import Memo
from gateway.domain.operations import (
    Accepted,
    Deferred,
    Found,
    Observed,
    Operation,
    Outcome,
    Read,
    RefundObserved,
    Rejected,
    Unknown,
)
from gateway.domain.payment import CommandArrived, Due, Performed, Prompt, Restored

MAX_STEPS: Final = 32

_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the runtime keeps beside a payment's state: the domain's memo, and the timeline."""

    memo: Memo | None = None
    steps: bytes = b""


def add_step(
    steps: bytes, at_ms: int, prompt: Prompt, events: Sequence[PaymentEvent], asked: Operation | None
) -> bytes:
    """The timeline with this turn. `asked` is the operation that it led to.

    A line is a time, or the first, the last and how many there were, and then what was seen as JSON: the prompt
    as an array, the operation, and each event's type and sequence.
    """
    if isinstance(prompt, Due) and not events and (asked is None or isinstance(asked, Read)):
        return steps
    said: list[Any] = [_prompted(prompt)]
    if asked is not None or events:
        said.append(None if asked is None else _name(asked))
    for event in events:
        said += (event_type(event.fact), event.sequence)
    line = b" %s\n" % write_json(said)
    if steps.endswith(line):
        start = steps.rfind(b"\n", 0, -len(line)) + 1
        since, *again = steps[start : -len(line)].split()
        return b"%s%s %d %d%s" % (steps[:start], since, at_ms, int(again[-1]) + 1 if again else 2, line)
    if steps.count(b"\n") >= MAX_STEPS:
        steps = steps[steps.index(b"\n") + 1 :]
    return b"%s%d%s" % (steps, at_ms, line)


def read_steps(steps: bytes) -> list[dict[str, Any]]:
    """Oldest first: `at` and what was seen; `until` and `times` where it was seen more than once in a row."""
    found = []
    for line in steps.split(b"\n")[:-1]:
        times, _, said = line.partition(b" [")
        since, *again = map(int, times.split())
        step: dict[str, Any] = {"at": write_time(since)}
        if again:
            step |= {"until": write_time(again[0]), "times": again[1]}
        (kind, *words), *rest = json.loads(b"[" + said)
        step |= {"prompt": kind, **_told(kind, words)}
        if rest[1:]:
            pairs = zip(rest[1::2], rest[2::2], strict=True)
            step["events"] = [{"type": type_, "sequence": sequence} for type_, sequence in pairs]
        if rest and rest[0] is not None:
            step["operation"] = rest[0]
        found.append(step)
    return found


def _told(kind: str, words: list[Any]) -> dict[str, Any]:
    match kind:
        case "command":
            return {"command": dict(zip(("type", "id", "source"), words, strict=True))}
        case "outcome":
            of, outcome, *details = words
            return {
                "of": of,
                "outcome": outcome,
                **dict(zip(_DETAILS.get(outcome, ()), details, strict=False)),
            }
        case _:
            return {}


_DETAILS: Final = {
    "observed": ("status",),
    "found": ("count",),
    "rejected": ("reason", "code"),
    "deferred": ("cause",),
}


def _prompted(prompt: Prompt) -> list[Any]:
    match prompt:
        case CommandArrived(message):
            return ["command", message.type, message.id.id, message.id.source]
        case Due():
            return ["timer"]
        case Performed(operation, outcome):
            return ["outcome", _name(operation), *_heard(outcome)]
        case Restored():
            return ["restored"]
        case _:
            assert_never(prompt)


def _heard(outcome: Outcome) -> tuple[Any, ...]:
    """The outcome's word, and what `_DETAILS` names of it."""
    match outcome:
        case Accepted():
            return ("accepted",)
        case Observed(reading):
            return "observed", reading.status.value
        case RefundObserved(reading):
            return "observed", reading.status.value
        case Found(ids):
            return "found", len(ids)
        case Rejected(refusal):
            code = () if refusal.code is None else (refusal.code,)
            return "rejected", refusal.reason.value, *code
        case Unknown():
            return ("unknown",)
        case Deferred():
            return "deferred", outcome.cause.value
        case _:
            assert_never(outcome)


def _name(operation: Operation) -> str:
    return hyphenated(type(operation).__name__)


@cache
def hyphenated(name: str) -> str:
    """`refund-capture` for RefundCapture."""
    return _HUMP.sub("-", name).lower()
