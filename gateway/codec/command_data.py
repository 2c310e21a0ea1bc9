"""The data of each command as it stands on the wire: camelCase JSON, unknown fields ignored.

These classes are apart from the domain's, since they carry formats that only pydantic reads, and since the
domain knows a command once something can carry it out. The JSON Schemas are made from them.
"""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, with_config
from pydantic.alias_generators import to_camel

from gateway.codec.formats import (
    BeaconId,
    BeaconTypes,
    Flag,
    MinorUnits,
    Seconds,
    Text,
    Uuid,
    VatNumber,
)
from gateway.domain.money import Currency
from gateway.domain.vocabulary import CaptureMode, PlannedCaptureDelay, WhenBusy

_WIRE: Final = ConfigDict(alias_generator=to_camel, extra="ignore")


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class AmountData:
    """`value` minor units of `currency`: 1250 DKK is 12.50 kroner."""

    value: MinorUnits
    currency: Currency


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class RestrictionsData:
    debit_card_disallowed: Flag = False
    credit_card_disallowed: Flag = False


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentInitiateData:
    payment_id: Text
    pos_id: Uuid
    amount: AmountData
    order_id: Text | None = None
    planned_capture_delay: PlannedCaptureDelay = PlannedCaptureDelay.NONE
    capture: CaptureMode = CaptureMode.MANUAL
    restrictions: RestrictionsData | None = None
    label: Text | None = None
    approval_timeout_seconds: Seconds | None = None
    when_busy: WhenBusy = WhenBusy.REJECT
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentPrepareData:
    payment_id: Text
    pos_id: Uuid
    order_id: Text | None = None
    when_busy: WhenBusy = WhenBusy.REJECT
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentReadyData:
    payment_id: Text
    amount: AmountData
    planned_capture_delay: PlannedCaptureDelay = PlannedCaptureDelay.NONE
    capture: CaptureMode = CaptureMode.MANUAL
    restrictions: RestrictionsData | None = None
    label: Text | None = None
    approval_timeout_seconds: Seconds | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentCaptureData:
    payment_id: Text
    amount: AmountData | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentCancelData:
    payment_id: Text


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class RefundCreateData:
    """`pos_id`, `order_id` and `merchant_vat_number` are for a payment that the state no longer holds."""

    payment_id: Text
    refund_id: Text
    amount: AmountData
    capture: CaptureMode = CaptureMode.AUTOMATIC
    pos_id: Uuid | None = None
    order_id: Text | None = None
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class RefundCaptureData:
    payment_id: Text
    refund_id: Text


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class RefundCancelData:
    payment_id: Text
    refund_id: Text


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PointOfSaleCreateData:
    merchant_pos_id: Text
    store_id: Uuid
    name: Text
    supported_beacon_types: BeaconTypes
    beacon_id: BeaconId | None = None
    callback_alias: Text | None = None
    require_payment_before_checkin: Flag = False
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PointOfSaleDeleteData:
    merchant_pos_id: Text
    pos_id: Uuid
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class CheckinWatchData:
    merchant_pos_id: Text
    pos_id: Uuid
    seconds: Seconds
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class CheckinNotifiedData:
    """The provider's hint that somebody checked in; written by the gateway itself."""

    merchant_pos_id: Text


PaymentData = (
    PaymentInitiateData
    | PaymentPrepareData
    | PaymentReadyData
    | PaymentCaptureData
    | PaymentCancelData
    | RefundCreateData
    | RefundCaptureData
    | RefundCancelData
)
PointOfSaleData = PointOfSaleCreateData | PointOfSaleDeleteData | CheckinWatchData | CheckinNotifiedData
CommandData = PaymentData | PointOfSaleData

CHECKIN_NOTIFIED: Final = "checkin.notified"

COMMANDS: Final[dict[str, TypeAdapter[Any]]] = {
    "payment.initiate": TypeAdapter(PaymentInitiateData),
    "payment.prepare": TypeAdapter(PaymentPrepareData),
    "payment.ready": TypeAdapter(PaymentReadyData),
    "payment.capture": TypeAdapter(PaymentCaptureData),
    "payment.cancel": TypeAdapter(PaymentCancelData),
    "refund.create": TypeAdapter(RefundCreateData),
    "refund.capture": TypeAdapter(RefundCaptureData),
    "refund.cancel": TypeAdapter(RefundCancelData),
    "point-of-sale.create": TypeAdapter(PointOfSaleCreateData),
    "point-of-sale.delete": TypeAdapter(PointOfSaleDeleteData),
    "checkin.watch": TypeAdapter(CheckinWatchData),
    CHECKIN_NOTIFIED: TypeAdapter(CheckinNotifiedData),
}
"""Every `ce_type` of a command with the reader of its data."""
