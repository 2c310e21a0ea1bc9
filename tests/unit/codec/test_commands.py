"""What a record means as a command, field by field and in both modes."""

from hashlib import sha256
from typing import Any

import pytest

from gateway.codec import CommandLimits, DeadLetter, RecordParts, read_command
from gateway.codec.command_data import COMMANDS
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
    Message,
    PreparePayment,
    ReadyPayment,
    Restrictions,
    WatchCheckin,
)
from gateway.domain.identity import MessageId
from gateway.domain.money import Currency, Money
from gateway.domain.vocabulary import CaptureMode, PlannedCaptureDelay, WhenBusy
from gateway.observability.metrics import REGISTRY
from tests.unit.codec.records import LIMITS, NOW, NOW_MS, POS, attributes, binary, data, structured

HOUR_MS = 3_600_000
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REFUND = {"paymentId": "p-1", "refundId": "r-1"}
STORE = "0a0b0c0d-0000-4000-8000-94c0bdd1c4bb"


def understood(record: RecordParts, limits: CommandLimits = LIMITS) -> Message:
    message = read_command(record, limits)
    assert isinstance(message, Message), message
    return message


def command(body: dict[str, Any], type_: str = "payment.initiate") -> Message:
    return understood(binary(attributes(type=type_), body, key=str(body.get("paymentId")).encode()))


def test_an_initiate_with_nothing_optional() -> None:
    message = understood(binary())
    assert message.id == MessageId("/orders", "m-1")
    assert message.type == "payment.initiate"
    assert message.data == InitiatePayment("p-1", POS, Money(1250, Currency.DKK))
    assert message.time_ms == NOW_MS
    assert message.expires_at_ms == NOW_MS + 23 * HOUR_MS
    assert (message.correlation_id, message.trace_parent, message.trace_state) == (None, None, None)


def test_an_initiate_with_everything() -> None:
    given = data(
        paymentId="ÆØÅ 1/{}",
        posId=POS.upper(),
        amount={"value": 10**12, "currency": "EUR"},
        orderId="o-1",
        plannedCaptureDelay="lessThan14Days",
        capture="automatic",
        restrictions={"debitCardDisallowed": True},
        label="Bord 4",
        approvalTimeoutSeconds=3600,
        whenBusy="wait",
        merchantVatNumber="DK12345678",
    )
    assert command(given).data == InitiatePayment(
        payment_id="ÆØÅ 1/{}",
        pos_id=POS,
        amount=Money(10**12, Currency.EUR),
        order_id="o-1",
        planned_capture_delay=PlannedCaptureDelay.LESS_THAN_14_DAYS,
        capture=CaptureMode.AUTOMATIC,
        restrictions=Restrictions(debit_card_disallowed=True),
        label="Bord 4",
        approval_timeout_seconds=3600,
        when_busy=WhenBusy.WAIT,
        merchant_vat_number="DK12345678",
    )


def test_capture_and_cancel() -> None:
    amount = {"value": 1, "currency": "DKK"}
    assert command({"paymentId": "p-1"}, "payment.capture").data == CapturePayment("p-1")
    assert command({"paymentId": "p-1", "amount": amount}, "payment.capture").data == CapturePayment(
        "p-1", Money(1, Currency.DKK)
    )
    assert command({"paymentId": "p-1"}, "payment.cancel").data == CancelPayment("p-1")


GIVEN: dict[str, dict[str, Any]] = {
    "payment.prepare": {"paymentId": "p-1", "posId": POS, "orderId": "o-1", "whenBusy": "wait"},
    "payment.ready": {"paymentId": "p-1", "amount": {"value": 1, "currency": "DKK"}, "label": "x"},
    "refund.create": {**REFUND, "amount": {"value": 1, "currency": "DKK"}, "capture": "manual", "posId": POS},
    "refund.capture": REFUND,
    "refund.cancel": REFUND,
    "point-of-sale.create": {
        "merchantPosId": "p-1",
        "storeId": STORE,
        "name": "Till 1",
        "supportedBeaconTypes": ["QR", "Bluetooth", "NFC"],
        "beaconId": "123456789012345",
        "callbackAlias": "alias",
        "requirePaymentBeforeCheckin": True,
    },
    "point-of-sale.delete": {"merchantPosId": "p-1", "posId": POS, "merchantVatNumber": "FI12345678"},
    "checkin.watch": {"merchantPosId": "p-1", "posId": POS, "seconds": 60},
}


ONE = Money(1, Currency.DKK)
UNDERSTOOD: dict[str, Data] = {
    "payment.prepare": PreparePayment("p-1", POS, "o-1", WhenBusy.WAIT),
    "payment.ready": ReadyPayment("p-1", ONE, label="x"),
    "refund.create": CreateRefund("p-1", REFUND["refundId"], ONE, CaptureMode.MANUAL, POS),
    "refund.capture": CaptureRefund("p-1", REFUND["refundId"]),
    "refund.cancel": CancelRefund("p-1", REFUND["refundId"]),
    "point-of-sale.create": CreatePointOfSale(
        "p-1", STORE, "Till 1", ("QR", "Bluetooth", "NFC"), "123456789012345", "alias", True
    ),
    "point-of-sale.delete": DeletePointOfSale("p-1", POS, "FI12345678"),
    "checkin.watch": WatchCheckin("p-1", POS, 60),
}


@pytest.mark.parametrize("type_", GIVEN)
def test_every_other_command_is_read_in_full(type_: str) -> None:
    record = binary(attributes(type=type_), GIVEN[type_])
    assert understood(record).data == UNDERSTOOD[type_]
    for field in GIVEN[type_]:
        spoilt = binary(attributes(type=type_), {**GIVEN[type_], field: 7.5})
        letter = read_command(spoilt, LIMITS)
        assert isinstance(letter, DeadLetter) and letter.message.startswith(field)


def test_a_check_in_notification_is_a_command_of_the_gateway_alone() -> None:
    own = attributes(type="checkin.notified", source="/pos-gateway/notifications")
    assert understood(binary(own, {"merchantPosId": "p-1"})).data == CheckinNotified("p-1")
    foreign = read_command(binary(attributes(type="checkin.notified"), {"merchantPosId": "p-1"}), LIMITS)
    assert isinstance(foreign, DeadLetter) and foreign.reason == "unknown_type"


def test_every_command_of_the_contract_is_known() -> None:
    assert set(COMMANDS) == {
        "payment.initiate",
        "payment.capture",
        "payment.cancel",
        "checkin.notified",
        *GIVEN,
    }


@pytest.mark.parametrize("mode", [binary, structured])
def test_attributes_in_either_mode(mode: Any) -> None:
    given = attributes(
        time="2026-05-04T14:45:00.5+02:00", expirytime="2026-05-04T13:00:00Z", correlationid="c-1"
    )
    traces = {"traceparent": TRACE, "tracestate": "a=1,b=2"}
    if mode is structured:
        record = structured({**given, **traces})
    else:
        record = binary(given, more=tuple((name, text.encode()) for name, text in traces.items()))
    message = understood(record)
    assert message.time_ms == NOW_MS + 500
    assert message.expires_at_ms == NOW_MS + 15 * 60_000
    assert message.correlation_id == "c-1"
    assert (message.trace_parent, message.trace_state) == (TRACE, "a=1,b=2")


def test_binary_and_structured_mean_the_same() -> None:
    assert understood(binary()) == understood(structured())


def test_structured_data_may_be_base64() -> None:
    encoded = {**attributes(), "data_base64": "eyJwYXltZW50SWQiOiJwLTEifQ==", "type": "payment.cancel"}
    assert understood(structured(encoded, ...)).data == CancelPayment("p-1")


@pytest.mark.parametrize(
    ("changes", "expires_at_ms"),
    [
        ({}, NOW_MS + 23 * HOUR_MS),
        ({"time": "2026-05-04T11:45:00Z"}, NOW_MS + 22 * HOUR_MS),
        ({"expirytime": "2026-05-10T12:45:00Z"}, NOW_MS + 144 * HOUR_MS),
        ({"expirytime": "2026-05-10T12:45:00.001Z"}, NOW_MS + 144 * HOUR_MS),
        ({"expirytime": "9999-12-31T23:59:59Z"}, NOW_MS + 144 * HOUR_MS),
        ({"time": "2026-05-01T12:45:00Z", "expirytime": "2026-05-30T00:00:00Z"}, NOW_MS + 72 * HOUR_MS),
        ({"expirytime": "2026-05-04T12:44:00Z"}, NOW_MS - 60_000),
        ({"expirytime": "1970-01-01T00:00:00Z"}, 0),
    ],
)
def test_expiry(changes: dict[str, str], expires_at_ms: int) -> None:
    assert understood(binary(attributes(**changes))).expires_at_ms == expires_at_ms


def test_the_default_expiry_is_a_setting() -> None:
    limits = CommandLimits(max_age_hours=1)
    assert understood(binary(), limits).expires_at_ms == NOW_MS + HOUR_MS


@pytest.mark.parametrize(
    ("parent", "state", "carried"),
    [
        (TRACE, "a=1", (TRACE, "a=1")),
        (TRACE, "æ", (TRACE, None)),
        (TRACE, "a" * 513, (TRACE, None)),
        (TRACE + "-x", "a=1", (None, None)),
        ("01" + TRACE[2:] + "-x", None, ("01" + TRACE[2:] + "-x", None)),
        ("ff" + TRACE[2:], None, (None, None)),
        (TRACE.upper(), None, (None, None)),
        ("00-" + "0" * 32 + TRACE[35:], None, (None, None)),
        ("nonsense", "a=1", (None, None)),
    ],
)
def test_only_a_well_formed_trace_is_carried(
    parent: str, state: str | None, carried: tuple[str | None, str | None]
) -> None:
    headers = (("traceparent", parent.encode()), *((("tracestate", state.encode()),) if state else ()))
    message = understood(binary(more=headers))
    assert (message.trace_parent, message.trace_state) == carried
    assert understood(binary(more=(*headers, headers[0]))).trace_parent is None
    assert understood(binary(more=(("traceparent", None),))).trace_parent is None


@pytest.mark.parametrize(
    "same",
    [
        binary(body=dict(reversed(data().items()))),
        binary(
            body=b'  {"posId":"%s", "amount":{"currency":"DKK","value":1250},"paymentId":"\\u0070-1"}\n'
            % POS.encode()
        ),
        binary(body=data(orderId="p-1")),
        binary(body=data(capture="manual", whenBusy="reject", plannedCaptureDelay="none")),
        binary(body=data(restrictions={})),
        binary(body=data(restrictions={"debitCardDisallowed": False})),
        binary(
            body=data(label=None, restrictions=None, amount={"value": 1250, "currency": "DKK", "x": None})
        ),
        binary(body=data(posId=POS.upper())),
        binary(body=data(colour="blue")),
        structured(),
        structured(attributes(id="m-2", source="/other", time=NOW, subject="s")),
    ],
)
def test_the_same_data_has_the_same_hash(same: RecordParts) -> None:
    assert understood(same).data_hash == understood(binary()).data_hash


def test_the_hash_is_a_fixed_one() -> None:
    """Remembered by states on disk: another hash of the same data would make a repeat an id used twice."""
    fields = '{"amount":{"currency":"DKK","value":1250},"paymentId":"p-1","posId":"' + POS + '"}'
    text = f'["payment.initiate",{fields}]'
    assert understood(binary()).data_hash == sha256(text.encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    "other",
    [
        data(paymentId="p-2"),
        data(amount={"value": 1251, "currency": "DKK"}),
        data(amount={"value": 1250, "currency": "EUR"}),
        data(orderId="p-2"),
        data(label="x"),
        data(capture="automatic"),
        data(restrictions={"creditCardDisallowed": True}),
        data(restrictions={"debitCardDisallowed": True}),
        data(approvalTimeoutSeconds=600),
    ],
)
def test_other_data_has_another_hash(other: dict[str, Any]) -> None:
    assert command(other).data_hash != understood(binary()).data_hash


def test_the_type_is_part_of_the_hash() -> None:
    body = {"paymentId": "p-1"}
    assert command(body, "payment.cancel").data_hash != command(body, "payment.capture").data_hash


def test_unknown_fields_are_ignored_and_counted() -> None:
    def counted() -> float:
        return (
            REGISTRY.get_sample_value("gateway_command_fields_ignored_total", {"type": "payment.initiate"})
            or 0.0
        )

    before = counted()
    extra = data(
        colour="blue",
        Label="x",
        payment_id="p-2",
        amount={"value": 1250, "currency": "DKK", "exponent": 2},
        restrictions={"debitCardDisallowed": True, "other": {"a": [1, {"b": 2}]}},
    )
    message = command(extra)
    assert message.data == InitiatePayment(
        "p-1", POS, Money(1250, Currency.DKK), restrictions=Restrictions(debit_card_disallowed=True)
    )
    assert counted() - before == 5
