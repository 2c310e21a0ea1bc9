"""The bodies of the API as schemas in the dialect of OpenAPI 3.0, for the document that the sandbox serves."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.config import BEACON_TYPES, DEFAULT_STORE_ID
from gateway.sandbox.reading import CAPTURE_DELAYS, CURRENCIES
from gateway.sandbox.states import RefundStatus, Status

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
UUID: Schema = {"type": "string", "format": "uuid"}
FLAG: Schema = {"type": "boolean"}
DELAY_MS: Schema = {"type": "integer", "format": "int32"}
CURRENCY: Schema = {"type": "string", "enum": list(CURRENCIES)}
CAPTURE_DELAY: Schema = {"type": "string", "enum": list(CAPTURE_DELAYS)}
BEACONS: Schema = {
    "type": "array",
    "uniqueItems": True,
    "items": {"type": "string", "enum": list(BEACON_TYPES)},
}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Schema) -> Schema:
    """What may be null, or left out."""
    return {**schema, "nullable": True}


def _number(kind: str) -> Schema:
    return {"type": "number", "format": kind}


def _of(required: str, **properties: Schema) -> Schema:
    """An object with these members and no others; `required` has names with spaces between."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"required": sorted(required.split()), **schema} if required else schema


def _error(*names: str) -> Schema:
    return _of("", **{name: {**_or_null(TEXT), "readOnly": True} for name in names})


_RESTRICTIONS = {"allOf": [reference("PaymentRestrictions")], "nullable": True}
_CUSTOMER = {
    "customerToken": _or_null(TEXT),
    "customerReceiptToken": _or_null(TEXT),
    "loyaltyIds": {"type": "array", "items": TEXT, "nullable": True},
}
_PLACE = {
    "merchantPosId": TEXT,
    "storeId": UUID,
    "name": TEXT,
    "callbackAlias": _or_null(TEXT),
    "supportedBeaconTypes": BEACONS,
    "requirePaymentBeforeCheckin": FLAG,
}
_USER = {"beaconId": TEXT, "phoneNumber": TEXT}

SCHEMAS: dict[str, Schema] = {
    "ErrorResponse": _error("code", "message", "correlationId"),
    "ErrorResponseV2": _error("code", "message", "correlationId", "origin"),
    "CurrencyCode": CURRENCY,
    "RefundState": {"type": "string", "enum": [status.value for status in RefundStatus]},
    "PaymentRestrictions": _of("", debitCardDisallowed=_or_null(FLAG), creditCardDisallowed=_or_null(FLAG)),
    "QueryPaymentResponse": _of(
        "paymentId posId orderId status pollDelayInMs",
        paymentId=UUID,
        posId=UUID,
        orderId=TEXT,
        amount=_or_null(_number("double")),
        currencyCode=_or_null(CURRENCY),
        restrictions=_RESTRICTIONS,
        merchantPaymentLabel=_or_null(TEXT),
        plannedCaptureDelay=_or_null(CAPTURE_DELAY),
        status={"type": "string", "enum": [status.value for status in Status]},
        **_CUSTOMER,
        paymentExpiresAt={"type": "string", "format": "date-time"},
        partialCapturePossible=_or_null(FLAG),
        pollDelayInMs=DELAY_MS,
    ),
    "QueryPaymentIdsResponse": _of("paymentIds", paymentIds={"type": "array", "items": UUID}),
    "InitiatePaymentRequest": _of(
        "posId orderId amount currencyCode plannedCaptureDelay",
        posId=UUID,
        orderId=TEXT,
        amount=_number("decimal"),
        currencyCode=CURRENCY,
        restrictions=_RESTRICTIONS,
        merchantPaymentLabel=_or_null(TEXT),
        plannedCaptureDelay=CAPTURE_DELAY,
    ),
    "PaymentInitiatedResponse": _of("paymentId", paymentId=UUID),
    "PreparePaymentRequest": _of("posId orderId", posId=UUID, orderId=TEXT),
    "PaymentReadyRequest": _of(
        "amount currencyCode plannedCaptureDelay",
        currencyCode=CURRENCY,
        amount=_number("double"),
        restrictions=_RESTRICTIONS,
        merchantPaymentLabel=_or_null(TEXT),
        plannedCaptureDelay=CAPTURE_DELAY,
    ),
    "PaymentCaptureRequest": _of("amount", amount=_number("decimal")),
    "PosResponse": _of(
        "posId merchantPosId storeId name beaconId supportedBeaconTypes requirePaymentBeforeCheckin",
        posId=UUID,
        beaconId=TEXT,
        **_PLACE,
    ),
    "PosIdsResponse": _of("posIds", posIds={"type": "array", "items": UUID}),
    "CreatePosRequest": _of(
        "merchantPosId storeId name supportedBeaconTypes", beaconId=_or_null(TEXT), **_PLACE
    ),
    "CreatePosResponse": _of("posId", posId=UUID),
    "GetCheckInResponse": _of(
        "isUserCheckedIn pollDelayInMs", isUserCheckedIn=FLAG, pollDelayInMs=DELAY_MS, **_CUSTOMER
    ),
    "StoreResponse": _of(
        "storeName storeId storeStreet storeZipCode storeCity brandName merchantBrandId merchantLocationId",
        storeName=TEXT,
        storeId=UUID,
        storeStreet=TEXT,
        storeZipCode=TEXT,
        storeCity=TEXT,
        brandName=TEXT,
        merchantBrandId=TEXT,
        merchantLocationId=TEXT,
    ),
    "StoreIdsResponse": _of("storeIds", storeIds={"type": "array", "items": UUID}),
    "GetRefundResponse": _of(
        "refundId paymentId refundOrderId amount currencyCode status pollDelayInMs",
        refundId=UUID,
        paymentId=UUID,
        refundOrderId=TEXT,
        amount=_number("double"),
        currencyCode=reference("CurrencyCode"),
        status=reference("RefundState"),
        pollDelayInMs=DELAY_MS,
    ),
    "QueryRefundIdsResponse": _of("refundIds", refundIds={"type": "array", "items": UUID}),
    "CreateRefundRequest": _of(
        "paymentId refundOrderId amount currencyCode",
        paymentId=UUID,
        refundOrderId=TEXT,
        amount=_number("double"),
        currencyCode=reference("CurrencyCode"),
    ),
    "CreateRefundResponse": _of("refundId", refundId=UUID),
    "UserCheckInRequest": _of("beaconId phoneNumber", **_USER),
    "AcceptPaymentRequest": _of("beaconId phoneNumber", **_USER),
    "CancelPaymentByUserRequest": _of("beaconId", beaconId=TEXT),
    "TokenRequest": {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"type": "string", "enum": ["client_credentials"]},
            "merchant_vat": TEXT,
        },
    },
    "TokenResponse": _of(
        "access_token expires_in token_type scope",
        access_token=TEXT,
        expires_in=DELAY_MS,
        token_type=TEXT,
        scope=TEXT,
    ),
    "TokenProblem": _of("error", error=TEXT),
}

_TILL, _PHONE = "c85916b1-8e17-4275-a388-551e16aa6293", "+4520031801"
_BEACON = "123456789012345"
_TERMS = {"amount": 12.5, "currencyCode": "DKK", "plannedCaptureDelay": "None"}

EXAMPLES: dict[str, dict[str, object]] = {
    "InitiatePaymentRequest": {"posId": _TILL, "orderId": "order-1", **_TERMS},
    "PreparePaymentRequest": {"posId": _TILL, "orderId": "order-2"},
    "PaymentReadyRequest": {**_TERMS},
    "PaymentCaptureRequest": {"amount": 12.5},
    "CreateRefundRequest": {
        "paymentId": "d3d3c1d4-4c2f-4a4e-9f0c-5d9a0c0d7b11",
        "refundOrderId": "refund-1",
        "amount": 12.5,
        "currencyCode": "DKK",
    },
    "CreatePosRequest": {
        "merchantPosId": "till-1",
        "storeId": DEFAULT_STORE_ID,
        "name": "Till 1",
        "supportedBeaconTypes": ["QR"],
    },
    "UserCheckInRequest": {"beaconId": _BEACON, "phoneNumber": _PHONE},
    "AcceptPaymentRequest": {"beaconId": _BEACON, "phoneNumber": _PHONE},
    "CancelPaymentByUserRequest": {"beaconId": _BEACON},
}
