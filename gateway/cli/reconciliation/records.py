"""What reconciling looks at, as plain records, and how they are read from what lies in the topics."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord

from gateway.cli.reading import parts
from gateway.codec import CommandLimits, DeadLetter, read_command
from gateway.codec.dead_letters import SKIPPED, read_note
from gateway.codec.times import read_time
from gateway.domain.commands import CreateRefund, InitiatePayment, PreparePayment
from gateway.domain.identity import MessageId
from gateway.domain.money import Currency, Money
from gateway.domain.vocabulary import WhenBusy

Place = tuple[int, int]
"""Partition and offset in the commands topic."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One command record. `id` None: it cannot be understood, so a dead letter answers it. `until_ms`: it may
    rightly wait so long for its answer. Times are ms of the epoch.
    """

    place: Place
    key: str
    at_ms: int
    id: MessageId | None = None
    type: str = ""
    data_hash: str = ""
    merchant: str | None = None
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """One event. `by` is who captured or cancelled; None is not said."""

    key: str
    sequence: int
    id: str
    type: str
    at_ms: int
    status: str | None = None
    by: str | None = None
    reason: str | None = None
    operation: str | None = None
    requested: Money | None = None
    refund_id: str | None = None
    refund_amount: Money | None = None
    provider_payment_id: str | None = None
    provider_refund_id: str | None = None
    answers: MessageId | None = None
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: the offsets from `offset` up to, but not with, `next_offset` are accounted for."""

    partition: int
    offset: int
    next_offset: int


def asked(record: ConsumerRecord, limits: CommandLimits) -> Asked | None:
    """None: a command that nobody is to answer."""
    place = (record.partition, record.offset)
    key = "" if record.key is None else record.key.decode("utf-8", "backslashreplace")
    message = read_command(parts(record), limits)
    if isinstance(message, DeadLetter):
        return Asked(place, key, record.timestamp)
    if message.type == "checkin.notified":
        return None
    data = message.data
    named = (
        data.merchant_vat_number
        if isinstance(data, InitiatePayment | PreparePayment | CreateRefund)
        else None
    )
    waits = isinstance(data, InitiatePayment | PreparePayment) and data.when_busy is WhenBusy.WAIT
    until_ms = message.expires_at_ms if waits else 0
    return Asked(place, key, record.timestamp, message.id, message.type, message.data_hash, named, until_ms)


def told(record: ConsumerRecord) -> Told | None:
    """None: no event of a payment."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    try:
        data = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not isinstance(data.get("sequence"), int) or record.key is None:
        return None
    words = data.get("provider")
    provider: Mapping[str, Any] = words if isinstance(words, dict) else {}
    source, id_ = data.get("commandSource"), data.get("commandId")
    return Told(
        key=record.key.decode("utf-8", "backslashreplace"),
        sequence=data["sequence"],
        id=headers.get("ce_id", ""),
        type=headers.get("ce_type", ""),
        at_ms=_or(read_time(str(data.get("occurredAt"))), record.timestamp),
        status=data.get("status"),
        by=data.get("by"),
        reason=data.get("reason"),
        operation=data.get("operation"),
        requested=_requested(data.get("amounts")),
        refund_id=data.get("refundId"),
        refund_amount=_money(data.get("refundAmount")),
        provider_payment_id=provider.get("paymentId"),
        provider_refund_id=provider.get("refundId"),
        answers=MessageId(source, id_) if isinstance(source, str) and isinstance(id_, str) else None,
        adopted=data.get("adopted") is True,
    )


def letter(record: ConsumerRecord, commands: str) -> Letter | None:
    """None: a dead letter of another topic, or of none."""
    note = read_note(record.headers)
    if note.topic != commands or note.partition is None or note.offset is None:
        return None
    next_offset = note.offset + 1
    if note.reason == SKIPPED:
        try:
            next_offset = int(json.loads(record.value or b"")["nextOffset"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
    return Letter(note.partition, note.offset, next_offset)


def _requested(amounts: object) -> Money | None:
    if not isinstance(amounts, dict):
        return None
    # Zero is what stands there while no amount has been told to the provider.
    return _money({"value": amounts.get("requested") or None, "currency": amounts.get("currency")})


def _money(said: object) -> Money | None:
    if not isinstance(said, dict):
        return None
    value, currency = said.get("value"), said.get("currency")
    if not isinstance(value, int) or not isinstance(currency, str) or currency not in Currency.__members__:
        return None
    return Money(value, Currency(currency))


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
