"""The data of each command as it stands on the wire: camelCase JSON, unknown fields ignored.

These classes are apart from the domain's, since they carry formats that only pydantic reads, and since the
domain knows a command once something can carry it out. The published JSON Schemas are made from them, and
their docstrings are what an upstream service reads there.
"""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, with_config
from pydantic.alias_generators import to_camel

from gateway.codec.fields import (
    ApprovalSeconds,
    BeaconId,
    BeaconTypes,
    CallbackAlias,
    CreditDisallowed,
    DebitDisallowed,
    Label,
    MerchantPosId,
    OrderId,
    PaymentBeforeCheckin,
    PaymentId,
    PosId,
    PosName,
    RefundId,
    StoreId,
    Value,
    VatNumber,
    WatchSeconds,
)
from gateway.domain.money import Currency
from gateway.domain.vocabulary import CaptureMode, PlannedCaptureDelay, WhenBusy

_WIRE: Final = ConfigDict(alias_generator=to_camel, extra="ignore")


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class AmountData:
    """Money, in integer minor units of one currency."""

    value: Value
    currency: Currency


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class RestrictionsData:
    """Which cards the customer may not pay with."""

    debit_card_disallowed: DebitDisallowed = False
    credit_card_disallowed: CreditDisallowed = False


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentInitiateData:
    """Start a payment that the customer at the point of sale may approve at once."""

    payment_id: PaymentId
    pos_id: PosId
    amount: AmountData
    order_id: OrderId | None = None
    planned_capture_delay: PlannedCaptureDelay = PlannedCaptureDelay.NONE
    capture: CaptureMode = CaptureMode.MANUAL
    restrictions: RestrictionsData | None = None
    label: Label | None = None
    approval_timeout_seconds: ApprovalSeconds | None = None
    when_busy: WhenBusy = WhenBusy.REJECT
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentPrepareData:
    """Take the point of sale for a payment whose amount is told later, by `payment.ready`."""

    payment_id: PaymentId
    pos_id: PosId
    order_id: OrderId | None = None
    when_busy: WhenBusy = WhenBusy.REJECT
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentReadyData:
    """Tell the amount of a prepared payment, so that the customer may approve it."""

    payment_id: PaymentId
    amount: AmountData
    planned_capture_delay: PlannedCaptureDelay = PlannedCaptureDelay.NONE
    capture: CaptureMode = CaptureMode.MANUAL
    restrictions: RestrictionsData | None = None
    label: Label | None = None
    approval_timeout_seconds: ApprovalSeconds | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentCaptureData:
    """Take the money of a reserved payment; without an amount, all that is reserved."""

    payment_id: PaymentId
    amount: AmountData | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PaymentCancelData:
    """End a payment that is not yet captured."""

    payment_id: PaymentId


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class RefundCreateData:
    """Pay a part or all of a captured payment back. `posId`, `orderId` and `merchantVatNumber` are for a payment
    that the state no longer holds.
    """

    payment_id: PaymentId
    refund_id: RefundId
    amount: AmountData
    capture: CaptureMode = CaptureMode.AUTOMATIC
    pos_id: PosId | None = None
    order_id: OrderId | None = None
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class RefundCaptureData:
    """Pay a reserved refund out."""

    payment_id: PaymentId
    refund_id: RefundId


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class RefundCancelData:
    """End a refund that is not yet captured."""

    payment_id: PaymentId
    refund_id: RefundId


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PointOfSaleCreateData:
    """Make a point of sale of a store."""

    merchant_pos_id: MerchantPosId
    store_id: StoreId
    name: PosName
    supported_beacon_types: BeaconTypes
    beacon_id: BeaconId | None = None
    callback_alias: CallbackAlias | None = None
    require_payment_before_checkin: PaymentBeforeCheckin = False
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class PointOfSaleDeleteData:
    """Remove a point of sale that no open payment stands on."""

    merchant_pos_id: MerchantPosId
    pos_id: PosId
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class CheckinWatchData:
    """Tell of the customer who checks in within the time."""

    merchant_pos_id: MerchantPosId
    pos_id: PosId
    seconds: WatchSeconds
    merchant_vat_number: VatNumber | None = None


@with_config(_WIRE)
@dataclass(frozen=True, slots=True)
class CheckinNotifiedData:
    """The provider's hint that somebody checked in; written by the gateway itself."""

    merchant_pos_id: MerchantPosId


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
