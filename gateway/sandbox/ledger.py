"""The provider's books, for auditors: per payment what was asked, what took effect and what went wrong on
purpose.

All amounts are integer minor units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from gateway.sandbox import refunds
from gateway.sandbox.calls import Call
from gateway.sandbox.entities import Move, Payment, Refund
from gateway.sandbox.http import write_json
from gateway.sandbox.operations import POLLED, Operation
from gateway.sandbox.simulator import Sandbox

LINES_PER_CHUNK = 200

_ON_PAYMENTS = (Operation.READY, Operation.CAPTURE, Operation.CANCEL)
_ON_REFUNDS = (Operation.CAPTURE_REFUND, Operation.CANCEL_REFUND)


def describe_payment(sandbox: Sandbox, payment: Payment) -> dict[str, Any]:
    terms = payment.terms
    creation = Operation.INITIATE if payment.moves[0].cause == "initiate" else Operation.PREPARE
    requests, faults = _history(
        sandbox,
        creation,
        payment.key,
        payment.payment_id,
        operations=_ON_PAYMENTS,
        read=Operation.GET_PAYMENT,
    )
    register = sandbox.world.register
    return {
        "number": payment.number,
        "paymentId": payment.payment_id,
        "posId": payment.pos_id,
        "orderId": payment.order_id,
        "integrator": payment.owner.integrator,
        "merchant": payment.owner.merchant,
        "key": payment.key,
        "status": payment.status,
        "currency": terms.currency if terms else None,
        "requested": terms.amount if terms else 0,
        "reserved": payment.reserved,
        "captured": payment.captured,
        "refunded": refunds.refunded(register, payment),
        "createdAt": payment.moves[0].at,
        "transitions": _moves(payment.moves),
        "effects": dict(payment.effects),
        "requests": requests,
        "faults": faults,
        "refunds": [describe_refund(sandbox, register.refunds[one]) for one in payment.refund_ids],
    }


def describe_refund(sandbox: Sandbox, refund: Refund) -> dict[str, Any]:
    requests, faults = _history(
        sandbox,
        Operation.CREATE_REFUND,
        refund.key,
        refund.refund_id,
        operations=_ON_REFUNDS,
        read=Operation.GET_REFUND,
    )
    return {
        "number": refund.number,
        "refundId": refund.refund_id,
        "refundOrderId": refund.order_id,
        "key": refund.key,
        "status": refund.status,
        "currency": refund.currency,
        "amount": refund.amount,
        "transitions": _moves(refund.moves),
        "effects": dict(refund.effects),
        "requests": requests,
        "faults": faults,
    }


def lines(sandbox: Sandbox, after: int, limit: int, order_id: str | None) -> Iterator[bytes]:
    """The payments numbered above `after`, `limit` at most, as JSON lines in chunks of some hundred lines.
    Payments keep their number, so a reader pages by the last one it saw; ones made while it reads come at the
    end."""
    register = sandbox.world.register
    ids = list(islice(register.payments, after, after + limit))
    chunk: list[bytes] = []
    for payment_id in ids:
        payment = register.payments[payment_id]
        if order_id is not None and payment.order_id != order_id:
            continue
        chunk.append(write_json(describe_payment(sandbox, payment)) + b"\n")
        if len(chunk) >= LINES_PER_CHUNK:
            yield b"".join(chunk)
            chunk = []
    if chunk:
        yield b"".join(chunk)


def totals(sandbox: Sandbox) -> dict[str, Any]:
    """Sums over all payments: per currency, per status; refunds likewise."""
    register = sandbox.world.register
    currencies: dict[str, Counter[str]] = {}
    statuses: Counter[str] = Counter()
    for payment in register.payments.values():
        statuses[payment.status or ""] += 1
        if payment.terms is None:
            continue
        sums = currencies.setdefault(payment.terms.currency, Counter())
        sums["requested"] += payment.terms.amount
        sums["reserved"] += payment.reserved
        sums["captured"] += payment.captured
        sums["refunded"] += refunds.refunded(register, payment)
    return {
        "payments": len(register.payments),
        "statuses": dict(statuses),
        "refunds": len(register.refunds),
        "refundStatuses": dict(Counter(refund.status or "" for refund in register.refunds.values())),
        "currencies": {currency: dict(sums) for currency, sums in currencies.items()},
    }


def _moves(moves: list[Move]) -> list[dict[str, Any]]:
    return [{"at": move.at, "from": move.source, "to": move.target, "cause": move.cause} for move in moves]


def _history(
    sandbox: Sandbox,
    creation: Operation,
    key: str,
    resource: str,
    *,
    operations: tuple[Operation, ...],
    read: Operation,
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Requests per operation, and the faults that hit them."""
    recorder = sandbox.recorder
    found: list[tuple[Operation, Call]] = []
    for operation, subject in ((creation, key), *((one, resource) for one in operations)):
        call = recorder.calls.get(operation, subject)
        if call is not None:
            found.append((operation, call))
    requests = {operation.value: call.requests for operation, call in found}
    assert read in POLLED
    poll = recorder.polls.get((read, resource))
    if poll is not None and poll.requests:
        requests[read.value] = poll.requests
    faults = [
        {"operation": operation.value, "attempt": attempt, "fault": kind}
        for operation, call in found
        for attempt, kind in call.faults
    ]
    return requests, faults
