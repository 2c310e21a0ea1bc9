"""A payment's state made anew from what was told of it and from the commands that are still there.

What events tell comes back: statuses, amounts, ids, refunds, and which commands were answered. What only the lost
state knew does not: intents, attempts, the provider's pace, searches for what an abandoned start may have made.

Of the commands without an answer the first may have been sent, since those of one payment start one after the
other. So it becomes an intent again, as the judge made it when it came, and is looked for before it is sent, under
the same key; the others wait behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.domain import payment
from gateway.domain.commands import (
    CreateRefund,
    InitiatePayment,
    Message,
    PreparePayment,
    ReadyPayment,
)
from gateway.domain.draft import Conditions, Rules
from gateway.domain.events import Amounts, Cause
from gateway.domain.identity import MessageId
from gateway.domain.lifecycle import ACTIVE
from gateway.domain.money import Currency, Money
from gateway.domain.state import PaymentState, Refund, Remembered, Start
from gateway.domain.vocabulary import CaptureMode, PaymentStatus, Reason, RefundStatus

HASH_UNKNOWN = ""
"""Of a command that was answered and is not there any more: a repeat of it is known by its id alone."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a payment, as far as a state can be made of it. `operation`: of `payment.unknown`."""

    type: str
    sequence: int
    status: PaymentStatus
    at_ms: int
    order_id: str | None = None
    pos_id: str | None = None
    amounts: Amounts | None = None
    provider_payment_id: str | None = None
    answers: MessageId | None = None
    answered_type: str | None = None
    reason: str | None = None
    operation: str | None = None
    adopted: bool = False
    partial_capture_possible: bool | None = None
    expires_at_ms: int | None = None
    refund_id: str | None = None
    refund_status: RefundStatus | None = None
    refund_amount: Money | None = None
    provider_refund_id: str | None = None


@dataclass(frozen=True, slots=True)
class At:
    """A moment of the past: nothing waits in it."""

    wall_ms: int
    steady: float = 0.0


def rebuilt(
    payment_id: str, told: Sequence[Told], commands: Sequence[Message], rules: Rules
) -> PaymentState | None:
    """`told` in the order of their topic; `commands` those of the payment that are still there, in theirs, without
    dead-lettered ones and repeats. None: nothing is known of it.
    """
    by_id = {message.id: message for message in commands}
    state = PaymentState(payment_id)
    unknown: set[str | None] = set()
    answered: set[MessageId] = set()
    for event in told:
        if event.sequence <= state.sequence and event.sequence != 1:
            continue
        if event.sequence == 1 and not event.adopted:
            # The state was forgotten before, or this is the beginning.
            state, unknown = PaymentState(payment_id), set()
        if event.answers is not None and event.reason != Reason.TOO_MANY_COMMANDS:
            answered.add(event.answers)
        state = _after(state, event, by_id, rules)
        if event.operation is not None:
            unknown.add(event.operation if event.refund_id is None else event.refund_id)
        elif event.answers is not None:
            unknown -= {event.refund_id} if event.refund_id else unknown
    for message in commands:
        if message.id not in answered:
            state = _asked(state, message, rules, unknown)
    return state if state != PaymentState(payment_id) else None


def _after(
    state: PaymentState, event: Told, commands: Mapping[MessageId, Message], rules: Rules
) -> PaymentState:
    state = replace(state, sequence=event.sequence, touched_ms=event.at_ms)
    message = _message(state, event, commands)
    if message is not None and event.reason != Reason.TOO_MANY_COMMANDS:
        known = Remembered(message.id, message.data_hash)
        state = replace(state, remembered=(*state.remembered, known))
    if event.refund_id is not None:
        state = _refunded(state, event, message)
    if event.type == "command.rejected" or event.operation is not None:
        return state
    if event.status is PaymentStatus.NONE:
        return replace(state, status=event.status, start=None, ready=None, amounts=None)
    state = replace(
        state,
        status=event.status,
        amounts=event.amounts or state.amounts,
        provider_payment_id=event.provider_payment_id or state.provider_payment_id,
    )
    if event.type == "payment.reserved":
        state = replace(
            state,
            reserved_ms=event.at_ms,
            expires_at_ms=event.expires_at_ms,
            partial_capture_possible=event.partial_capture_possible,
        )
    state = _begun(state, event, message)
    return replace(state, approval_deadline_ms=_deadline_ms(state, event, message, rules))


def _begun(state: PaymentState, event: Told, message: Message | None) -> PaymentState:
    data = None if message is None else message.data
    if message is not None and isinstance(data, InitiatePayment | PreparePayment):
        return replace(state, start=Start(message, answered=True))
    if isinstance(data, ReadyPayment):
        return replace(state, ready=message)
    if isinstance(data, CreateRefund) and event.adopted and event.answered_type == "refund.create":
        return replace(state, start=None, adoption=message)
    return state


def _deadline_ms(state: PaymentState, event: Told, message: Message | None, rules: Rules) -> int | None:
    if state.status not in ACTIVE:
        return None
    data = None if message is None else message.data
    if isinstance(data, InitiatePayment | ReadyPayment):
        return event.at_ms + (data.approval_timeout_seconds or rules.approval_timeout_seconds) * 1000
    if isinstance(data, PreparePayment):
        return event.at_ms + rules.prepared_timeout_seconds * 1000
    return state.approval_deadline_ms


def _message(state: PaymentState, event: Told, commands: Mapping[MessageId, Message]) -> Message | None:
    """The command that the event answers, as it came, or as much of it as the event itself tells."""
    if event.answers is None:
        return None
    found = commands.get(event.answers)
    if found is not None:
        return found
    data = _data(state.payment_id, event)
    return Message(event.answers, data.kind, data, HASH_UNKNOWN, event.at_ms, event.at_ms)


def _data(payment_id: str, event: Told) -> InitiatePayment | PreparePayment | ReadyPayment | CreateRefund:
    """Captures and refunds that were due by themselves have been told by now, or are asked for by a command."""
    amounts, pos_id = event.amounts, event.pos_id or ""
    requested = Money(amounts.requested, amounts.currency) if amounts else Money(0, Currency.DKK)
    match event.answered_type:
        case "payment.prepare":
            return PreparePayment(payment_id, pos_id, event.order_id)
        case "payment.ready":
            return ReadyPayment(payment_id, requested)
        case "payment.initiate":
            return InitiatePayment(payment_id, pos_id, requested, event.order_id)
        case _:
            amount = event.refund_amount or requested
            return CreateRefund(
                payment_id, event.refund_id or "", amount, CaptureMode.MANUAL, pos_id, event.order_id
            )


def _refunded(state: PaymentState, event: Told, message: Message | None) -> PaymentState:
    """A rejected refund leaves none behind; one whose making is not known is made by its command again."""
    if event.refund_amount is None or event.refund_status is None:
        return state
    before = next((r for r in state.refunds if r.provider_refund_id == event.provider_refund_id), None)
    if before is None:
        if message is None or not isinstance(message.data, CreateRefund):
            # The oldest events are gone; the identity of whoever asked for it went with them.
            cause, capture = Cause(MessageId("", "")), CaptureMode.MANUAL
        else:
            cause = Cause(message.id, message.correlation_id, message.trace_parent, message.trace_state)
            capture = message.data.capture
        before = Refund(
            event.refund_id or "",
            event.refund_amount,
            cause,
            capture=capture,
            provider_refund_id=event.provider_refund_id,
        )
    reserved_ms = event.at_ms if event.refund_status is RefundStatus.RESERVED else before.reserved_ms
    now = replace(before, status=event.refund_status, reserved_ms=reserved_ms)
    others = tuple(r for r in state.refunds if r.provider_refund_id != event.provider_refund_id)
    return replace(state, refunds=(*others, now))


def _asked(state: PaymentState, message: Message, rules: Rules, unknown: set[str | None]) -> PaymentState:
    if state.waiting:
        return _behind(state, message)
    at = At(message.time_ms)
    conditions = Conditions(holding=False, merchant_known=lambda _: True)
    arrived = payment.CommandArrived(message)
    decision = payment.decide(
        state.payment_id, state, None, None, arrived, at, rules, conditions, lambda: 0.0
    )
    after = decision.state
    if after is None or decision.events:
        # It is answered without a call, so nothing of it was sent; its owner will judge it.
        return _behind(state, message)
    if after.pending is not None and after.pending.kind in unknown:
        after = replace(after, pending=replace(after.pending, told=True))
    refunds = tuple(
        replace(r, pending=replace(r.pending, told=True)) if r.pending and r.refund_id in unknown else r
        for r in after.refunds
    )
    return replace(after, refunds=refunds)


def _behind(state: PaymentState, message: Message) -> PaymentState:
    known = Remembered(message.id, message.data_hash)
    return replace(
        state,
        inbox=(*state.inbox, message),
        remembered=(*state.remembered, known),
        touched_ms=max(state.touched_ms, message.time_ms),
    )
