"""From the wire's data to the domain's commands."""

from dataclasses import fields, replace
from typing import Any, Final, assert_never, get_args

from pydantic.alias_generators import to_camel

from gateway.codec.command_data import (
    AmountData,
    CheckinNotifiedData,
    CheckinWatchData,
    CommandData,
    PaymentCancelData,
    PaymentCaptureData,
    PaymentInitiateData,
    PaymentPrepareData,
    PaymentReadyData,
    PointOfSaleCreateData,
    PointOfSaleDeleteData,
    RefundCancelData,
    RefundCaptureData,
    RefundCreateData,
    RestrictionsData,
)
from gateway.domain.commands import (
    CancelPayment,
    CancelRefund,
    CapturePayment,
    CaptureRefund,
    CheckinNotified,
    CreatePointOfSale,
    CreateRefund,
    Data,
    DeletePointOfSale,
    InitiatePayment,
    PreparePayment,
    ReadyPayment,
    Restrictions,
    WatchCheckin,
)
from gateway.domain.money import Money

_KNOWN_FIELDS: Final[dict[type, dict[str, str]]] = {
    wire: {to_camel(field.name): field.name for field in fields(wire)}
    for wire in (AmountData, RestrictionsData, *get_args(CommandData))
}


def normal(data: CommandData) -> CommandData:
    """The same data with what equals its default left at the default: an orderId that is the paymentId, and
    restrictions that restrict nothing.
    """
    if isinstance(data, PaymentInitiateData | PaymentPrepareData | RefundCreateData) and (
        data.order_id == data.payment_id
    ):
        data = replace(data, order_id=None)
    if isinstance(data, PaymentInitiateData | PaymentReadyData) and data.restrictions == RestrictionsData():
        data = replace(data, restrictions=None)
    return data


def aggregate_id(data: CommandData) -> tuple[str, str]:
    """The name and the value of the field that the record's key must equal."""
    match data:
        case (
            PaymentInitiateData()
            | PaymentPrepareData()
            | PaymentReadyData()
            | PaymentCaptureData()
            | PaymentCancelData()
            | RefundCreateData()
            | RefundCaptureData()
            | RefundCancelData()
        ):
            return "paymentId", data.payment_id
        case PointOfSaleCreateData() | PointOfSaleDeleteData() | CheckinWatchData() | CheckinNotifiedData():
            return "merchantPosId", data.merchant_pos_id
        case _:
            assert_never(data)


def meaning(data: CommandData) -> Data:
    """The command, in the domain's words."""
    match data:
        case PaymentInitiateData():
            return InitiatePayment(
                payment_id=data.payment_id,
                pos_id=data.pos_id,
                amount=_money(data.amount),
                order_id=data.order_id,
                planned_capture_delay=data.planned_capture_delay,
                capture=data.capture,
                restrictions=_restrictions(data.restrictions),
                label=data.label,
                approval_timeout_seconds=data.approval_timeout_seconds,
                when_busy=data.when_busy,
                merchant_vat_number=data.merchant_vat_number,
            )
        case PaymentCaptureData():
            return CapturePayment(data.payment_id, None if data.amount is None else _money(data.amount))
        case PaymentCancelData():
            return CancelPayment(data.payment_id)
        case PaymentPrepareData():
            return PreparePayment(
                payment_id=data.payment_id,
                pos_id=data.pos_id,
                order_id=data.order_id,
                when_busy=data.when_busy,
                merchant_vat_number=data.merchant_vat_number,
            )
        case PaymentReadyData():
            return ReadyPayment(
                payment_id=data.payment_id,
                amount=_money(data.amount),
                planned_capture_delay=data.planned_capture_delay,
                capture=data.capture,
                restrictions=_restrictions(data.restrictions),
                label=data.label,
                approval_timeout_seconds=data.approval_timeout_seconds,
            )
        case RefundCreateData():
            return CreateRefund(
                payment_id=data.payment_id,
                refund_id=data.refund_id,
                amount=_money(data.amount),
                capture=data.capture,
                pos_id=data.pos_id,
                order_id=data.order_id,
                merchant_vat_number=data.merchant_vat_number,
            )
        case RefundCaptureData():
            return CaptureRefund(data.payment_id, data.refund_id)
        case RefundCancelData():
            return CancelRefund(data.payment_id, data.refund_id)
        case PointOfSaleCreateData():
            return CreatePointOfSale(
                merchant_pos_id=data.merchant_pos_id,
                store_id=data.store_id,
                name=data.name,
                supported_beacon_types=data.supported_beacon_types,
                beacon_id=data.beacon_id,
                callback_alias=data.callback_alias,
                require_payment_before_checkin=data.require_payment_before_checkin,
                merchant_vat_number=data.merchant_vat_number,
            )
        case PointOfSaleDeleteData():
            return DeletePointOfSale(data.merchant_pos_id, data.pos_id, data.merchant_vat_number)
        case CheckinWatchData():
            return WatchCheckin(data.merchant_pos_id, data.pos_id, data.seconds, data.merchant_vat_number)
        case CheckinNotifiedData():
            return CheckinNotified(data.merchant_pos_id)
        case _:
            assert_never(data)


def ignored_fields(data: object, given: dict[str, Any]) -> int:
    """How many fields of the JSON object `given` are none of `data`, which was read from it; nested too."""
    known = _KNOWN_FIELDS[type(data)]
    count = 0
    for name, value in given.items():
        field = known.get(name)
        if field is None:
            count += 1
        elif isinstance(value, dict):
            inner = getattr(data, field)
            count += ignored_fields(inner, value) if type(inner) in _KNOWN_FIELDS else 0
    return count


def _money(amount: AmountData) -> Money:
    return Money(amount.value, amount.currency)


def _restrictions(given: RestrictionsData | None) -> Restrictions | None:
    if given is None:
        return None
    return Restrictions(given.debit_card_disallowed, given.credit_card_disallowed)
