"""Where both halves meet: what is forgotten leaves nothing behind."""

import random

from gateway import codec
from gateway.codec.timeline import Seen
from gateway.domain.draft import Rules
from gateway.domain.identity import MessageId
from gateway.domain.operations import Operation, Outcome
from gateway.domain.pacing import DAY_MS
from gateway.domain.state import PaymentState, Remembered
from gateway.domain.vocabulary import PaymentStatus
from gateway.flow import FlowOptions, PaymentFlow, Permit
from gateway.kafka.handler import Now, Restored, Woken

NOW_MS = 1_777_898_700_000


class NoProvider:
    holding = False

    def merchant_known(self, merchant: str | None) -> bool:
        return True

    async def perform(self, operation: Operation, permit: Permit) -> Outcome:
        raise AssertionError("nothing is asked")


def test_a_forgotten_payment_leaves_neither_state_nor_memo() -> None:
    options = FlowOptions(Rules(), codec.CommandLimits(), "/pos-gateway", "1.0")
    flow = PaymentFlow(NoProvider(), options, random.Random(1))
    ended = PaymentState(
        "p-1",
        sequence=3,
        status=PaymentStatus.CANCELLED,
        remembered=(Remembered(MessageId("/orders", "m-1"), "hash"),),
        touched_ms=NOW_MS,
    )
    kept = flow.handle(
        "p:p-1", codec.encode_state(ended), None, None, Restored(0.0), Now(NOW_MS + 1000, 100.0)
    )
    assert isinstance(kept.memo, Seen)
    assert kept.state is not None
    assert kept.wake_at is not None
    later = Now(NOW_MS + 8 * DAY_MS, kept.wake_at)
    gone = flow.handle("p:p-1", kept.state, kept.memo, None, Woken(), later)
    assert (gone.state, gone.memo, gone.wake_at, gone.effect) == (None, None, None, None)
