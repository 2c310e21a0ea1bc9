"""Calls as the recorder sees them: the requests of one logical call belong together, by idempotency key or,
where the API has none, by operation and resource. A look is a GET or a list that tells what became of a call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateway.sandbox.http import Response
from gateway.sandbox.operations import CREATING, OF_REFUNDS, Operation


@dataclass(slots=True)
class Call:
    """`settled`: its outcome was heard, or looked for, since its last request. `since_look` counts requests
    since the last answered look. `subjects` are what a look can find it by, as "kind:id"."""

    operation: Operation
    subject: str
    first_at: float
    fingerprint: bytes
    requests: int = 0
    since_look: int = 0
    in_flight: int = 0
    last_at: float = 0.0
    settled: bool = True
    resource: str = ""
    subjects: list[str] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    """Number of the attempt and kind of fault."""

    def repaired_kind(self, repair: Callable[[str, str], None]) -> None:
        """Names the resource that this call writes to, where it is known."""
        if self.operation in CREATING:
            if self.resource:
                repair("refund" if self.operation is Operation.CREATE_REFUND else "payment", self.resource)
        else:
            repair("refund" if self.operation in OF_REFUNDS else "payment", self.subject)


@dataclass(slots=True)
class Sighting:
    """One request as the recorder needs it. `subject` is the idempotency key of a creating POST, else the id
    in the path; `order` names what is ordered (the same for each try of it), `looked_at` what a look asks
    for. `shared`: another GET of the same resource, allowed for another cause, was on its way beside it, and
    which of the two is the poller's cannot be seen."""

    number: int
    operation: Operation | None
    subject: str
    arrived_at: float
    fingerprint: bytes = b""
    order: tuple[str, ...] = ()
    looked_at: str = ""
    has_authorization: bool = True
    call: Call | None = None
    was_settled: bool = True
    allowance: Literal["", "repair", "candidate"] = ""
    shared: bool = False


class CallBook:
    """All calls, findable by what they are and by what a look names."""

    def __init__(self) -> None:
        self._calls: dict[tuple[Operation, str], Call] = {}
        self._by_subject: dict[str, list[Call]] = {}
        self._by_order: dict[tuple[str, ...], Call] = {}

    def get(self, operation: Operation, subject: str) -> Call | None:
        return self._calls.get((operation, subject))

    def find(self, sighting: Sighting, now: float) -> tuple[Call, Call | None]:
        """The request's call, made if it is new; with it the call of another key that ordered the very
        same."""
        assert sighting.operation is not None
        place = (sighting.operation, sighting.subject)
        call = self._calls.get(place)
        if call is not None:
            return call, None
        call = Call(sighting.operation, sighting.subject, now, sighting.fingerprint)
        self._calls[place] = call
        if sighting.operation not in CREATING:
            kind = "refund" if sighting.operation in OF_REFUNDS else "payment"
            if sighting.operation is Operation.DELETE_POINT_OF_SALE:
                kind = "pos"
            self.add_subject(call, f"{kind}:{sighting.subject}")
            return call, None
        if sighting.looked_at:
            self.add_subject(call, sighting.looked_at)
        if not sighting.order:
            return call, None
        order = (sighting.operation.value, *sighting.order)
        earlier = self._by_order.get(order)
        self._by_order[order] = call
        return call, earlier

    def add_subject(self, call: Call, subject: str) -> None:
        if subject not in call.subjects:
            call.subjects.append(subject)
            self._by_subject.setdefault(subject, []).append(call)

    def looked(self, sighting: Sighting, shown: Response) -> None:
        """An answered look: what it is about counts as known, as far as it was asked for after the last
        request."""
        names = [sighting.looked_at] if sighting.looked_at else []
        if sighting.operation is Operation.LIST_PAYMENTS:
            names += [f"payment:{payment_id}" for payment_id in shown.listed]
        elif sighting.operation is Operation.LIST_REFUNDS:
            names += [f"refund:{refund_id}" for refund_id in shown.listed]
        elif sighting.operation in CREATING:
            return
        for name in names:
            for call in self._by_subject.get(name, ()):
                if call.last_at <= sighting.arrived_at:
                    call.since_look = 0
                    call.settled = True
