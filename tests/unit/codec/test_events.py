"""Events as bytes: what readers and replays are built on, so each is compared whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import Wire, write_event
from gateway.domain.events import (
    Amounts,
    Answers,
    Candidate,
    Cause,
    CommandRejected,
    PaymentCancelled,
    PaymentCaptured,
    PaymentEvent,
    PaymentExpired,
    PaymentFact,
    PaymentInitiated,
    PaymentIssued,
    PaymentPaired,
    PaymentPrepared,
    PaymentReserved,
    PaymentUnknown,
    ProviderWords,
)
from gateway.domain.identity import MessageId, event_id, idempotency_key
from gateway.domain.money import Currency
from gateway.domain.vocabulary import By, CancelReason, PaymentStatus, Reason

SOURCE = "/pos-gateway"
TIME_MS = 1_777_898_700_007
ID = MessageId("/orders", "m-1")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def event(fact: PaymentFact) -> PaymentEvent:
    return PaymentEvent("p-1", 1, PaymentStatus.INITIATED, TIME_MS, fact, Cause(ID))


def test_the_documented_identities() -> None:
    assert idempotency_key(ID, "p-1", "initiate", 1) == "2d74d4d1-8fec-5a48-8590-95d199cebe96"
    assert event_id("p-1", ID, 1) == "792c2273-634c-589a-97fb-eb6b7104670a"


def test_an_event_with_the_least() -> None:
    assert write_event(event(PaymentInitiated()), SOURCE) == Wire(
        b"p-1",
        b'{"paymentId":"p-1","sequence":1,"status":"initiated","occurredAt":"2026-05-04T12:45:00.007Z"}',
        (
            ("ce_specversion", b"1.0"),
            ("ce_id", b"792c2273-634c-589a-97fb-eb6b7104670a"),
            ("ce_source", b"/pos-gateway"),
            ("ce_type", b"payment.initiated"),
            ("ce_time", b"2026-05-04T12:45:00.007Z"),
            ("ce_subject", b"p-1"),
            ("ce_causationid", b"m-1"),
            ("content-type", b"application/json"),
        ),
    )


def test_an_event_with_everything() -> None:
    full = PaymentEvent(
        payment_id="Æ-1",
        sequence=4,
        status=PaymentStatus.RESERVED,
        occurred_at_ms=TIME_MS,
        fact=PaymentReserved(True, TIME_MS + 1, ("loyal-1", "loyal-2")),
        cause=Cause(ID, "corr-1", TRACE, "a=1"),
        order_id="o-1",
        pos_id="5f1c9b8e-0000-4000-8000-94c0bdd1c4bb",
        amounts=Amounts(Currency.DKK, requested=1250, reserved=1250, captured=0, refunded=0),
        answers=Answers(ID, "payment.initiate"),
        provider=ProviderWords(
            "mp-1", "mp-r", "Reserved", "1301", "c-9", (Candidate("mp-2", "o-2", "Issued"),)
        ),
    )
    wire = write_event(full, SOURCE)
    assert wire.key == "Æ-1".encode()
    assert (
        wire.value
        == (
            '{"paymentId":"Æ-1","sequence":4,"status":"reserved","occurredAt":"2026-05-04T12:45:00.007Z",'
            '"orderId":"o-1","posId":"5f1c9b8e-0000-4000-8000-94c0bdd1c4bb",'
            '"amounts":{"currency":"DKK","requested":1250,"reserved":1250,"captured":0,"refunded":0},'
            '"partialCapturePossible":true,"expiresAt":"2026-05-04T12:45:00.008Z","loyaltyIds":["loyal-1","loyal-2"],'
            '"commandId":"m-1","commandSource":"/orders","commandType":"payment.initiate",'
            '"provider":{"paymentId":"mp-1","refundId":"mp-r","status":"Reserved","code":"1301","correlationId":"c-9",'
            '"candidates":[{"paymentId":"mp-2","orderId":"o-2","status":"Issued"}]}}'
        ).encode()
    )
    assert wire.headers[5:] == (
        ("ce_subject", "Æ-1".encode()),
        ("ce_causationid", b"m-1"),
        ("ce_correlationid", b"corr-1"),
        ("traceparent", TRACE.encode()),
        ("tracestate", b"a=1"),
        ("content-type", b"application/json"),
    )


@pytest.mark.parametrize(
    ("fact", "type_", "adds"),
    [
        (PaymentPrepared(), "payment.prepared", ""),
        (PaymentPaired(), "payment.paired", ""),
        (PaymentIssued(), "payment.issued", ""),
        (PaymentReserved(), "payment.reserved", ""),
        (
            PaymentReserved(False, None, ()),
            "payment.reserved",
            ',"partialCapturePossible":false,"loyaltyIds":[]',
        ),
        (PaymentCaptured(), "payment.captured", ""),
        (
            PaymentCancelled(By.CUSTOMER, CancelReason.DECLINED),
            "payment.cancelled",
            ',"by":"customer","reason":"declined"',
        ),
        (PaymentExpired(), "payment.expired", ""),
        (PaymentUnknown("initiate"), "payment.unknown", ',"operation":"initiate"'),
        (
            CommandRejected(Reason.WRONG_STATUS, 'the payment is "captured"'),
            "command.rejected",
            ',"reason":"wrong_status","message":"the payment is \\"captured\\"","retryable":false',
        ),
    ],
)
def test_what_each_type_adds(fact: PaymentFact, type_: str, adds: str) -> None:
    wire = write_event(event(fact), SOURCE)
    start = b'{"paymentId":"p-1","sequence":1,"status":"initiated","occurredAt":"2026-05-04T12:45:00.007Z"'
    assert wire.value == start + adds.encode() + b"}"
    assert dict(wire.headers)["ce_type"] == type_.encode()


def test_a_captured_amount_that_cannot_be_known_is_left_out() -> None:
    full = PaymentEvent(
        "p-1",
        1,
        PaymentStatus.CAPTURED,
        0,
        PaymentCaptured(),
        Cause(ID),
        amounts=Amounts(Currency.EUR, 5, 5, None, 0),
    )
    amounts = json.loads(write_event(full, SOURCE).value or b"")["amounts"]
    assert amounts == {"currency": "EUR", "requested": 5, "reserved": 5, "refunded": 0}


def test_words_of_the_provider_that_say_nothing_are_left_out() -> None:
    quiet = PaymentEvent(
        "p-1", 1, PaymentStatus.NONE, 0, PaymentExpired(), Cause(ID), provider=ProviderWords(candidates=())
    )
    assert b"provider" not in (write_event(quiet, SOURCE).value or b"")


def test_half_a_surrogate_pair_from_the_provider_does_not_stop_an_event() -> None:
    odd = PaymentEvent(
        "p-1", 1, PaymentStatus.NONE, 0, PaymentExpired(), Cause(ID), provider=ProviderWords(status="\ud800")
    )
    assert json.loads(write_event(odd, SOURCE).value or b"")["provider"] == {"status": "?"}


@given(st.text(st.characters(codec=None), max_size=20))
def test_whatever_the_provider_says_stands_there_as_pythons_own_json(word: str) -> None:
    said = PaymentEvent(
        "p-1", 1, PaymentStatus.NONE, 0, PaymentExpired(), Cause(ID), provider=ProviderWords(status=word)
    )
    written = write_event(said, SOURCE).value or b""
    body = json.loads(written)
    body["provider"] = {"status": word}
    compact = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    assert written == compact.encode("utf-8", "replace")
