"""The flow, told to the log: a line for each command that was accepted, each event and each dead letter.

A line is written when the transaction that holds its subject is committed, so what the log says has happened; a
process that is killed between the two leaves the line out, and the event stands in its topic all the same. That a
command was accepted is told with the next transaction of any partition, so it may be told of one whose own failed
and which is accepted again. A line bears the ids of the payment and of the command, and the sender's own
correlation and trace ids, so that one search finds it all.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.codec.dead_letters import read_note
from gateway.domain.calls import AnyOutcome
from gateway.domain.commands import Message
from gateway.domain.events import (
    CommandRejected,
    PaymentCancelled,
    PaymentEvent,
    PaymentUnknown,
    RefundCancelled,
    RefundCaptured,
    RefundInitiated,
    RefundReserved,
    event_type,
)
from gateway.domain.identity import MessageId
from gateway.domain.points_of_sale.events import CheckinEnded, PointOfSaleEvent, point_of_sale_event_type
from gateway.flow import POINT_OF_SALE_PREFIX, Call, PaymentFlow
from gateway.kafka.handler import Arrived, Now, Prompt, Turn
from gateway.kafka.records import Channel, Headers, Outgoing
from gateway.observability.lines import Line, LineWriter

LOGGER = "gateway.payments"

MAX_KEPT = 10_000
"""Of acceptances between two transactions of any partition; while none can be committed the oldest are dropped."""

_OF_REFUNDS = (RefundInitiated, RefundReserved, RefundCaptured, RefundCancelled)

_writer = LineWriter(LOGGER)


class ToldFlow(PaymentFlow):
    """`committed` is to hear of each transaction's records."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._accepted: dict[tuple[str, MessageId], Line] = {}

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
        # What changes nothing is a repeat.
        if isinstance(prompt, Arrived) and turn.state is not state and _writer.hears(logging.INFO):
            message = prompt.message
            if len(self._accepted) >= MAX_KEPT:
                del self._accepted[next(iter(self._accepted))]
            self._accepted[key, message.id] = _accepted(key, message)
        return turn

    def committed(self, records: Sequence[Outgoing]) -> None:
        if self._accepted or records:
            _writer.write([*self._accepted.values(), *lines_of(records)])
            self._accepted.clear()


def lines_of(records: Iterable[Outgoing]) -> Iterable[Line]:
    for record in records:
        if record.channel is Channel.DEAD_LETTERS:
            yield _dead_letter(record)
        elif isinstance(record.about, PaymentEvent):
            yield _payment_event(record.about)
        elif isinstance(record.about, PointOfSaleEvent):
            yield _point_of_sale_event(record.about)


def _accepted(key: str, message: Message) -> Line:
    prefix, _, name = key.partition(":")
    of_a_till = prefix == POINT_OF_SALE_PREFIX.rstrip(":")
    return Line(
        "command accepted",
        {
            "merchant_pos_id" if of_a_till else "payment_id": name,
            "command_id": message.id.id,
            "command_type": message.type,
            "correlation_id": message.correlation_id,
            "trace_id": _trace_id(message.trace_parent),
        },
    )


def _payment_event(event: PaymentEvent) -> Line:
    fact, cause = event.fact, event.cause
    fields: dict[str, str | int | None] = {
        "payment_id": event.payment_id,
        "sequence": event.sequence,
        "status": event.status,
        "command_id": cause.id.id,
        "answers": event.answers.type if event.answers else None,
        "correlation_id": cause.correlation_id,
        "trace_id": _trace_id(cause.trace_parent),
    }
    if isinstance(fact, _OF_REFUNDS):
        fields["refund_id"] = fact.refund.refund_id
    elif isinstance(fact, CommandRejected):
        fields |= {"refund_id": fact.refund_id, "reason": fact.reason}
    elif isinstance(fact, PaymentCancelled):
        fields["reason"] = fact.reason
    return _with_provider(event_type(event.fact), fields, event)


def _point_of_sale_event(event: PointOfSaleEvent) -> Line:
    fact, cause = event.fact, event.cause
    fields: dict[str, str | int | None] = {
        "merchant_pos_id": event.merchant_pos_id,
        "sequence": event.sequence,
        "command_id": cause.id.id,
        "answers": event.answers.type if event.answers else None,
        "correlation_id": cause.correlation_id,
        "trace_id": _trace_id(cause.trace_parent),
    }
    if isinstance(fact, CommandRejected | CheckinEnded):
        fields["reason"] = fact.reason
    return _with_provider(point_of_sale_event_type(event.fact), fields, event)


def _with_provider(
    type_: str, fields: dict[str, str | int | None], event: PaymentEvent | PointOfSaleEvent
) -> Line:
    """An outcome that is not known is what somebody may have to look after."""
    provider, level = event.provider, logging.INFO
    if provider is not None:
        fields["provider_code"] = provider.code
        fields["provider_correlation_id"] = provider.correlation_id
    if isinstance(event.fact, PaymentUnknown):
        fields |= {"operation": event.fact.operation, "refund_id": event.fact.refund_id}
        level = logging.WARNING
    return Line(type_, fields, level)


def _dead_letter(record: Outgoing) -> Line:
    """Of what could not be understood only what can be read, and what is wrong with it."""
    note = read_note(record.headers)
    return Line(
        "dead letter",
        {
            "key": _text(record.key),
            "command_id": _header(record.headers, "ce_id"),
            "command_type": _header(record.headers, "ce_type"),
            "correlation_id": _header(record.headers, "ce_correlationid"),
            "reason": note.reason,
            "problem": note.message,
            "partition": note.partition,
            "offset": note.offset,
        },
        logging.WARNING,
    )


def _header(headers: Headers, name: str) -> str | None:
    return next((_text(value) for key, value in headers if key == name), None)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _trace_id(trace_parent: str | None) -> str | None:
    return None if trace_parent is None else trace_parent[3:35]
