"""The flow as spans: a command accepted, each call that is made for it, each event that it leads to.

The decisions stay the flow's own. A call's span runs from the turn that asked for it, so the wait for the intent's
transaction and for a place is part of it; an event's from the turn that told it until it is committed.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway import codec
from gateway.app.telling import ToldFlow
from gateway.codec.timeline import hyphenated
from gateway.domain.calls import AnyOutcome
from gateway.domain.causes import cause_at_point_of_sale, cause_of_operation
from gateway.domain.commands import Message
from gateway.domain.draft import cause_of
from gateway.domain.events import Cause, CommandRejected, PaymentEvent, event_type
from gateway.domain.operations import (
    Deferred,
    FindPayments,
    FindRefunds,
    Initiate,
    Observed,
    Prepare,
    ReadPayment,
    ReadRefund,
    Refund,
    RefundObserved,
    Rejected,
    Unknown,
)
from gateway.domain.points_of_sale.events import PointOfSaleEvent, point_of_sale_event_type
from gateway.domain.points_of_sale.operations import MakePointOfSale
from gateway.flow import POINT_OF_SALE_PREFIX, Call, FlowOptions, Provider
from gateway.kafka.handler import Arrived, Now, Performed, Permit, Prompt, Turn
from gateway.kafka.records import Outgoing
from gateway.observability.logs import get_logger
from gateway.observability.tracing import Attributes, CallSpan, Tracing
from gateway.observability.tracing_options import Lineage

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TracedCall(Call):
    span: CallSpan


@dataclass(frozen=True, slots=True)
class Told:
    """An event on its way: when it was decided, and by the outcome of which call."""

    event: PaymentEvent | PointOfSaleEvent
    decided_ns: int
    by: CallSpan | None


class TracedFlow(ToldFlow):
    def __init__(
        self, provider: Provider, options: FlowOptions, draws: random.Random, tracing: Tracing
    ) -> None:
        super().__init__(provider, options, draws)
        self._tracing = tracing
        self._said = False

    def handle(
        self,
        key: str,
        state: bytes | None,
        memo: Any,
        running: Call | None,
        prompt: "Prompt[Message, Call, AnyOutcome]",
        now: Now,
    ) -> Turn[Call]:
        turn = super().handle(key, state, memo, running, prompt, now)
        try:
            return self._seen(key, state, prompt, turn)
        except Exception as fault:
            # A trace never costs a payment.
            self._broken(fault)
            return turn

    def _seen(
        self, key: str, state: bytes | None, prompt: "Prompt[Message, Call, AnyOutcome]", turn: Turn[Call]
    ) -> Turn[Call]:
        if isinstance(prompt, Arrived) and turn.state is not state:
            self._accepted_now(key, prompt)
        by = None
        if isinstance(prompt, Performed) and isinstance(prompt.effect, TracedCall):
            by = prompt.effect.span
        if turn.records:
            turn = replace(turn, records=tuple(_noted(record, by) for record in turn.records))
        if turn.effect is not None:
            turn = replace(turn, effect=self._begun(key, turn.state, turn.effect, prompt))
        return turn

    async def perform(self, key: str, effect: Call, permit: Permit) -> AnyOutcome:
        if not isinstance(effect, TracedCall):
            return await super().perform(key, effect, permit)
        with effect.span.under_way():
            outcome = await super().perform(key, effect, permit)
        effect.span.end(_outcome(outcome), well=not isinstance(outcome, Unknown))
        return outcome

    def committed(self, records: Sequence[Outgoing]) -> None:
        try:
            for record in records:
                if isinstance(record.about, Told):
                    self._told(record.about)
        except Exception as fault:
            # As above.
            self._broken(fault)
        super().committed(
            [replace(r, about=r.about.event) if isinstance(r.about, Told) else r for r in records]
        )

    def _told(self, told: Told) -> None:
        of = _lineage(_subject(told.event), told.event.cause)
        self._tracing.event(of, _type(told.event), told.decided_ns, told.by, _about_event(told.event))

    def _broken(self, fault: Exception) -> None:
        """Said once: what fails for one payment fails for all."""
        if not self._said:
            log.error("traces fail and are left out", error=type(fault).__name__, reason=str(fault))
            self._said = True

    def _accepted_now(self, key: str, prompt: Arrived[Message]) -> None:
        message, record = prompt.message, prompt.record
        of = _lineage(key.partition(":")[2], cause_of(message))
        about: Attributes = {"command.type": message.type, **_aggregate(key), "messaging.system": "kafka"}
        about |= {"messaging.destination.name": record.topic, "messaging.kafka.offset": record.offset}
        about["messaging.destination.partition.id"] = str(record.partition)
        self._tracing.accepted(of, message.type, record.timestamp_ms, about)

    def _begun(
        self, key: str, state: bytes | None, call: Call, prompt: "Prompt[Message, Call, AnyOutcome]"
    ) -> Call:
        cause = self._cause(key, state, call)
        if cause is None and isinstance(prompt, Arrived):
            cause = cause_of(prompt.message)
        if cause is None:
            return call
        operation, name = call.operation, hyphenated(type(call.operation).__name__)
        about: Attributes = {**_aggregate(key), "operation": name}
        label = f"call {name}"
        if isinstance(operation, Initiate | Prepare | Refund | MakePointOfSale):
            about["idempotency.key"] = operation.key
        elif isinstance(operation, ReadPayment | FindPayments | ReadRefund | FindRefunds):
            about["purpose"] = operation.purpose
            label = f"{operation.purpose} {name}"
        of = _lineage(key.partition(":")[2], cause)
        return TracedCall(operation, self._tracing.call(of, label, about))

    def _cause(self, key: str, state: bytes | None, call: Call) -> Cause | None:
        if state is None:
            return None
        if key.startswith(POINT_OF_SALE_PREFIX):
            return cause_at_point_of_sale(codec.decode_point_of_sale(state), call.operation)  # type: ignore[arg-type]
        return cause_of_operation(self._states.decode(state), call.operation)  # type: ignore[arg-type]


def _noted(record: Outgoing, by: CallSpan | None) -> Outgoing:
    if isinstance(record.about, PaymentEvent | PointOfSaleEvent):
        return replace(record, about=Told(record.about, time.time_ns(), by))
    return record


def _lineage(aggregate_id: str, cause: Cause) -> Lineage:
    return Lineage(
        aggregate_id,
        cause.id.source,
        cause.id.id,
        cause.correlation_id,
        cause.trace_parent,
        cause.trace_state,
    )


def _subject(event: PaymentEvent | PointOfSaleEvent) -> str:
    return event.payment_id if isinstance(event, PaymentEvent) else event.merchant_pos_id


def _type(event: PaymentEvent | PointOfSaleEvent) -> str:
    if isinstance(event, PaymentEvent):
        return event_type(event.fact)
    return point_of_sale_event_type(event.fact)


def _aggregate(key: str) -> Attributes:
    prefix, _, name = key.partition(":")
    return {"merchant_pos.id" if f"{prefix}:" == POINT_OF_SALE_PREFIX else "payment.id": name}


def _about_event(event: PaymentEvent | PointOfSaleEvent) -> Attributes:
    subject = "payment.id" if isinstance(event, PaymentEvent) else "merchant_pos.id"
    about: Attributes = {subject: _subject(event), "event.sequence": event.sequence}
    about["command.answered"] = event.answers.type if event.answers else None
    if isinstance(event, PaymentEvent):
        about["payment.status"] = event.status
    if isinstance(event.fact, CommandRejected):
        about["reason"] = event.fact.reason
    return about


def _outcome(outcome: AnyOutcome) -> Attributes:
    """The outcome's word, and what it says of it in one word more."""
    word = hyphenated(type(outcome).__name__)
    if isinstance(outcome, Rejected):
        refusal = outcome.refusal
        return {
            "outcome": word,
            "reason": refusal.reason,
            "provider.code": refusal.code,
            "provider.correlation.id": refusal.correlation_id,
        }
    if isinstance(outcome, Deferred):
        return {"outcome": word, "reason": outcome.cause}
    if isinstance(outcome, Observed | RefundObserved):
        return {"outcome": word, "provider.status": outcome.reading.status}
    return {"outcome": word}
