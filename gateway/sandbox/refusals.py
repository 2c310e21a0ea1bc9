"""The API's error answers ("Error answers"): every code the sandbox gives, with its status and a message for
people."""

from __future__ import annotations

from gateway.sandbox.http import JSON_TYPE, Response, write_object

REFUSALS: dict[str, tuple[int, str]] = {
    "1000": (409, "Point of sale not found"),
    "1001": (409, "Payment not found"),
    "1002": (409, "Store not found"),
    "1004": (404, "Refund not found"),
    "1099": (400, "Bad request"),
    "1100": (400, "Invalid beaconId"),
    "1102": (400, "Invalid amount"),
    "1109": (400, "The filter for payments is not specific enough"),
    "1110": (400, "The filter for refunds is not specific enough"),
    "1111": (400, "Invalid merchantPosId"),
    "1112": (400, "Invalid name"),
    "1113": (400, "Invalid orderId"),
    "1114": (400, "Invalid refundOrderId"),
    "1116": (400, "Invalid callbackAlias"),
    "1117": (400, "Invalid merchantPaymentLabel"),
    "1119": (400, "Invalid merchantBrandId"),
    "1120": (400, "Invalid merchantLocationId"),
    "1121": (400, "The filter for points of sale is not specific enough"),
    "1122": (400, "The filter for stores is not specific enough"),
    "1151": (400, "The header X-MobilePay-Merchant-VAT-Number is missing"),
    "1153": (400, "The header X-MobilePay-Client-System-Version is missing"),
    "1155": (400, "The header X-MobilePay-Merchant-VAT-Number stands more than once"),
    "1157": (400, "The header X-MobilePay-Client-System-Version stands more than once"),
    "1159": (400, "The header X-MobilePay-Merchant-VAT-Number is invalid"),
    "1161": (400, "The header X-MobilePay-Client-System-Version is invalid"),
    "1162": (400, "The header X-MobilePay-Idempotency-Key is invalid"),
    "1163": (400, "The header X-MobilePay-Idempotency-Key stands more than once"),
    "1164": (400, "The header X-MobilePay-Idempotency-Key is missing"),
    "1182": (400, "The claim merchant_vat of the token is invalid"),
    "1200": (409, "A point of sale with this merchantPosId exists"),
    "1202": (409, "A point of sale with this beaconId exists"),
    "1204": (409, "The store is not activated"),
    "1300": (409, "The payment cannot be cancelled in this state"),
    "1301": (409, "A payment is already active on this point of sale"),
    "1303": (409, "The payment is not prepared"),
    "1304": (409, "The payment is not reserved"),
    "1305": (409, "The amount is above the reserved amount"),
    "1306": (409, "The idempotency key was used for another request"),
    "1307": (409, "The payment was captured with another amount"),
    "1308": (409, "Partial capture is not possible for this payment"),
    "1351": (409, "The refund is not reserved"),
    "1352": (409, "The refund cannot be cancelled in this state"),
    "1354": (409, "The payment is not captured"),
    "1365": (409, "The payment has another currency"),
    "1366": (409, "The payment is too old to be refunded"),
    "1367": (409, "The amount is above what is left of the payment"),
    "1368": (409, "The amount is above the store's balance"),
    "1400": (403, "The point of sale belongs to another integrator"),
    "1401": (403, "The payment belongs to another integrator"),
    "1402": (403, "The refund belongs to another integrator"),
    "1403": (403, "The store belongs to another merchant"),
    "1406": (403, "The payment belongs to another merchant: it cannot be marked as ready"),
    "1407": (403, "The payment belongs to another merchant: it cannot be captured"),
    "1408": (403, "The payment belongs to another merchant: it cannot be cancelled"),
    "1409": (403, "The point of sale belongs to another merchant: it cannot be deleted"),
    "1410": (403, "The point of sale belongs to another merchant: it cannot be read"),
    "1411": (403, "The payment belongs to another merchant: it cannot be read"),
}

MALFORMED_HEADERS = frozenset(
    {"1151", "1153", "1155", "1157", "1159", "1161", "1162", "1163", "1164", "1182"}
)
INVALID_REQUESTS = frozenset(
    code for code, (status, _) in REFUSALS.items() if status == 400 and code not in MALFORMED_HEADERS
)


class Refusal(Exception):
    """A definite no of the API; `detail` narrows the message, `resource` is what the request was about."""

    def __init__(self, code: str, detail: str = "", resource: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.resource = resource


class Absent(Exception):
    """A bare status without a body: 401, most 404, 405, 415. `allow` names the methods that a 405 leaves."""

    def __init__(self, status: int, allow: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.headers = (("allow", allow),) if allow else ()


def refused(refusal: Refusal, correlation_id: str, origin: str | None) -> Response:
    status, message = REFUSALS[refusal.code]
    text = f"{message}: {refusal.detail}" if refusal.detail else message
    body = write_object(
        {"code": refusal.code, "message": text, "correlationId": correlation_id, "origin": origin}
    )
    return Response(status, body, JSON_TYPE, code=refusal.code, resource=refusal.resource)


def failed(status: int, correlation_id: str, origin: str | None) -> Response:
    """An internal error; its codes are 2000 to 2999."""
    code = str(1500 + status)
    body = write_object(
        {"code": code, "message": "Internal error", "correlationId": correlation_id, "origin": origin}
    )
    return Response(status, body, JSON_TYPE, code=code)


def unheard_of(correlation_id: str, origin: str | None) -> Response:
    """A refusal with a code that no document knows."""
    members = {"code": "1399", "message": "No", "correlationId": correlation_id, "origin": origin}
    return Response(409, write_object(members), JSON_TYPE, code="1399")
