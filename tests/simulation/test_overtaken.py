"""Which early polls the judge excuses, case by case."""

from typing import Any

import pytest

from gateway.sandbox.recorder import Record
from gateway.sandbox.simulator import RequestRecord
from tests.chaos.verdict import Opening
from tests.simulation.far_side import ORIGIN_SECONDS
from tests.simulation.overtaken import told_another

LEASE_SECONDS = 5.0


def read(number: int, at: float, process: int, **changes: Any) -> RequestRecord:
    record = RequestRecord(
        number, ORIGIN_SECONDS + at, 0.0, "get_payment", "a", "order", 1, "", 200, "", True, f"1.0.{process}"
    )
    return record._replace(**changes)


def breach(at: float, name: str = "polled_too_early") -> Record:
    return Record(1, ORIGIN_SECONDS + at, name, "get_payment", "a", 9, "")


OVERTAKEN = read(7, 12.0, 0)
EARLY = read(9, 15.5, 1)
FENCES = (Opening(2.0, "gateway-0", 1), Opening(10.0, "gateway-1", 1))


def test_what_only_an_overtaken_owner_was_told() -> None:
    assert told_another(breach(15.5), [OVERTAKEN, EARLY], FENCES, LEASE_SECONDS)


@pytest.mark.parametrize(
    ("found", "requests", "fences"),
    [
        (breach(15.5, "second_key"), [OVERTAKEN, EARLY], FENCES),
        (breach(15.5), [OVERTAKEN, read(8, 15.0, 1), EARLY], FENCES),
        (breach(15.5), [read(7, 12.0, 1), EARLY], FENCES),
        (breach(15.5), [read(7, 9.0, 0), EARLY], FENCES),
        (breach(15.5), [OVERTAKEN._replace(status=500), EARLY], FENCES),
        (breach(15.5), [OVERTAKEN._replace(heard=False), EARLY], FENCES),
        (breach(15.5), [OVERTAKEN._replace(subject="b"), EARLY], FENCES),
        (breach(14.9), [OVERTAKEN, EARLY], FENCES),
        (breach(15.5), [OVERTAKEN, EARLY], FENCES[:1]),
        (breach(15.5), [OVERTAKEN, EARLY], ()),
        (breach(15.5), [EARLY], FENCES),
    ],
    ids=[
        "another breach",
        "its own reading was the last",
        "nobody else read",
        "read before the fence",
        "an error tells no pace",
        "an answer that was not heard",
        "another resource",
        "the lease was not waited for",
        "who polled had not fenced",
        "a partition that nobody fenced",
        "nothing was told",
    ],
)
def test_everything_else_is_a_breach(
    found: Record, requests: list[RequestRecord], fences: tuple[Opening, ...]
) -> None:
    assert not told_another(found, requests, fences, LEASE_SECONDS)
