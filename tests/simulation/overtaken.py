"""Which early poll its sender could not know to be early."""

from collections.abc import Sequence

from gateway.sandbox.recorder import Record
from gateway.sandbox.simulator import RequestRecord
from tests.chaos.verdict import Opening
from tests.simulation.far_side import ORIGIN_SECONDS
from tests.simulation.process import version_of


def told_another(
    breach: Record, requests: Sequence[RequestRecord], fences: Sequence[Opening], lease_seconds: float
) -> bool:
    """Whether the pace that was not kept had been told to an owner whom the poll's sender had already fenced:
    that owner can commit nothing more, so nobody else hears of it. The contract has a new owner wait for the pace
    in the state; it must also have waited for the whole lease, until which the old one may ask.

    `fences`: those of the resource's partition, by time on the loop.
    """
    if breach.name != "polled_too_early":
        return False
    about = [one for one in requests if (one.operation, one.subject) == (breach.operation, breach.resource)]
    early = next((one for one in about if one.number == breach.request), None)
    heard = [one for one in about if one.heard and one.status == 200 and one.number < breach.request]
    if early is None or not heard:
        return False
    told = max(heard, key=lambda one: one.at + one.seconds)
    since = [one for one in fences if ORIGIN_SECONDS + one.at <= told.at]
    if not since or told.version == early.version:
        return False
    return (
        version_of(since[-1].version) == early.version
        and breach.at >= ORIGIN_SECONDS + since[-1].at + lease_seconds
    )
