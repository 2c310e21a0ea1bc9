"""What is told of a payment, and why nothing is."""

import json
from typing import Any

import pytest

from gateway.app.payments import told_of_payment
from gateway.codec.timeline import MAX_STEPS, Seen, add_step, read_steps
from gateway.domain.commands import CancelPayment, Message
from gateway.domain.events import Cause, PaymentCancelled, PaymentEvent
from gateway.domain.identity import MessageId
from gateway.domain.operations import (
    Accepted,
    Cancel,
    DeferralCause,
    Deferred,
    Found,
    Observed,
    PaymentReading,
    ProviderStatus,
    Purpose,
    ReadPayment,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.payment import CommandArrived, Due, Performed, Prompt, Restored
from gateway.domain.vocabulary import By, CancelReason, PaymentStatus, Reason
from gateway.kafka.health import Phase
from gateway.kafka.partitions import Held

READ = ReadPayment(None, "there-1", Purpose.POLL)
CANCEL = Cancel(None, "there-1")
AT_MS = 1_777_898_700_000
AT = "2026-05-04T12:45:00.000Z"
EVENT = PaymentEvent(
    "p-1",
    4,
    PaymentStatus.CANCELLED,
    AT_MS,
    PaymentCancelled(By.MERCHANT, CancelReason.COMMAND),
    Cause(MessageId("/orders", "m-1")),
)


def observed(status: ProviderStatus) -> Observed:
    return Observed(PaymentReading("there-1", "pos", "order", None, status, "Word", 100))


def step(prompt: Prompt, *events: PaymentEvent, asked: Any = None) -> list[dict[str, Any]]:
    return read_steps(add_step(b"", AT_MS, prompt, events, asked))


def test_steps_say_what_prompted_a_turn_and_what_came_of_it() -> None:
    message = Message(
        MessageId("/orders", "m-1"), "payment.cancel", CancelPayment("p-1"), "hash", AT_MS, AT_MS
    )
    assert step(CommandArrived(message), asked=CANCEL) == [
        {
            "at": AT,
            "prompt": "command",
            "command": {"type": "payment.cancel", "id": "m-1", "source": "/orders"},
            "operation": "cancel",
        }
    ]
    assert step(Performed(CANCEL, Accepted()), EVENT) == [
        {
            "at": AT,
            "prompt": "outcome",
            "of": "cancel",
            "outcome": "accepted",
            "events": [{"type": "payment.cancelled", "sequence": 4}],
        }
    ]
    assert step(Restored()) == [{"at": AT, "prompt": "restored"}]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (observed(ProviderStatus.ISSUED), {"outcome": "observed", "status": "issued"}),
        (Found(("a", "b")), {"outcome": "found", "count": 2}),
        (
            Rejected(Refusal(Reason.WRONG_STATUS, 409, "1308")),
            {"outcome": "rejected", "reason": "wrong_status", "code": "1308"},
        ),
        (Rejected(Refusal(Reason.EXPIRED, 409)), {"outcome": "rejected", "reason": "expired"}),
        (Unknown(3), {"outcome": "unknown"}),
        (Deferred(DeferralCause.THROTTLED, 500), {"outcome": "deferred", "cause": "throttled"}),
    ],
)
def test_each_outcome_has_a_word(outcome: Any, said: dict[str, Any]) -> None:
    assert step(Performed(READ, outcome)) == [{"at": AT, "prompt": "outcome", "of": "read-payment", **said}]


def test_polls_that_change_nothing_are_one_step() -> None:
    steps = add_step(b"", AT_MS, Restored(), (), READ)
    for turn in range(1, 1000):
        steps = add_step(steps, AT_MS + turn, Performed(READ, observed(ProviderStatus.ISSUED)), (), None)
        steps = add_step(steps, AT_MS + turn, Due(), (), READ)
    assert len(steps) < 250
    assert [(one["at"], one.get("until"), one.get("times")) for one in read_steps(steps)] == [
        (AT, None, None),
        ("2026-05-04T12:45:00.001Z", "2026-05-04T12:45:00.999Z", 999),
    ]
    due = read_steps(add_step(steps, AT_MS, Due(), (), CANCEL))
    assert due[-1] == {"at": AT, "prompt": "timer", "operation": "cancel"}


def test_the_last_32_are_kept() -> None:
    steps = b""
    for turn in range(100):
        steps = add_step(steps, AT_MS, Performed(READ, Found(("x",) * turn)), (), None)
    assert MAX_STEPS == 32
    assert [one["count"] for one in read_steps(steps)] == list(range(68, 100))
    assert len(steps) < MAX_STEPS * 150


def test_what_a_sender_wrote_cannot_break_a_step() -> None:
    odd = MessageId('/or"ders 1 2 3', "m \ud800\u2028 é")
    message = Message(odd, "payment.cancel", CancelPayment("p-1"), "hash", AT_MS, AT_MS)
    steps = b""
    for _ in range(3):
        steps = add_step(steps, AT_MS, CommandArrived(message), (), None)
        steps = add_step(steps, AT_MS, Restored(), (), None)
    told = read_steps(steps)
    assert len(told) == 6
    assert told[0]["command"]["source"] == odd.source


def test_told_where_it_is_held() -> None:
    state = {"payment_id": "p-1", "status": "reserved", "remembered": [{"id": {}}, {"id": {}}]}
    seen = Seen(None, add_step(b"", AT_MS, Restored(), (), None))
    answer = told_of_payment("p-1", Held(3, Phase.OPEN, json.dumps(state).encode(), seen))
    assert answer.status == 200
    assert answer.body == {
        "paymentId": "p-1",
        "partition": 3,
        "state": {"payment_id": "p-1", "status": "reserved", "remembered": 2},
        "steps": [{"at": AT, "prompt": "restored"}],
    }


@pytest.mark.parametrize(
    ("held", "error"),
    [
        (None, "not_consuming"),
        (Held(3, None), "not_owned"),
        (Held(3, Phase.OPENING), "not_open"),
        (Held(3, Phase.STOPPED), "not_open"),
        (Held(3, Phase.CLOSING), "not_open"),
        (Held(3, Phase.OPEN), "payment_not_found"),
    ],
)
def test_told_why_not(held: Held | None, error: str) -> None:
    answer = told_of_payment("p-1", held)
    assert answer.status == 404
    body: Any = answer.body
    assert (body["error"], body.get("partition")) == (error, None if held is None else 3)
