"""What turns of payments and points of sale mean to those who watch: metrics, and how each aggregate stands.

Told by the flow once a turn. Where a command's `traceparent` is known its trace id goes along as the exemplar.
"""

import re
from functools import cache, lru_cache
from typing import Final

from gateway.domain import payment
from gateway.domain.commands import InitiatePayment, Message, PreparePayment, ReadyPayment, command_type
from gateway.domain.events import (
    CommandRejected,
    PaymentCaptured,
    PaymentEvent,
    PaymentReserved,
    PaymentUnknown,
    RefundCaptured,
    event_type,
)
from gateway.domain.identity import MessageId
from gateway.domain.lifecycle import ACTIVE
from gateway.domain.money import Currency
from gateway.domain.pacing import Instant
from gateway.domain.points_of_sale import point_of_sale
from gateway.domain.points_of_sale.events import PointOfSaleEvent, point_of_sale_event_type
from gateway.domain.points_of_sale.state import PointOfSalePending, PointOfSaleState
from gateway.domain.state import OperationKind, PaymentState, Pending
from gateway.domain.vocabulary import PaymentStatus, RefundStatus
from gateway.observability import metrics
from gateway.observability.standing import Matter, Open, Standing

MOST_REMEMBERED = 65_536
"""Arrivals of commands without an answer; beyond it the oldest is forgotten and its duration not told."""

# Looking a child up costs more than counting, and all labels are of closed lists.
_accepted = cache(metrics.COMMANDS_ACCEPTED.labels)
_answered = cache(metrics.COMMANDS_ANSWERED.labels)
_took = cache(metrics.COMMAND_SECONDS.labels)
_published = cache(metrics.EVENTS.labels)
_unknown = cache(metrics.OPERATIONS_UNKNOWN.labels)
_money = cache(metrics.MONEY.labels)

_TRACE: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_NEVER_ANSWERED: Final = "checkin.notified"
_ENDS_RESERVATION: Final = (OperationKind.CAPTURE, OperationKind.CANCEL)


class Measures:
    """`approval_timeout_seconds`: of payments whose command names none."""

    def __init__(self, approval_timeout_seconds: int) -> None:
        self._approval_timeout_seconds = approval_timeout_seconds
        self._arrived: dict[tuple[str, MessageId], float] = {}

    def payment(
        self,
        key: str,
        prompt: payment.Prompt,
        before: PaymentState | None,
        decision: payment.Decision,
        now: Instant,
    ) -> Standing | None:
        """How the payment stands by now; None: as before."""
        after = decision.state
        if after is before and not isinstance(prompt, payment.Restored):
            return None
        if isinstance(prompt, payment.CommandArrived) and decision.dead_letter is None:
            self._accepted(key, prompt.message, now)
        for event in decision.events:
            self._told(key, event_type(event.fact), event, now)
            fact, amounts = event.fact, event.amounts
            if isinstance(fact, PaymentReserved) and amounts is not None:
                _moved("reserved", amounts.currency, amounts.reserved)
                self._approved(before, event, now)
            elif isinstance(fact, PaymentCaptured) and amounts is not None:
                _moved("captured", amounts.currency, amounts.captured or 0)
            elif isinstance(fact, RefundCaptured):
                _moved("refunded", fact.refund.amount.currency, fact.refund.amount.value)
        return None if after is None else standing_of(after)

    def point_of_sale(
        self,
        key: str,
        prompt: point_of_sale.Prompt,
        before: PointOfSaleState | None,
        decision: point_of_sale.Decision,
        now: Instant,
    ) -> Standing | None:
        """How the point of sale stands by now; None: as before."""
        after = decision.state
        if decision.dropped_notice:
            metrics.NOTIFICATIONS_DROPPED.inc()
        if after is before and not isinstance(prompt, payment.Restored):
            return None
        if isinstance(prompt, payment.CommandArrived) and decision.dead_letter is None:
            self._accepted(key, prompt.message, now)
        for event in decision.events:
            self._told(key, point_of_sale_event_type(event.fact), event, now)
        return None if after is None else standing_of_point_of_sale(after)

    def _accepted(self, key: str, message: Message, now: Instant) -> None:
        _accepted(message.type).inc()
        if message.type == _NEVER_ANSWERED:
            return
        if len(self._arrived) >= MOST_REMEMBERED:
            del self._arrived[next(iter(self._arrived))]
        self._arrived[key, message.id] = now.steady

    def _told(self, key: str, type_: str, event: PaymentEvent | PointOfSaleEvent, now: Instant) -> None:
        _published(type_).inc()
        if isinstance(event.fact, PaymentUnknown):
            _unknown(event.fact.operation).inc()
        if event.answers is None:
            return
        reason = event.fact.reason.value if isinstance(event.fact, CommandRejected) else "done"
        _answered(event.answers.type, reason).inc()
        arrived = self._arrived.pop((key, event.answers.id), None)
        if arrived is not None:
            seconds = now.steady - arrived
            _took(event.answers.type).observe(seconds, _exemplar(event))

    def _approved(self, before: PaymentState | None, event: PaymentEvent, now: Instant) -> None:
        begun_ms = None if before is None else self._asked_for_approval_ms(before)
        if begun_ms is not None:
            metrics.APPROVAL_SECONDS.observe(max(0, now.wall_ms - begun_ms) / 1000, _exemplar(event))

    def _asked_for_approval_ms(self, before: PaymentState) -> int | None:
        if before.pending is not None and before.pending.kind in (
            OperationKind.INITIATE,
            OperationKind.READY,
        ):
            return before.pending.first_sent_ms
        if before.approval_deadline_ms is None:
            return None
        message = before.ready or (before.start and before.start.message)
        data = message.data if message else None
        assert data is None or isinstance(data, InitiatePayment | PreparePayment | ReadyPayment)
        if data is None or isinstance(data, PreparePayment):
            return None
        seconds = data.approval_timeout_seconds or self._approval_timeout_seconds
        return before.approval_deadline_ms - seconds * 1000


def standing_of(state: PaymentState) -> Standing:
    status, pending, start = state.status, state.pending, state.start
    found: list[Open] = []
    if pending is not None:
        _note_pending(found, pending)
        if status is PaymentStatus.RESERVED and pending.kind in _ENDS_RESERVATION:
            found.append(Open(Matter.PAST_INTENT, pending.kind, pending.first_sent_ms))
    if start is not None:
        if not start.answered:
            _note_command(found, start.message)
        if start.overtaken_by is not None:
            _note_command(found, start.overtaken_by)
    if state.inbox:
        _note_command(found, state.inbox[0])
    if state.approval_deadline_ms is not None and status in ACTIVE:
        found.append(Open(Matter.APPROVAL, "", state.approval_deadline_ms))
    for refund in state.refunds:
        if refund.pending is not None:
            _note_pending(found, refund.pending)
        if refund.message is not None:
            _note_command(found, refund.message)
        if refund.status is RefundStatus.RESERVED and refund.reserved_ms is not None:
            found.append(Open(Matter.REFUND_RESERVED, "", refund.reserved_ms))
    refunds = tuple(r.status for r in state.refunds)
    return Standing(_payment_words(status, refunds), tuple(found)) if found else _at_rest(status, refunds)


def standing_of_point_of_sale(state: PointOfSaleState) -> Standing:
    found: list[Open] = []
    if state.pending is not None:
        _note_pending(found, state.pending)
    if state.inbox:
        _note_command(found, state.inbox[0])
    for watch in state.watches:
        if not watch.started:
            _note_command(found, watch.message)
    return Standing((("point_of_sale", "known"),) if state.known is not None else (), tuple(found))


def _note_command(found: list[Open], message: Message) -> None:
    found.append(Open(Matter.COMMAND, command_type(message.data), message.time_ms))


def _note_pending(found: list[Open], pending: Pending | PointOfSalePending) -> None:
    word = pending.kind if isinstance(pending, Pending) else pending.task
    found.append(Open(Matter.PENDING, word, pending.first_sent_ms))
    if pending.told:
        found.append(Open(Matter.UNKNOWN, word, pending.first_sent_ms))
    if pending.message is not None:
        _note_command(found, pending.message)


@lru_cache(maxsize=1024)
def _payment_words(status: PaymentStatus, refunds: tuple[RefundStatus, ...]) -> tuple[tuple[str, str], ...]:
    return (("payment", status), *(("refund", one) for one in refunds))


def _at_rest(status: PaymentStatus, refunds: tuple[RefundStatus, ...]) -> Standing:
    """One object for the many that nothing is open about."""
    return _resting(status) if not refunds else Standing(_payment_words(status, refunds))


@lru_cache(maxsize=1024)
def _resting(status: PaymentStatus) -> Standing:
    return Standing((("payment", status),))


def _moved(movement: str, currency: Currency, minor_units: int) -> None:
    _money(movement, currency).inc(minor_units)


def _exemplar(event: PaymentEvent | PointOfSaleEvent) -> dict[str, str] | None:
    found = None if event.cause.trace_parent is None else _TRACE.fullmatch(event.cause.trace_parent)
    return None if found is None else {"trace_id": found.group(1)}
