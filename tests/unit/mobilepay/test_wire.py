"""Requests byte for byte, and what any answer at all is taken for."""

import json
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.calls import AnyOperation
from gateway.domain.money import MAX_VALUE, Currency, Money
from gateway.domain.operations import (
    Accepted,
    Found,
    Observed,
    PaymentReading,
    ProviderRefundStatus,
    ProviderStatus,
    RefundObserved,
    RefundReading,
    Refusal,
)
from gateway.domain.points_of_sale.operations import CheckinObserved, CheckinReading, PointOfSaleObserved
from gateway.domain.vocabulary import Reason
from gateway.mobilepay import fields
from gateway.mobilepay.exchange import Answer
from gateway.mobilepay.successes import REFUND_STATUSES, STATUSES
from gateway.mobilepay.verdicts import (
    Heard,
    Misaddressed,
    Refused,
    Throttled,
    Unauthorised,
    Unheard,
    Verdict,
    verdict_of,
)
from gateway.mobilepay.wire import Identification, common_headers, major_units, own_headers, request_of
from tests.unit.mobilepay.operations import (
    ALL,
    BEACON,
    CANCEL,
    CANCEL_REFUND,
    CAPTURE,
    CAPTURE_REFUND,
    CHANGES,
    CREATING,
    FIND,
    FIND_ALL,
    FIND_CAPTURED,
    FIND_POS,
    FIND_REFUNDS,
    INITIATE,
    KEY,
    LISTS,
    MAKE_PLAIN_POS,
    MAKE_POS,
    MAKE_REFUND,
    PAYMENT,
    POLL,
    POLL_REFUND,
    POS,
    PREPARE,
    READ_CHECKIN,
    READ_POS,
    READY,
    READY_PLAIN,
    REFUND,
    REMOVE_POS,
    RESTRICTED,
    STORE,
    WRITES,
)

WALL_MS = 1_700_000_000_000
SAMPLE = {
    "paymentId": PAYMENT,
    "posId": POS,
    "orderId": "ORDER-12345",
    "amount": 12.5,
    "currencyCode": "DKK",
    "restrictions": {"debitCardDisallowed": False, "creditCardDisallowed": False},
    "merchantPaymentLabel": "PaymentLabel",
    "plannedCaptureDelay": "None",
    "status": "Reserved",
    "customerToken": "09bee223516e44000811ab0988b802b72a193c22",
    "customerReceiptToken": "d0d0f8dc0adc4cec9398d82c93dad0d1",
    "loyaltyIds": ["123456"],
    "paymentExpiresAt": "2022-10-17T06:07:45.4847176+00:00",
    "partialCapturePossible": False,
    "pollDelayInMs": 1000,
}


def heard(
    operation: AnyOperation, status: int, body: object = b"", headers: dict[str, str] | None = None
) -> Verdict:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Answer(status, httpx.Headers(headers or {}), raw)
    return verdict_of(operation, answer, request_of(operation).absent, WALL_MS)


def read(**changes: object) -> PaymentReading:
    verdict = heard(POLL, 200, {name: value for name, value in {**SAMPLE, **changes}.items() if value != ...})
    assert isinstance(verdict, Heard), verdict
    assert isinstance(verdict.outcome, Observed)
    return verdict.outcome.reading


@pytest.mark.parametrize(
    ("operation", "line", "body"),
    [
        (
            INITIATE,
            "POST /pos/v10/payments",
            (
                b'{"posId":"c85916b1-8e17-4275-a388-551e16aa6293","orderId":"ORDER-12345","amount":12.5,'
                b'"currencyCode":"DKK","plannedCaptureDelay":"None"}'
            ),
        ),
        (
            RESTRICTED,
            "POST /pos/v10/payments",
            (
                b'{"posId":"c85916b1-8e17-4275-a388-551e16aa6293",'
                b'"orderId":"\xc3\x86r\xc3\xb8 \\"7\\"\\\\&+#%","amount":1000.05,"currencyCode":"EUR",'
                b'"restrictions":{"debitCardDisallowed":true,"creditCardDisallowed":false},'
                b'"merchantPaymentLabel":"Kasse 2","plannedCaptureDelay":"LessThan14Days"}'
            ),
        ),
        (CAPTURE, f"POST /pos/v10/payments/{PAYMENT}/capture", b'{"amount":12.5}'),
        (CANCEL, f"POST /pos/v10/payments/{PAYMENT}/cancel", None),
        (POLL, f"GET /pos/v10/payments/{PAYMENT}", None),
        (FIND, f"GET /pos/v10/payments?posId={POS}&orderId=ORDER-12345", None),
        (
            FIND_CAPTURED,
            f"GET /pos/v10/payments?posId={POS}&orderId=a%26b%3Dc%20%231&state=Captured",
            None,
        ),
        (FIND_ALL, f"GET /pos/v10/payments?posId={POS}", None),
        (
            PREPARE,
            "POST /pos/v10/payments/prepare",
            b'{"posId":"c85916b1-8e17-4275-a388-551e16aa6293","orderId":"ORDER-12345"}',
        ),
        (
            READY,
            f"POST /pos/v10/payments/{PAYMENT}/ready",
            (
                b'{"amount":12.5,"currencyCode":"DKK",'
                b'"restrictions":{"debitCardDisallowed":false,"creditCardDisallowed":true},'
                b'"merchantPaymentLabel":"Kasse 2","plannedCaptureDelay":"LessThan24Hours"}'
            ),
        ),
        (
            READY_PLAIN,
            f"POST /pos/v10/payments/{PAYMENT}/ready",
            b'{"amount":1,"currencyCode":"EUR","plannedCaptureDelay":"None"}',
        ),
        (
            MAKE_REFUND,
            "POST /pos/v10/refunds",
            (
                b'{"paymentId":"3974eae6-e36f-4148-b5ee-22689e528c75","refundOrderId":"REFUND-12345",'
                b'"amount":12.5,"currencyCode":"DKK"}'
            ),
        ),
        (CAPTURE_REFUND, f"POST /pos/v10/refunds/{REFUND}/capture", None),
        (CANCEL_REFUND, f"POST /pos/v10/refunds/{REFUND}/cancel", None),
        (POLL_REFUND, f"GET /pos/v10/refunds/{REFUND}", None),
        (FIND_REFUNDS, f"GET /pos/v10/refunds?paymentId={PAYMENT}", None),
        (
            MAKE_POS,
            "POST /pos/v10/pointofsales",
            (
                b'{"merchantPosId":"My-Pos-1","name":"Cafeteria \\"2\\"",'
                b'"storeId":"401b5617-ae5e-4f1a-9a59-5a446dbb3caa","supportedBeaconTypes":["QR","Bluetooth"],'
                b'"beaconId":"a7b69d37-6753-4e94-afc3-ef5dab04b7f4","callbackAlias":"Example Alias",'
                b'"requirePaymentBeforeCheckin":true}'
            ),
        ),
        (
            MAKE_PLAIN_POS,
            "POST /pos/v10/pointofsales",
            (
                b'{"merchantPosId":"My-Pos-1","name":"Till","storeId":"401b5617-ae5e-4f1a-9a59-5a446dbb3caa",'
                b'"supportedBeaconTypes":["QR"],"requirePaymentBeforeCheckin":false}'
            ),
        ),
        (REMOVE_POS, f"DELETE /pos/v10/pointofsales/{POS}", None),
        (READ_POS, f"GET /pos/v10/pointofsales/{POS}", None),
        (FIND_POS, "GET /pos/v10/pointofsales?merchantPosId=My%20Pos%20%26%201", None),
        (READ_CHECKIN, f"GET /pos/v10/pointofsales/{POS}/checkin", None),
    ],
)
def test_a_request_is_these_bytes_for_ever(operation: AnyOperation, line: str, body: bytes | None) -> None:
    request = request_of(operation)
    assert f"{request.method} {request.target}" == line
    assert request.body == body
    assert httpx.URL("https://api.example" + request.target).raw_path == request.target.encode()


def test_only_creating_calls_carry_a_key_and_only_bodies_a_type() -> None:
    who = Identification("1.2.3", "client", "DK12345678")
    for operation in ALL:
        request = request_of(operation)
        headers = [*common_headers(who, "Bearer t"), *own_headers(request)]
        names = [name.lower().decode() for name, _ in headers]
        assert len(set(names)) == len(names)
        assert ("x-mobilepay-idempotency-key" in names) == (operation in CREATING)
        assert ("content-type" in names) == (request.body is not None)
        assert request.changes == (request.method in ("POST", "DELETE"))


def test_the_headers_of_a_creating_call() -> None:
    common = common_headers(Identification("1.2.3", "client", "DK12345678"), "Bearer t")
    headers = [*common, *own_headers(request_of(INITIATE))]
    assert {name.decode(): value.decode() for name, value in headers} == {
        "Authorization": "Bearer t",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "X-MobilePay-Client-System-Version": "1.2.3",
        "X-MobilePay-Merchant-VAT-Number": "DK12345678",
        "X-IBM-Client-Id": "client",
        "X-MobilePay-Idempotency-Key": KEY,
        "Content-Type": "application/json",
    }
    assert own_headers(request_of(POLL)) == []
    bound = dict(common_headers(Identification("1.2.3", None, None), "Bearer t"))
    assert set(bound) == {
        b"Authorization",
        b"Accept",
        b"Accept-Encoding",
        b"X-MobilePay-Client-System-Version",
    }


@pytest.mark.parametrize(
    ("minor", "major"),
    [(1, "0.01"), (5, "0.05"), (10, "0.1"), (100, "1"), (1250, "12.5"), (1200, "12"), (1000, "10")],
)
def test_amounts_in_major_units(minor: int, major: str) -> None:
    assert major_units(minor) == major


@given(st.integers(1, MAX_VALUE), st.sampled_from(Currency))
def test_an_amount_comes_back_exactly(value: int, currency: Currency) -> None:
    written = json.loads(f'{{"amount":{major_units(value)}}}', parse_float=Decimal)["amount"]
    assert Decimal(written) * 100 == value
    assert fields.money(written, currency.value) == Money(value, currency)


def test_the_sample_of_the_documents_is_read() -> None:
    assert heard(POLL, 200, SAMPLE) == Heard(
        Observed(
            PaymentReading(
                provider_payment_id=PAYMENT,
                pos_id=POS,
                order_id="ORDER-12345",
                amount=Money(1250, Currency.DKK),
                status=ProviderStatus.RESERVED,
                word="Reserved",
                poll_delay_ms=1000,
                expires_at_ms=1665986865484,
                partial_capture_possible=False,
                loyalty_ids=("123456",),
            )
        )
    )


def test_every_state_has_one_meaning_and_other_words_are_unknown() -> None:
    assert set(STATUSES.values()) == set(ProviderStatus) - {ProviderStatus.UNKNOWN}
    assert len(STATUSES) == 10
    for word, status in STATUSES.items():
        assert (read(status=word).status, read(status=word).word) == (status, word)
    for word in ("RejectedByMobilePayDueToAgeRestrictions", "CancelledByMerchant", "reserved", "Æ"):
        assert (read(status=word).status, read(status=word).word) == (ProviderStatus.UNKNOWN, word)


def test_absent_and_empty_are_told_apart() -> None:
    assert read(loyaltyIds=...).loyalty_ids is None
    assert read(loyaltyIds=None).loyalty_ids is None
    assert read(loyaltyIds=[]).loyalty_ids == ()
    assert read(partialCapturePossible=...).partial_capture_possible is None


def test_optional_fields_may_be_missing() -> None:
    verdict = heard(POLL, 200, {"status": "Initiated"})
    assert verdict == Heard(
        Observed(PaymentReading(PAYMENT, "", "", None, ProviderStatus.INITIATED, "Initiated", 1000))
    )


@pytest.mark.parametrize(
    ("name", "value", "attribute", "left"),
    [
        ("paymentExpiresAt", "17-10-2022 06:07:45 +00:00", "expires_at_ms", None),
        ("paymentExpiresAt", "2022-10-17T06:07:45", "expires_at_ms", None),
        ("paymentExpiresAt", 1665986865484, "expires_at_ms", None),
        ("paymentExpiresAt", "0001-01-01T00:00:00+14:00", "expires_at_ms", -62135647200000),
        ("amount", 12.505, "amount", None),
        ("amount", -1, "amount", None),
        ("amount", True, "amount", None),
        ("amount", 1e300, "amount", None),
        ("amount", "12.50", "amount", Money(1250, Currency.DKK)),
        ("pollDelayInMs", -5, "poll_delay_ms", 1000),
        ("pollDelayInMs", "soon", "poll_delay_ms", 1000),
        ("pollDelayInMs", 250.0, "poll_delay_ms", 250),
        ("pollDelayInMs", 0, "poll_delay_ms", 0),
        ("pollDelayInMs", 10**15, "poll_delay_ms", 86_400_000),
        ("partialCapturePossible", "true", "partial_capture_possible", None),
        ("loyaltyIds", [1, 2], "loyalty_ids", None),
        ("loyaltyIds", "123456", "loyalty_ids", None),
        ("orderId", "half a \ud83d pair", "order_id", ""),
    ],
)
def test_what_cannot_be_read_is_left_out(name: str, value: object, attribute: str, left: object) -> None:
    assert getattr(read(**{name: value}), attribute) == left


def test_what_was_left_out_is_named_for_the_metric() -> None:
    verdict = heard(POLL, 200, {**SAMPLE, "paymentExpiresAt": "tomorrow", "amount": "much"})
    assert isinstance(verdict, Heard)
    assert verdict.unreadable == ("amount", "paymentExpiresAt")


def test_another_payment_or_no_status_is_no_answer() -> None:
    assert heard(POLL, 200, {**SAMPLE, "paymentId": POS}) == Unheard("unreadable")
    assert heard(POLL, 200, {**SAMPLE, "status": None}) == Unheard("unreadable")
    assert heard(POLL, 200, {**SAMPLE, "status": 5}) == Unheard("unreadable")
    assert read(paymentId=PAYMENT.upper()).provider_payment_id == PAYMENT
    assert read(paymentId=...).provider_payment_id == PAYMENT


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff"])
def test_a_repeatable_write_succeeds_on_any_2xx(status: int, body: bytes) -> None:
    for operation in CHANGES:
        assert heard(operation, status, body) == Heard(Accepted())


def test_a_creating_call_needs_the_id_it_made() -> None:
    assert heard(INITIATE, 200, {"paymentId": PAYMENT, "new": 1}) == Heard(Accepted(PAYMENT))
    bodies: tuple[object, ...] = (
        b"",
        b"<html>",
        b"{",
        {"paymentId": None},
        {"paymentId": ""},
        {"paymentId": 7},
        {"id": "x"},
        [],
    )
    for operation in CREATING:
        assert all(heard(operation, 200, body) == Unheard("unreadable") for body in bodies)
    assert heard(PREPARE, 200, {"paymentId": PAYMENT}) == Heard(Accepted(PAYMENT))
    assert heard(MAKE_REFUND, 200, {"refundId": REFUND}) == Heard(Accepted(REFUND))
    assert heard(MAKE_POS, 200, {"posId": POS}) == Heard(Accepted(POS))
    for unsafe in ("../cancel", "a/b", "a?b", "x" * 65, "é", "a\nb"):
        assert heard(INITIATE, 200, {"paymentId": unsafe}) == Unheard("unreadable")


def test_a_list_is_read_whole_or_not_at_all() -> None:
    assert heard(FIND, 200, {"paymentIds": [PAYMENT, POS]}) == Heard(Found((PAYMENT, POS)))
    assert heard(FIND, 200, {"paymentIds": []}) == Heard(Found(()))
    bodies: tuple[object, ...] = (
        {},
        {"paymentIds": None},
        {"paymentIds": [PAYMENT, None]},
        {"paymentIds": {}},
        b"",
        [PAYMENT],
    )
    for body in bodies:
        assert heard(FIND, 200, body) == Unheard("unreadable")


REFUND_SAMPLE = {
    "refundId": REFUND,
    "paymentId": PAYMENT,
    "refundOrderId": "REFUND-12345",
    "amount": 12.5,
    "currencyCode": "DKK",
    "status": "Reserved",
    "pollDelayInMs": 100,
}


def read_refund(**changes: object) -> RefundReading:
    verdict = heard(POLL_REFUND, 200, {**REFUND_SAMPLE, **changes})
    assert isinstance(verdict, Heard), verdict
    assert isinstance(verdict.outcome, RefundObserved)
    return verdict.outcome.reading


def test_the_sample_of_a_refund_is_read() -> None:
    amount, reserved = Money(1250, Currency.DKK), ProviderRefundStatus.RESERVED
    expected = RefundReading(REFUND, PAYMENT, "REFUND-12345", amount, reserved, "Reserved", 100)
    assert read_refund() == expected
    assert read_refund(amount="much").amount is None
    assert read_refund(pollDelayInMs=None).poll_delay_ms == 1000
    for body in ({**REFUND_SAMPLE, "refundId": PAYMENT}, {**REFUND_SAMPLE, "status": ""}, {}, []):
        assert heard(POLL_REFUND, 200, body) == Unheard("unreadable")


def test_every_state_of_a_refund_has_one_meaning_and_other_words_are_unknown() -> None:
    assert set(REFUND_STATUSES.values()) == set(ProviderRefundStatus) - {ProviderRefundStatus.UNKNOWN}
    for word, status in REFUND_STATUSES.items():
        assert read_refund(status=word).status is status
    for word in ("ExpiredAndCapturred", "captured", "CancelledByUser"):
        assert read_refund(status=word).status is ProviderRefundStatus.UNKNOWN


def test_a_point_of_sale_and_its_check_in_are_read() -> None:
    said = {
        "posId": POS,
        "merchantPosId": "My-Pos-1",
        "storeId": STORE,
        "name": "Cafeteria register #2",
        "beaconId": BEACON.upper(),
        "supportedBeaconTypes": ["QR", "Bluetooth"],
    }
    verdict = heard(READ_POS, 200, said)
    assert isinstance(verdict, Heard)
    assert isinstance(verdict.outcome, PointOfSaleObserved)
    reading = verdict.outcome.reading
    assert (reading.pos_id, reading.name, reading.supported_beacon_types) == (
        POS,
        "Cafeteria register #2",
        ("QR", "Bluetooth"),
    )
    assert reading.qr_content == f"mobilepaypos://pos?id={BEACON}&source=qr", "lower case, the beacon's id"
    assert heard(READ_POS, 200, {**said, "posId": STORE}) == Unheard("unreadable")
    assert heard(READ_POS, 200, {**said, "storeId": None}) == Unheard("unreadable")
    here = heard(READ_CHECKIN, 200, {"isUserCheckedIn": True, "loyaltyIds": [], "pollDelayInMs": 100})
    assert here == Heard(CheckinObserved(CheckinReading(True, (), 100)))
    gone = heard(READ_CHECKIN, 200, {"isUserCheckedIn": False})
    assert gone == Heard(CheckinObserved(CheckinReading(False, None, 1000)))
    assert heard(READ_CHECKIN, 200, {"isUserCheckedIn": "yes"}) == Unheard("unreadable")
    assert heard(FIND_POS, 200, {"posIds": [POS]}) == Heard(Found((POS,)))
    assert heard(FIND_REFUNDS, 200, {"refundIds": [REFUND]}) == Heard(Found((REFUND,)))


def test_a_refusal_carries_code_and_correlation_id_but_no_text() -> None:
    said = {"code": "1301", "message": "+45 20031801 is busy", "correlationId": "113568d5", "origin": "PoS"}
    refusal = Refusal(Reason.POINT_OF_SALE_BUSY, 409, "1301", "113568d5")
    assert heard(INITIATE, 409, said) == Refused(refusal)
    assert heard(INITIATE, 409, {"code": 1301, "CorrelationId": "113568d5"}) == Refused(refusal)
    assert heard(INITIATE, 409, {"code": "<b>", "correlationId": "x" * 65}) == Refused(
        Refusal(Reason.REJECTED_BY_PROVIDER, 409)
    )


@pytest.mark.parametrize("operation", ALL)
@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (401, Unauthorised()),
        (429, Throttled(None)),
        (301, Misaddressed(301)),
        (304, Misaddressed(304)),
        (307, Misaddressed(307)),
        (400, Misaddressed(400)),
        (403, Misaddressed(403)),
        (405, Misaddressed(405)),
        (415, Misaddressed(415)),
        (408, Unheard("server_error")),
        (500, Unheard("server_error")),
        (503, Unheard("server_error")),
        (599, Unheard("server_error")),
        (999, Unheard("server_error")),
    ],
)
def test_answers_without_a_body(operation: AnyOperation, status: int, verdict: Verdict) -> None:
    assert heard(operation, status) == verdict


def test_a_404_is_about_the_resource_only_on_a_path_that_names_one() -> None:
    for named in (CAPTURE, CANCEL, POLL):
        assert heard(named, 404) == Refused(Refusal(Reason.PAYMENT_NOT_FOUND, 404))
    for refund in (CAPTURE_REFUND, CANCEL_REFUND, POLL_REFUND):
        assert heard(refund, 404) == Refused(Refusal(Reason.REFUND_NOT_FOUND, 404))
    assert heard(CAPTURE_REFUND, 404, {"code": "1004"}) == Refused(
        Refusal(Reason.REFUND_NOT_FOUND, 404, "1004")
    )
    for place in (REMOVE_POS, READ_POS, READ_CHECKIN):
        assert heard(place, 404) == Refused(Refusal(Reason.POINT_OF_SALE_NOT_FOUND, 404))
    for operation in (*CREATING, *LISTS):
        assert heard(operation, 404) == Misaddressed(404)
        assert heard(operation, 404, {"statusCode": 404}) == Misaddressed(404)


def test_5xx_codes_are_no_refusals() -> None:
    assert heard(INITIATE, 500, {"code": "2000"}) == Unheard("server_error")
    assert heard(INITIATE, 500, {"code": "1301"}) == Unheard("server_error")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("86400", 3600.0),
        ("9" * 400, 3600.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:30 -0000", 10.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("Tue, 99 Nov 2023 22:13:30 GMT", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert heard(CAPTURE, 429, headers={"retry-after": value}) == Throttled(seconds)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(SAMPLE, JSON),
        **dict.fromkeys(
            ("refundId", "refundOrderId", "isUserCheckedIn", "storeId", "name", "beaconId"), JSON
        ),
        **dict.fromkeys(("paymentIds", "refundIds", "posIds"), JSON | st.lists(st.text(), max_size=3)),
        "code": JSON,
        "correlationId": JSON,
        "CorrelationId": JSON,
    },
)
NUMBERS = st.from_regex(rb"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?", fullmatch=True)


@given(
    st.sampled_from(ALL),
    st.integers(100, 999),
    st.binary(max_size=200) | SHAPED.map(lambda value: json.dumps(value).encode()),
    st.text(max_size=40),
)
def test_any_answer_has_a_verdict(
    operation: AnyOperation, status: int, body: bytes, retry_after: str
) -> None:
    answer = Answer(status, {"Retry-After": retry_after}, body)
    verdict = verdict_of(operation, answer, request_of(operation).absent, WALL_MS)
    if isinstance(verdict, Heard):
        assert 200 <= status < 300
        match verdict.outcome:
            case Accepted(made):
                assert (made is None) == (operation not in CREATING)
            case Observed(reading):
                json.dumps(
                    [reading.word, reading.order_id, reading.pos_id, reading.loyalty_ids], ensure_ascii=False
                ).encode()
                assert reading.poll_delay_ms >= 0
                assert reading.amount is None or reading.amount.value > 0
            case Found():
                assert operation in LISTS
    if isinstance(verdict, Refused):
        assert 400 <= status < 500
    if status >= 500 or status < 200:
        assert isinstance(verdict, Unheard)


@given(NUMBERS)
def test_any_number_may_stand_for_an_amount(number: bytes) -> None:
    body = b'{"status":"Reserved","currencyCode":"DKK","amount":%b,"pollDelayInMs":%b}' % (number, number)
    verdict = heard(POLL, 200, body)
    if isinstance(verdict, Unheard):
        # Leading zeros are no JSON.
        with pytest.raises(ValueError):
            json.loads(body, parse_float=Decimal)
        return
    assert isinstance(verdict, Heard)
    assert isinstance(verdict.outcome, Observed)
    amount = verdict.outcome.reading.amount
    if amount is not None:
        assert Decimal(number.decode()) * 100 == amount.value


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"status":' + b"[" * 100_000,
        b'{"amount":' + b"9" * 5000 + b"}",
        b'{"status":NaN}',
        b"\xef\xbb\xbf",
        b"\x00",
    ],
)
def test_hostile_json_is_no_answer(body: bytes) -> None:
    assert heard(POLL, 200, body) == Unheard("unreadable")
    assert heard(INITIATE, 400, body) == Misaddressed(400)


def test_a_byte_order_mark_is_passed_over() -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"paymentId": PAYMENT}).encode()
    assert heard(INITIATE, 200, body) == Heard(Accepted(PAYMENT))


def test_writes_are_the_operations_that_change_something() -> None:
    assert all(request_of(operation).changes == (operation in WRITES) for operation in ALL)
