"""What the books and the events alone do not show: secrets in what was written, partitions that stand still,
owners that act beside their successor. Pure.
"""

import json
import math
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

UNSEEN_SECONDS = 30.0
ON_ITS_WAY_SECONDS = 1.0
CLOCK_SLACK_SECONDS = 1.0
_HEXADECIMAL = re.compile(rb"[0-9a-f]{40,}")

GUARANTEES = {
    "I9": "no secret and no phone number in anything written",
    "I10": "lag goes to zero by itself, no partition stands still unseen",
    "I11": "an owner that lost a partition changes nothing more there",
}


class Write(NamedTuple):
    """A request that changes something, as the provider saw it arrive (seconds since 1970); `version` is the
    calling process's.
    """

    at: float
    version: str
    payment_id: str


class Opening(NamedTuple):
    """A process began to own a partition; `fenced_at`: when it was told that another had taken it meanwhile."""

    at: float
    version: str
    partition: int
    fenced_at: float = math.inf


class Sample(NamedTuple):
    """One look from outside: messages not yet accepted by partition, the group's offsets, and whether any process
    said that it was not ready.
    """

    at: float
    lags: Mapping[int, int]
    offsets: Mapping[int, int]
    seen: bool


def openings(logs: Mapping[str, bytes]) -> list[Opening]:
    """By the gateways' own logs; a file is named by the version of the one process that wrote it."""
    found = []
    for name, text in logs.items():
        version = name.removeprefix("gateway-").removesuffix(".log")
        open_: dict[int, Opening] = {}
        for line in text.splitlines():
            if b'"partition open"' not in line and b'"partition closed"' not in line:
                continue
            told = json.loads(line)
            partition, at = int(told["partition"]), datetime.fromisoformat(told["time"]).timestamp()
            last = open_.pop(partition, None)
            if last is not None:
                fenced = told.get("cause") == "fenced"
                found.append(last._replace(fenced_at=at) if fenced else last)
            if told["event"] == "partition open":
                open_[partition] = Opening(at, version, partition)
        found += open_.values()
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Tenure:
    """Who owned one partition when."""

    openings: Sequence[Opening]

    @classmethod
    def by_partition(cls, found: Iterable[Opening]) -> "dict[int, Tenure]":
        kept: dict[int, list[Opening]] = defaultdict(list)
        for opening in sorted(found):
            kept[opening.partition].append(opening)
        return {partition: cls(those) for partition, those in kept.items()}

    def at(self, moment: float) -> Opening | None:
        """The newest opening by then."""
        index = bisect_right(self.openings, moment, key=lambda opening: opening.at)
        return self.openings[index - 1] if index else None


def stale_writes(
    writes: Iterable[Write],
    found: Sequence[Opening],
    partition_of: Callable[[str], int],
    lease_seconds: float,
) -> Iterator[str]:
    """Writes of an owner on a payment that its successor has acted for, or after its lease has surely ended."""
    ordered = sorted(writes)
    tenures = Tenure.by_partition(_real(found, ordered, partition_of))
    acted: dict[str, Write] = {}
    for write in ordered:
        tenure = tenures.get(partition_of(write.payment_id))
        owner = tenure.at(write.at) if tenure is not None else None
        last = acted.get(write.payment_id)
        if owner is None:
            yield f"{write.payment_id}: written to by {write.version} before anybody owned its partition"
        elif owner.version == write.version:
            acted[write.payment_id] = write
        elif last is not None and last.version == owner.version and last.at >= owner.at:
            yield f"{write.payment_id}: written to by {write.version} after its new owner {owner.version}"
        elif write.at > owner.at + lease_seconds + CLOCK_SLACK_SECONDS:
            late = write.at - owner.at
            yield f"{write.payment_id}: written to by {write.version} {late:.1f} s after {owner.version} opened"


def _real(
    found: Sequence[Opening], writes: Sequence[Write], partition_of: Callable[[str], int]
) -> list[Opening]:
    """Without those of a process that was frozen while it opened, was overtaken, and learnt so before it acted."""
    moments: dict[tuple[str, int], list[float]] = defaultdict(list)
    for write in writes:
        moments[write.version, partition_of(write.payment_id)].append(write.at)

    def acted(opening: Opening) -> bool:
        own = moments[opening.version, opening.partition]
        return bisect_left(own, opening.at) < bisect_left(own, opening.fenced_at)

    return [one for one in found if math.isinf(one.fenced_at) or acted(one)]


def unexcused(
    violations: Sequence[dict[str, Any]],
    arrivals: Mapping[str, Sequence[float]],
    pace_seconds: float,
    broken_at: Sequence[float] = (),
) -> list[dict[str, Any]]:
    """Without polls that came a whole pace after the poll before them, and too early only by what its answer took.

    An answer that comes too late for its reader goes unheard, and the provider cannot tell: the next poll then
    counts from when the reader gave up. `arrivals` are the times of the requests by resource, sorted. `broken_at`
    is when the wire broke under all calls: a poll that was on its way may arrive after its sender heard of that.
    """

    def excused(violation: dict[str, Any]) -> bool:
        times = arrivals.get(str(violation.get("resource")), ())
        before = bisect_left(times, violation["at"])
        if violation["name"] != "polled_too_early" or not before:
            return False
        last, latest = times[before - 1], violation["at"] - pace_seconds
        return last <= latest or any(last - ON_ITS_WAY_SECONDS <= broken <= latest for broken in broken_at)

    return [violation for violation in violations if not excused(violation)]


def standstills(samples: Sequence[Sample]) -> Iterator[str]:
    """Partitions with messages to accept that did not move for long while every process called itself ready."""
    since: dict[int, tuple[int, float]] = {}
    told: set[int] = set()
    for sample in samples:
        for partition, lag in sample.lags.items():
            offset = sample.offsets.get(partition, 0)
            known = since.get(partition)
            if not lag or sample.seen or known is None or known[0] != offset:
                since[partition] = (offset, sample.at)
                told.discard(partition)
            elif sample.at - known[1] > UNSEEN_SECONDS and partition not in told:
                told.add(partition)
                yield f"partition {partition} stood at {offset} for {UNSEEN_SECONDS:.0f} s, and nobody said so"


@dataclass(frozen=True, slots=True)
class Canaries:
    """`named` are searched for as they are; `tokens` are 40 hexadecimal digits each, and many."""

    named: Mapping[str, bytes]
    tokens: frozenset[bytes]

    def shown_in(self, text: bytes) -> list[str]:
        """By name; never the canary itself."""
        found = [name for name, canary in self.named.items() if canary in text]
        for run in _HEXADECIMAL.findall(text):
            if any(run[start : start + 40] in self.tokens for start in range(len(run) - 39)):
                found.append("a token")
        return found


def takeovers(
    kills: Iterable[tuple[float, str]],
    writes: Sequence[Write],
    tenures: Mapping[int, Tenure],
    partition_of: Callable[[str], int],
) -> list[float]:
    """For each partition of each process that was ended (when, which): seconds to its next owner's first write."""
    by_partition: dict[int, list[Write]] = defaultdict(list)
    for write in sorted(writes):
        by_partition[partition_of(write.payment_id)].append(write)
    found = []
    for at, version in kills:
        for partition, tenure in tenures.items():
            owner = tenure.at(at)
            if owner is None or owner.version != version:
                continue
            after = (one.at for one in by_partition[partition] if one.at > at and one.version != version)
            first = next(after, None)
            if first is not None:
                found.append(first - at)
    return sorted(found)


def quantile(found: Sequence[float], share: float) -> float:
    """Of sorted numbers, the nearest rank; 0 of none."""
    return found[min(len(found) - 1, int(len(found) * share))] if found else 0.0
