"""Example records of the state topic, made by the codec and the changelog themselves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from gateway.codec import (
    STATE_VERSION,
    CommandLimits,
    encode_point_of_sale,
    encode_state,
    read_command,
)
from gateway.domain.commands import Message
from gateway.domain.events import Amounts, Cause
from gateway.domain.money import Currency, Money
from gateway.domain.points_of_sale.operations import PointOfSaleReading
from gateway.domain.points_of_sale.state import PointOfSaleState, Watch
from gateway.domain.state import OperationKind, PaymentState, Pending, Refund, Remembered, Start
from gateway.domain.vocabulary import CaptureMode, PaymentStatus, RefundStatus
from gateway.flow import PAYMENT_PREFIX, POINT_OF_SALE_PREFIX
from gateway.kafka.changelog import CHECKPOINT_KEY, Checkpoint, checkpoint_entry, state_entry
from gateway.kafka.log import Entry
from gateway.published.examples import AT_MS, COMMANDS, PAYMENT, POS, STORE, TILL, Example, command

_PROVIDER_PAYMENT: Final = "186d2b31-ff25-4414-9fd1-bfe9807fa8b7"


def _message(type_: str) -> Message:
    message = read_command(command(type_).record(), CommandLimits())
    assert isinstance(message, Message)
    return message


def _remembered(*messages: Message) -> tuple[Remembered, ...]:
    return tuple(Remembered(each.id, each.data_hash) for each in messages)


def initiating() -> PaymentState:
    """A payment whose start may have been sent, with one of each other command that waits for its end."""
    start, *others = (_message(type_) for type_ in COMMANDS if "paymentId" in COMMANDS[type_])
    return PaymentState(
        PAYMENT,
        status=PaymentStatus.REQUESTED,
        start=Start(start),
        amounts=Amounts(Currency.DKK, requested=1250, captured=0),
        pending=Pending(OperationKind.INITIATE, Cause(start.id, start.correlation_id), AT_MS),
        inbox=tuple(others),
        remembered=_remembered(start, *others),
        touched_ms=AT_MS,
    )


def refunding() -> PaymentState:
    """A captured payment with a refund that is being captured."""
    start, made, asked = _message("payment.initiate"), _message("refund.create"), _message("refund.capture")
    amount, cause = Money(250, Currency.DKK), Cause(made.id, made.correlation_id)
    capture = Pending(OperationKind.REFUND_CAPTURE, Cause(asked.id), AT_MS + 9000, asked, amount)
    refund = Refund("r-1", amount, cause, RefundStatus.RESERVED, CaptureMode.MANUAL, pending=capture)
    return replace(
        initiating(),
        sequence=6,
        status=PaymentStatus.CAPTURED,
        start=Start(start, answered=True),
        provider_payment_id=_PROVIDER_PAYMENT,
        amounts=Amounts(Currency.DKK, requested=1250, reserved=1250, captured=1250),
        pending=None,
        inbox=(),
        remembered=_remembered(start, made, asked),
        refunds=(
            replace(refund, provider_refund_id="4f0bfb2c-8d0b-4b6e-a9f0-0d5a4cf4b9a1", poll_delay_ms=1000),
        ),
    )


def watched_till() -> PointOfSaleState:
    """A point of sale without a beacon that is watched for a customer, while other commands wait."""
    watch = _message("checkin.watch")
    others = [_message(f"point-of-sale.{verb}") for verb in ("create", "delete")]
    known = PointOfSaleReading(POS, TILL, STORE, "Till 1", supported_beacon_types=("QR",))
    return PointOfSaleState(
        TILL,
        sequence=1,
        known=known,
        merchant="DK12345678",
        watches=(Watch(watch, AT_MS + 60_000),),
        inbox=tuple(others),
        remembered=_remembered(watch, *others),
        touched_ms=AT_MS,
    )


def states() -> Iterator[tuple[str, Example]]:
    """By the name of the example, which begins with the kind of record."""
    payment, till = f"{PAYMENT_PREFIX}{PAYMENT}", f"{POINT_OF_SALE_PREFIX}{TILL}"
    yield "payment.initiating", _example(state_entry(payment, encode_state(initiating()), STATE_VERSION))
    yield "payment.refunding", _example(state_entry(payment, encode_state(refunding()), STATE_VERSION))
    yield (
        "point-of-sale.watched",
        _example(state_entry(till, encode_point_of_sale(watched_till()), STATE_VERSION)),
    )
    yield CHECKPOINT_KEY.decode(), _example(checkpoint_entry(Checkpoint(4711, 12, "pos-gateway", (payment,))))


def _example(entry: Entry) -> Example:
    headers = {name: (value or b"").decode() for name, value in entry.headers}
    return Example(entry.key.decode(), headers, json.loads(entry.value or b""))
