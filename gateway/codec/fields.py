"""The fields that several messages share, each said once: its format and what it means to a sender or a reader."""

from typing import Annotated, Any

from pydantic import Field

from gateway.codec.formats import UUID, Flag, MinorUnits, Seconds, Text, Uuid
from gateway.codec.formats import BeaconId as _BeaconId
from gateway.codec.formats import BeaconTypes as _BeaconTypes
from gateway.codec.formats import VatNumber as _VatNumber

TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"


def _said(text: str) -> Any:
    return Field(description=text)


PaymentId = Annotated[
    Text, _said("One attempt to pay, chosen by the sender; a UUID is advised. It is the record's key.")
]
MerchantPosId = Annotated[
    Text,
    _said("The merchant's own id of a point of sale, unique within one gateway. It is the record's key."),
]
PosId = Annotated[Uuid, _said("The provider's id of the point of sale. Either case means the lower one.")]
StoreId = Annotated[Uuid, _said("The provider's id of the store. Either case means the lower one.")]
OrderId = Annotated[Text, _said("The merchant's order, shown to the customer. Left out: the paymentId.")]
RefundId = Annotated[Text, _said("The refund, chosen by the sender, unique within the payment.")]
Label = Annotated[Text, _said("Shown to the customer beside the amount.")]
ApprovalSeconds = Annotated[
    Seconds,
    _said(
        "Seconds that the customer has to approve, from the first request on; then the payment is cancelled. "
        "Left out: the gateway's setting, 600."
    ),
]
WatchSeconds = Annotated[Seconds, _said("Seconds that the point of sale is watched for a customer.")]
VatNumber = Annotated[
    _VatNumber, _said("The merchant's VAT number, DK or FI and 8 digits. Left out: the gateway's setting.")
]
Value = Annotated[MinorUnits, _said("Minor units (oere, cents): 1250 is 12.50.")]
PosName = Annotated[Text, _said("Shown to the customer who stands there.")]
CallbackAlias = Annotated[Text, _said("The alias under which the provider notifies of check-ins.")]
BeaconId = Annotated[_BeaconId, _said("15 digits, or a UUID. Either case means the lower one.")]
BeaconTypes = Annotated[_BeaconTypes, _said("How customers may check in, each type once.")]
DebitDisallowed = Annotated[Flag, _said("True: not with a debit card.")]
CreditDisallowed = Annotated[Flag, _said("True: not with a credit card.")]
PaymentBeforeCheckin = Annotated[Flag, _said("True: customers check in once there is a payment to approve.")]

Sequence = Annotated[
    int, Field(ge=1, description="1, 2, 3 ... of this payment or point of sale, without gaps.")
]
Time = Annotated[str, Field(pattern=TIME_PATTERN, json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds and `Z`."""

LowerPosId = Annotated[str, Field(pattern=f"^{UUID.replace('A-F', '')}$")]
"""A posId as it is written: in lower case."""

OccurredAt = Annotated[Time, _said("When the gateway learned it; the same as ce_time.")]
Sum = Annotated[int, Field(ge=0)]
"""Minor units of an amount that may be nothing yet."""
