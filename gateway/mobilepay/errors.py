"""The provider's error codes and what each means in the gateway's words: one table, nothing else decides.

Source: the API's error answers by endpoint (PoS API v10, endpoint errors). Codes 2000 to 2999 come with 5xx
only and are no refusals.
"""

from dataclasses import dataclass
from typing import Final

from gateway.domain.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class Documented:
    """`status` is the HTTP status that the documents give the code with."""

    status: int
    reason: Reason


def _all(status: int, reason: Reason, *codes: str) -> dict[str, Documented]:
    return dict.fromkeys(codes, Documented(status, reason))


CODES: Final[dict[str, Documented]] = {
    # Headers and the token's claim: missing, duplicated, invalid.
    **_all(400, Reason.INVALID_AT_PROVIDER, "1151", "1153", "1155", "1157", "1159", "1161", "1182"),
    # The idempotency key: invalid, duplicated, missing.
    **_all(400, Reason.INVALID_AT_PROVIDER, "1162", "1163", "1164"),
    # Fields and filters.
    **_all(400, Reason.INVALID_AT_PROVIDER, "1099", "1100", "1102", "1109", "1110", "1111", "1112", "1113"),
    **_all(400, Reason.INVALID_AT_PROVIDER, "1114", "1116", "1117", "1118", "1119", "1120", "1121", "1122"),
    # Of another integrator or another merchant.
    **_all(403, Reason.NOT_PERMITTED, "1400", "1401", "1402", "1403", "1406", "1407", "1408"),
    **_all(403, Reason.NOT_PERMITTED, "1409", "1410", "1411"),
    **_all(404, Reason.REFUND_NOT_FOUND, "1004"),
    **_all(409, Reason.POINT_OF_SALE_NOT_FOUND, "1000"),
    **_all(409, Reason.PAYMENT_NOT_FOUND, "1001"),
    **_all(409, Reason.STORE_NOT_FOUND, "1002"),
    **_all(409, Reason.POINT_OF_SALE_EXISTS, "1200"),
    **_all(409, Reason.BEACON_EXISTS, "1202"),
    **_all(409, Reason.STORE_NOT_ACTIVE, "1204"),
    **_all(409, Reason.POINT_OF_SALE_BUSY, "1301"),
    # The payment or refund is in another state than the call needs; 1307: captured with another amount.
    **_all(409, Reason.WRONG_STATUS, "1300", "1303", "1304", "1307", "1351", "1352", "1354"),
    **_all(409, Reason.AMOUNT_ABOVE_RESERVED, "1305"),
    **_all(409, Reason.REJECTED_BY_PROVIDER, "1306"),
    **_all(409, Reason.PARTIAL_CAPTURE_NOT_POSSIBLE, "1308"),
    **_all(409, Reason.CURRENCY_MISMATCH, "1365"),
    **_all(409, Reason.REFUND_TOO_LATE, "1366"),
    **_all(409, Reason.REFUND_ABOVE_CAPTURED, "1367"),
    **_all(409, Reason.REFUND_ABOVE_BALANCE, "1368"),
}


def reason_for(status: int, code: str | None, absent: Reason | None) -> Reason | None:
    """Why the provider refused with this 4xx, or None where the answer is no refusal of the provider's.

    `absent` is what a 404 means on the path asked: the reason of a resource that does not exist, None for a
    collection. None is returned for what a wrong address or a proxy in between answers too.
    """
    known = CODES.get(code) if code is not None else None
    match status:
        case 400:
            return None if code is None else Reason.INVALID_AT_PROVIDER
        case 403:
            return None if code is None else Reason.NOT_PERMITTED
        case 404 if absent is not None:
            return absent
        case 409:
            return Reason.REJECTED_BY_PROVIDER if known is None else known.reason
        case 404 | 405 | 415:
            return None if known is None else known.reason
        case _:
            if code is None:
                return None
            return Reason.REJECTED_BY_PROVIDER if known is None else known.reason
