"""How a metric is declared: name, unit, meaning, labels with a bound on their values, and buckets, all in one
place.

What is published, the table in the documentation and what the tests hold dashboards and alerts to come from
the same declaration. The metrics live in a registry of their own, so that nothing which a library declares on
import is published unseen. The `_created` series are off: they double the number of series and no rule uses
them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


__all__ = ["DECLARED", "REGISTRY", "Declaration", "Gauge", "Label", "counter", "gauge", "seconds"]


@dataclass(frozen=True, slots=True)
class Label:
    """`most` values at most, whatever is sent or answered to us; `values` says which."""

    name: str
    values: str
    most: int


@dataclass(frozen=True, slots=True)
class Declaration:
    """`name` as a query says it, without the suffixes of a histogram's series."""

    name: str
    kind: str
    unit: str
    meaning: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()


DECLARED: Final[dict[str, Declaration]] = {}


def counter(name: str, unit: str, meaning: str, *labels: Label) -> Counter:
    _declare(Declaration(name, "counter", unit, meaning, labels))
    return Counter(name, meaning, _names(labels), registry=REGISTRY)


def gauge(name: str, unit: str, meaning: str, *labels: Label) -> Gauge:
    _declare(Declaration(name, "gauge", unit, meaning, labels))
    return Gauge(name, meaning, _names(labels), registry=REGISTRY)


def seconds(name: str, meaning: str, buckets: tuple[float, ...], *labels: Label) -> Histogram:
    """A histogram of durations."""
    _declare(Declaration(name, "histogram", "seconds", meaning, labels, buckets))
    return Histogram(name, meaning, _names(labels), registry=REGISTRY, buckets=buckets)


def _declare(declaration: Declaration) -> None:
    assert declaration.name not in DECLARED
    DECLARED[declaration.name] = declaration


def _names(labels: Iterable[Label]) -> list[str]:
    return [label.name for label in labels]
