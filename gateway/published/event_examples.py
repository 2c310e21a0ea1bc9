"""Example events: one of each type, made by the writer itself."""

from collections.abc import Iterator
from typing import Final

from gateway.codec import write_event, write_point_of_sale_event
from gateway.domain.events import (
    Amounts,
    Answers,
    Candidate,
    Cause,
    CommandRejected,
    PaymentCancelled,
    PaymentCaptured,
    PaymentEvent,
    PaymentExpired,
    PaymentFact,
    PaymentInitiated,
    PaymentIssued,
    PaymentPaired,
    PaymentPrepared,
    PaymentReserved,
    PaymentUnknown,
    ProviderWords,
    RefundCancelled,
    RefundCaptured,
    RefundInitiated,
    RefundNews,
    RefundReserved,
)
from gateway.domain.identity import MessageId
from gateway.domain.money import Currency, Money
from gateway.domain.points_of_sale.events import (
    CheckinEnd,
    CheckinEnded,
    CheckinStarted,
    PointOfSaleCreated,
    PointOfSaleDeleted,
    PointOfSaleEvent,
    PointOfSaleFact,
)
from gateway.domain.points_of_sale.operations import PointOfSaleReading
from gateway.domain.points_of_sale.state import PointOfSaleTask
from gateway.domain.state import OperationKind
from gateway.domain.vocabulary import By, CancelReason, CapturedBy, PaymentStatus, Reason, RefundStatus
from gateway.published.examples import (
    AT_MS,
    BEACON,
    PAYMENT,
    POS,
    SOURCE,
    STORE,
    TILL,
    TRACE,
    Example,
    example_of,
)

EVENT_SOURCE: Final = "/pos-gateway"

_DAYS_7_MS: Final = 7 * 86_400_000
_REFUND: Final = Money(250, Currency.DKK)
_MADE: Final = PointOfSaleReading(
    POS, TILL, STORE, "Till 1", BEACON, ("QR", "NFC"), f"mobilepaypos://pos?id={BEACON}&source=qr"
)
_PROVIDER_PAYMENT: Final = "186d2b31-ff25-4414-9fd1-bfe9807fa8b7"
_PROVIDER_REFUND: Final = "4f0bfb2c-8d0b-4b6e-a9f0-0d5a4cf4b9a1"
_UNPAID: Final = Amounts(Currency.DKK, requested=1250, captured=0)
_HELD: Final = Amounts(Currency.DKK, requested=1250, reserved=1250, captured=0)
_PAID: Final = Amounts(Currency.DKK, requested=1250, reserved=1250, captured=1250)
_PART_BACK: Final = Amounts(Currency.DKK, requested=1250, reserved=1250, captured=1250, refunded=250)
_WORDS: Final = {
    PaymentStatus.PREPARED: "Prepared",
    PaymentStatus.PAIRED: "Paired",
    PaymentStatus.INITIATED: "Initiated",
    PaymentStatus.ISSUED: "IssuedToUser",
    PaymentStatus.RESERVED: "Reserved",
    PaymentStatus.CAPTURED: "Captured",
    PaymentStatus.CANCELLED: "CancelledByUser",
    PaymentStatus.EXPIRED: "ExpiredAndCancelled",
}


def _refund(status: RefundStatus) -> RefundNews:
    return RefundNews("r-1", status, _REFUND)


def _payment(
    status: PaymentStatus,
    fact: PaymentFact,
    amounts: Amounts | None,
    sequence: int,
    answers: str | None = None,
    words: ProviderWords | None = None,
) -> Example:
    cause = Cause(MessageId(SOURCE, f"m-{sequence}"), "order-1042", TRACE)
    event = PaymentEvent(
        payment_id=PAYMENT,
        sequence=sequence,
        status=status,
        occurred_at_ms=AT_MS + 1000 * sequence,
        fact=fact,
        cause=cause,
        order_id="1042",
        pos_id=POS,
        amounts=amounts,
        answers=None if answers is None else Answers(cause.id, answers),
        provider=words or ProviderWords(payment_id=_PROVIDER_PAYMENT, status=_WORDS[status]),
    )
    return example_of(write_event(event, EVENT_SOURCE))


def _of_refund(
    status: RefundStatus, fact: PaymentFact, amounts: Amounts, sequence: int, answers: str
) -> Example:
    word = "CancelledByClient" if status is RefundStatus.CANCELLED else status.value.capitalize()
    words = ProviderWords(_PROVIDER_PAYMENT, _PROVIDER_REFUND, word)
    return _payment(PaymentStatus.CAPTURED, fact, amounts, sequence, answers, words)


def _till(fact: PointOfSaleFact, sequence: int, answers: str | None) -> Example:
    cause = Cause(MessageId(SOURCE, f"m-{sequence}"))
    told = None if answers is None else Answers(cause.id, answers)
    event = PointOfSaleEvent(TILL, sequence, AT_MS + 1000 * sequence, fact, cause, told)
    return example_of(write_point_of_sale_event(event, EVENT_SOURCE))


def events() -> Iterator[tuple[str, Example]]:
    """By the name of the example, which begins with the event's type."""
    start, of = "payment.initiate", PaymentStatus
    busy = CommandRejected(Reason.POINT_OF_SALE_BUSY, "another payment is active on the point of sale")
    in_the_way = ProviderWords(code="1301", candidates=(Candidate(_PROVIDER_PAYMENT, "1041", "Issued"),))
    closed = CommandRejected(Reason.STORE_NOT_ACTIVE, "the store is not active")
    yield "payment.prepared", _payment(of.PREPARED, PaymentPrepared(), None, 1, "payment.prepare")
    yield "payment.paired", _payment(of.PAIRED, PaymentPaired(), None, 2)
    yield "payment.initiated", _payment(of.INITIATED, PaymentInitiated(), _UNPAID, 1, start)
    yield "payment.issued", _payment(of.ISSUED, PaymentIssued(), _UNPAID, 2)
    reserved = PaymentReserved(True, AT_MS + _DAYS_7_MS, ("1234567890",))
    yield "payment.reserved", _payment(of.RESERVED, reserved, _HELD, 3)
    yield "payment.captured", _payment(of.CAPTURED, PaymentCaptured(), _PAID, 4, "payment.capture")
    declined = PaymentCancelled(By.CUSTOMER, CancelReason.DECLINED)
    yield "payment.cancelled", _payment(of.CANCELLED, declined, _UNPAID, 3)
    yield "payment.expired", _payment(of.EXPIRED, PaymentExpired(), _HELD, 4)
    unknown = PaymentUnknown(OperationKind.INITIATE)
    yield "payment.unknown", _payment(of.REQUESTED, unknown, _UNPAID, 1, words=ProviderWords())
    yield "payment.unknown.point-of-sale", _till(PaymentUnknown(PointOfSaleTask.CREATE), 1, None)
    create, status = "refund.create", RefundStatus
    yield (
        "refund.initiated",
        _of_refund(status.INITIATED, RefundInitiated(_refund(status.INITIATED)), _PAID, 5, create),
    )
    yield (
        "refund.reserved",
        _of_refund(status.RESERVED, RefundReserved(_refund(status.RESERVED)), _PAID, 5, create),
    )
    captured = RefundCaptured(_refund(status.CAPTURED), CapturedBy.COMMAND)
    yield "refund.captured", _of_refund(status.CAPTURED, captured, _PART_BACK, 6, "refund.capture")
    cancelled = RefundCancelled(_refund(status.CANCELLED), By.MERCHANT)
    yield "refund.cancelled", _of_refund(status.CANCELLED, cancelled, _PAID, 6, "refund.cancel")
    yield "command.rejected", _payment(of.NONE, busy, _UNPAID, 1, start, in_the_way)
    yield "command.rejected.point-of-sale", _till(closed, 1, "point-of-sale.create")
    yield "point-of-sale.created", _till(PointOfSaleCreated(_MADE), 1, "point-of-sale.create")
    yield "point-of-sale.deleted", _till(PointOfSaleDeleted(POS, _MADE), 2, "point-of-sale.delete")
    yield "checkin.started", _till(CheckinStarted(POS, ("1234567890",)), 3, "checkin.watch")
    yield "checkin.ended", _till(CheckinEnded(POS, CheckinEnd.NOBODY), 3, "checkin.watch")
