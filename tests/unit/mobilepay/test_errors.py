"""The table of codes against the endpoint table of the provider's documents, row by row."""

import pytest

from gateway.domain.vocabulary import Reason
from gateway.mobilepay.errors import CODES, reason_for

CONFLICTS = {
    "1000": "point_of_sale_not_found",
    "1001": "payment_not_found",
    "1002": "store_not_found",
    "1200": "point_of_sale_exists",
    "1202": "beacon_exists",
    "1204": "store_not_active",
    "1300": "wrong_status",
    "1301": "point_of_sale_busy",
    "1303": "wrong_status",
    "1304": "wrong_status",
    "1305": "amount_above_reserved",
    "1306": "rejected_by_provider",
    "1307": "wrong_status",
    "1308": "partial_capture_not_possible",
    "1351": "wrong_status",
    "1352": "wrong_status",
    "1354": "wrong_status",
    "1365": "currency_mismatch",
    "1366": "refund_too_late",
    "1367": "refund_above_captured",
    "1368": "refund_above_balance",
}
INVALID = {
    *("1099", "1100", "1102", "1109", "1110", "1111", "1112", "1113", "1114", "1116", "1117", "1118"),
    *("1119", "1120", "1121", "1122", "1151", "1153", "1155", "1157", "1159", "1161", "1162", "1163"),
    *("1164", "1182"),
}
FORBIDDEN = {"1400", "1401", "1402", "1403", "1406", "1407", "1408", "1409", "1410", "1411"}


def test_the_table_is_whole() -> None:
    assert set(CODES) == {*CONFLICTS, *INVALID, *FORBIDDEN, "1004"}


@pytest.mark.parametrize(("code", "reason"), CONFLICTS.items())
def test_conflicts(code: str, reason: str) -> None:
    assert reason_for(409, code, None) == Reason(reason)


@pytest.mark.parametrize("code", sorted({*INVALID, "1", "whatever"}))
def test_400_with_any_code(code: str) -> None:
    assert reason_for(400, code, None) is Reason.INVALID_AT_PROVIDER


@pytest.mark.parametrize("code", sorted({*FORBIDDEN, "1", "whatever"}))
def test_403_with_any_code(code: str) -> None:
    assert reason_for(403, code, None) is Reason.NOT_PERMITTED


@pytest.mark.parametrize("code", [None, "9999", "2000", "teapot"])
def test_an_unknown_conflict_is_a_refusal(code: str | None) -> None:
    assert reason_for(409, code, None) is Reason.REJECTED_BY_PROVIDER


def test_404_means_the_resource_of_the_path() -> None:
    assert reason_for(404, None, Reason.PAYMENT_NOT_FOUND) is Reason.PAYMENT_NOT_FOUND
    assert reason_for(404, "1004", Reason.REFUND_NOT_FOUND) is Reason.REFUND_NOT_FOUND


@pytest.mark.parametrize("status", [404, 405, 415])
def test_a_wrong_address_is_no_refusal_unless_the_api_speaks(status: int) -> None:
    assert reason_for(status, None, None) is None
    assert reason_for(status, "404", None) is None
    assert reason_for(status, "1000", None) is Reason.POINT_OF_SALE_NOT_FOUND


@pytest.mark.parametrize("status", [400, 403, 402, 406, 410, 413, 414, 422, 431, 451])
def test_a_refusal_without_a_code_is_nobodys(status: int) -> None:
    assert reason_for(status, None, Reason.PAYMENT_NOT_FOUND) is None


def test_another_4xx_with_a_code_is_a_refusal_that_we_do_not_know() -> None:
    assert reason_for(422, "9999", None) is Reason.REJECTED_BY_PROVIDER
    assert reason_for(422, "1301", None) is Reason.POINT_OF_SALE_BUSY
