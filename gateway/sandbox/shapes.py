"""What a request may carry beyond what the API itself would refuse: the documents name each endpoint's query
parameters and body, and every header stands once.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.sandbox.admission import IBM_HEADER, KEY_HEADER
from gateway.sandbox.http import Request
from gateway.sandbox.operations import CREATING, SIMULATION, Operation

_NO_PARAMETER: frozenset[str] = frozenset()
_PARAMETERS: dict[Operation, frozenset[str]] = {
    Operation.LIST_PAYMENTS: frozenset({"posId", "orderId", "state"}),
    Operation.LIST_REFUNDS: frozenset({"paymentId"}),
    Operation.LIST_POINTS_OF_SALE: frozenset({"storeId", "beaconId", "merchantPosId"}),
    Operation.LIST_STORES: frozenset({"merchantBrandId", "merchantLocationId"}),
    Operation.DETAIL_STORES: frozenset({"merchantBrandId", "merchantLocationId"}),
}
_WITH_BODY = CREATING | SIMULATION | {Operation.TOKEN, Operation.READY, Operation.CAPTURE}
_ONCE = ("authorization", IBM_HEADER)


def breaks(operation: Operation, request: Request) -> Iterator[tuple[str, str]]:
    """Names of violations, each with what it is about."""
    known = _PARAMETERS.get(operation, _NO_PARAMETER)
    for name in sorted(request.parameter_names() - known):
        yield "unknown_parameter", name[:100]
    if request.body and operation not in _WITH_BODY:
        yield "unexpected_body", f"{len(request.body)} bytes"
    for name in _ONCE:
        if len(request.values(name)) > 1:
            yield "malformed_header", f"{name} stands more than once"


def oddities(operation: Operation, request: Request) -> Iterator[tuple[str, str]]:
    """Names of notes: allowed, and of no use."""
    if operation not in CREATING and request.values(KEY_HEADER):
        yield "needless_key", "the endpoint takes no idempotency key"
