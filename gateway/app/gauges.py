"""The metrics that are worked out when somebody asks: how partitions, payments and the provider stand now.

Each series is there from the start, at 0 where there is nothing, so that a rule never waits for a first one.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from gateway import __version__, codec
from gateway.domain.commands import Data
from gateway.domain.money import Currency
from gateway.domain.points_of_sale.state import PointOfSaleTask
from gateway.domain.state import OperationKind
from gateway.domain.vocabulary import DeadLetterReason, PaymentStatus, RefundStatus
from gateway.kafka.health import PartitionHealth, Phase
from gateway.mobilepay.client import Standing
from gateway.observability import metrics
from gateway.observability.declaring import Gauge
from gateway.observability.standing import Matter, Open

COMMAND_TYPES: Final = tuple(sorted(kind.__dataclass_fields__["kind"].default for kind in get_args(Data)))
OPERATIONS: Final = (*OperationKind, *PointOfSaleTask)
PAST_SECONDS: Final = 60
"""A duty that is older is past: each is done within seconds where the provider answers."""

NEAR_DEADLINE_SECONDS: Final = 20 * 3600


_OF_PARTITION: Final[tuple[tuple[Gauge, Callable[[PartitionHealth], float]], ...]] = (
    (metrics.PARTITION_OPEN, lambda one: one.phase is Phase.OPEN),
    (metrics.PARTITION_STOPPED, lambda one: one.phase is Phase.STOPPED),
    (metrics.PARTITION_UNDECODABLE, lambda one: one.offset is not None),
    (metrics.PARTITION_PAUSED, lambda one: one.phase is Phase.OPEN and one.paused),
    (metrics.PARTITION_STALLED_SECONDS, lambda one: one.stalled_seconds),
    (metrics.PARTITION_POSITION, lambda one: one.position),
    (metrics.PARTITION_LAG, lambda one: one.lag or 0),
    (metrics.PARTITION_UNACCEPTED_SECONDS, lambda one: one.unaccepted_seconds),
)


class Gauges:
    """`partitions` and `provider` tell how things stand; `in_reach`: whether the broker is."""

    def __init__(
        self,
        partitions: Callable[[], Mapping[int, PartitionHealth]],
        provider: Callable[[], Standing],
        in_reach: Callable[[], bool],
        wall_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._partitions = partitions
        self._provider = provider
        self._in_reach = in_reach
        self._wall_seconds = wall_seconds

    def start(self) -> None:
        """Show them from now on, and what is counted from nothing as 0."""
        metrics.BUILD_INFO.labels(__version__, str(codec.STATE_VERSION)).set(1)
        for type_ in (*COMMAND_TYPES, "unknown"):
            for reason in DeadLetterReason:
                metrics.COMMANDS_DEAD_LETTERED.labels(type_, reason)
        for operation in OPERATIONS:
            metrics.OPERATIONS_UNKNOWN.labels(operation)
        for movement in ("reserved", "captured", "refunded"):
            for currency in Currency:
                metrics.MONEY.labels(movement, currency)
        for event_type in ("payment.initiated", "payment.issued", "payment.paired", "payment.reserved"):
            metrics.EVENTS.labels(event_type)
        for result in ("granted", "refused", "unavailable"):
            metrics.TOKEN_REQUESTS.labels(result)
        for cause in ("fenced", "broker", "fault"):
            metrics.PARTITION_REOPENS.labels(cause)
        metrics.before_scrape(self.show)

    def show(self) -> None:
        found = self._partitions()
        _show_partitions(found)
        _show_provider(self._provider())
        metrics.BROKER_IN_REACH.set(self._in_reach())
        counted: Counter[tuple[str, str]] = Counter()
        matters: list[Open] = []
        for one in found.values():
            counted.update(one.tally.counted)
            matters += one.tally.opened()
        for status in PaymentStatus:
            metrics.PAYMENTS.labels(status).set(counted["payment", status])
        for refund_status in RefundStatus:
            metrics.REFUNDS.labels(refund_status).set(counted["refund", refund_status])
        metrics.POINTS_OF_SALE.set(counted["point_of_sale", "known"])
        _show_matters(matters, self._wall_seconds())


def _show_partitions(found: Mapping[int, PartitionHealth]) -> None:
    for gauge, read in _OF_PARTITION:
        # What moved to another owner is told there.
        gauge.clear()
        for number, one in found.items():
            gauge.labels(str(number)).set(read(one))
    metrics.COMMANDS_WAITING.set(sum(one.waiting for one in found.values()))
    metrics.EFFECTS_RUNNING.set(sum(one.running for one in found.values()))
    metrics.EFFECTS_WAITING.set(sum(one.runnable for one in found.values()))
    metrics.CHANGES_UNCOMMITTED.set(sum(one.uncommitted for one in found.values()))


def _show_provider(standing: Standing) -> None:
    metrics.PROVIDER_BREAKER_OPEN.set(standing.breaker_open)
    metrics.PROVIDER_THROTTLED.set(standing.throttled)
    metrics.PROVIDER_MISCONFIGURED.set(standing.misaddressed)
    metrics.PROVIDER_TOKEN_HELD.set(standing.token_held)
    metrics.PROVIDER_CONCURRENCY_LIMIT.set(standing.concurrency_limit)
    metrics.PROVIDER_REQUESTS_IN_FLIGHT.set(standing.unanswered)
    metrics.PROVIDER_REQUESTS_WAITING.set(standing.waiting)


def _show_matters(matters: Iterable[Open], now_seconds: float) -> None:
    by: defaultdict[Matter, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in matters:
        by[one.matter][one.word].append(max(0.0, now_seconds - one.at_ms / 1000))
    for type_ in COMMAND_TYPES:
        metrics.COMMANDS_UNANSWERED_OLDEST.labels(type_).set(_oldest(by[Matter.COMMAND][type_]))
    for operation in OPERATIONS:
        pending = by[Matter.PENDING][operation]
        metrics.OPERATIONS_PENDING.labels(operation).set(len(pending))
        metrics.OPERATIONS_PENDING_OLDEST.labels(operation).set(_oldest(pending))
        metrics.OPERATIONS_UNKNOWN_OLDEST.labels(operation).set(_oldest(by[Matter.UNKNOWN][operation]))
    refunds = by[Matter.REFUND_RESERVED][""]
    past = [age for ages in by[Matter.PAST_INTENT].values() for age in ages]
    metrics.APPROVALS_OVERDUE.set(_older(by[Matter.APPROVAL][""], PAST_SECONDS))
    metrics.RESERVATIONS_PAST_INTENT.set(_older(past, PAST_SECONDS))
    metrics.REFUNDS_NEAR_DEADLINE.set(_older(refunds, NEAR_DEADLINE_SECONDS))
    metrics.REFUNDS_RESERVED_OLDEST.set(_oldest(refunds))


def _oldest(ages: list[float]) -> float:
    return max(ages, default=0.0)


def _older(ages: list[float], seconds: float) -> int:
    return sum(age > seconds for age in ages)
