"""A state that is made anew from events and commands, against the one that was lost."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codec.events import write_event
from gateway.codec.records import RecordParts
from gateway.codec.told import read_told
from gateway.domain.commands import CancelRefund, CaptureRefund, CreateRefund, Message, command_type
from gateway.domain.identity import MessageId
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    Found,
    Initiate,
    ProviderRefundStatus,
    ProviderStatus,
    Refund,
    Unknown,
)
from gateway.domain.rebuilding import Told, rebuilt
from gateway.domain.state import OperationKind, PaymentState, Start
from gateway.domain.vocabulary import CaptureMode, PaymentStatus, RefundStatus
from tests.unit.domain.play import (
    AMOUNT,
    CANCEL,
    CAPTURE,
    HOUR_MS,
    PAYMENT_ID,
    PROVIDER_ID,
    REFUND_PROVIDER_ID,
    START_MS,
    Play,
    captured,
    initiate,
    observed,
    refund_read,
)

REFUND = CreateRefund(PAYMENT_ID, "r-1", Money(500, Currency.DKK))
MOVES = st.sampled_from(
    ["initiate", "capture", "cancel", "refund", "accept", "observe", "nothing", "unknown", "due", "restore"]
)


def messages(play: Play) -> list[Message]:
    return [
        Message(
            MessageId("/orders", name),
            command_type(data),
            data,
            repr(data),
            START_MS,
            START_MS + 23 * HOUR_MS,
        )
        for name, data in play.commands.items()
    ]


def told(play: Play) -> list[Told]:
    """The play's events, by way of their bytes."""
    found = []
    for event in play.events:
        wire = write_event(event, "/pos-gateway")
        key, one = read_told(RecordParts(wire.key, wire.value, wire.headers, 0))
        assert key == PAYMENT_ID and isinstance(one, Told)
        found.append(one)
    return found


def again(play: Play, with_commands: bool = True) -> PaymentState:
    state = rebuilt(PAYMENT_ID, told(play), messages(play) if with_commands else [], play.rules)
    assert state is not None
    return state


def timeless(value: object) -> object:
    """Of a start, without its command's own times: `messages` knows of the play's first moment alone."""
    if not isinstance(value, Start):
        return value
    return replace(value, message=replace(value.message, time_ms=0, expires_at_ms=0))


def asked(state: PaymentState) -> set[str]:
    """The commands that are accepted and not answered."""
    waiting = [
        *state.inbox,
        *(r.message for r in state.refunds),
        *(r.pending and r.pending.message for r in state.refunds),
    ]
    if state.pending is not None:
        waiting.append(state.pending.message)
    if state.start is not None:
        waiting += [state.start.overtaken_by, None if state.start.answered else state.start.message]
    return {message.id.id for message in waiting if message is not None}


@settings(max_examples=300, deadline=None)
@given(st.lists(MOVES, max_size=18), st.sampled_from(ProviderStatus))
def test_what_was_told_comes_back_and_nobody_is_forgotten(moves: list[str], status: ProviderStatus) -> None:
    play, forgotten = Play(), False
    for move in moves:
        known = play.state is not None
        reads = hasattr(play.running, "purpose")
        match move:
            case "initiate":
                play.command(initiate())
            case "capture":
                play.command(CAPTURE)
            case "cancel":
                play.command(CANCEL)
            case "refund":
                play.command(replace(REFUND, refund_id=f"r-{len(play.commands)}"))
            case "accept" if play.running is not None and not reads:
                creates = isinstance(play.running, Initiate | Refund)
                named = PROVIDER_ID if isinstance(play.running, Initiate) else f"{len(play.sent):036}"
                play.outcome(Accepted(named if creates else None))
            case "observe" if hasattr(play.running, "provider_payment_id") and reads:
                play.outcome(observed(status))
            case "observe" if hasattr(play.running, "provider_refund_id") and reads:
                of = play.running.provider_refund_id
                play.outcome(
                    refund_read(ProviderRefundStatus.RESERVED, provider_refund_id=of, amount=REFUND.amount)
                )
            case "nothing" if (
                reads
                and not hasattr(play.running, "provider_refund_id")
                and not hasattr(play.running, "provider_payment_id")
            ):
                play.outcome(Found(()))
            case "unknown" if play.running is not None:
                play.outcome(Unknown(3))
            case "due" if play.wake_at is not None and play.running is None:
                play.due()
            case "restore" if play.state is not None:
                play.restore()
            case _:
                pass
        # Its events outlive it, so that a sequence goes on that would have begun anew.
        forgotten = forgotten or (known and play.state is None)
    lost = play.state
    if lost is None or forgotten:
        return
    found = again(play)
    assert found.sequence == lost.sequence
    assert asked(found) == asked(lost)
    assert {one.id for one in found.remembered} == {one.id for one in lost.remembered}
    if lost.pending is None and not asked(lost):
        same = ("status", "amounts", "provider_payment_id", "reserved_ms", "expires_at_ms", "start")
        for name in same if lost.status is not PaymentStatus.NONE else ("status", "start"):
            assert timeless(getattr(found, name)) == timeless(getattr(lost, name)), name
        for refund in lost.refunds:
            if refund.pending is None:
                other = next(r for r in found.refunds if r.provider_refund_id == refund.provider_refund_id)
                assert (other.status, other.amount, other.capture) == (
                    refund.status,
                    refund.amount,
                    refund.capture,
                )
    # Whatever it is, its new owner can take it up.
    Play(state=found, commands=play.commands, events=list(play.events), clock=play.clock).restore()


def test_a_start_that_may_have_been_sent_is_looked_for_and_sent_under_its_key_again() -> None:
    play = Play()
    play.command(initiate(), "m-1")
    first = play.running
    assert isinstance(first, Initiate)
    play.outcome(Unknown(3))
    found = again(play)
    assert found.pending is not None and found.pending.kind is OperationKind.INITIATE
    assert found.pending.told and found.pending.first_sent_ms == START_MS
    heir = Play(state=found, commands=play.commands, events=list(play.events), clock=play.clock)
    heir.restore()
    assert hasattr(heir.running, "purpose"), "a look goes first"
    heir.outcome(Found(()))
    assert isinstance(heir.running, Initiate) and heir.running.key == first.key
    heir.outcome(Accepted(PROVIDER_ID))
    [answer] = heir.outcome(observed(ProviderStatus.INITIATED))
    assert answer.sequence == 2 and answer.answers is not None


def test_a_capture_that_may_have_been_sent_is_looked_for_too() -> None:
    play = Play().reserved()
    play.command(CAPTURE, "capture")
    heir = Play(state=again(play), commands=play.commands, events=list(play.events), clock=play.clock)
    heir.restore()
    heir.due()
    [answer] = heir.outcome(observed(ProviderStatus.CAPTURED))
    assert answer.answers is not None and answer.answers.id.id == "capture"


def test_what_is_refused_without_a_call_is_left_to_the_owner() -> None:
    play = Play().started()
    play.holding = True
    before = again(play)
    play.commands["m-9"] = REFUND
    found = again(play)
    assert [m.id.id for m in found.inbox] == ["m-9"]
    assert found.sequence == before.sequence


def test_without_the_commands_ids_alone_come_back_and_a_repeat_has_no_effect() -> None:
    play = captured()
    found = again(play, with_commands=False)
    assert found.status is PaymentStatus.CAPTURED and found.amounts == play.state.amounts  # type: ignore[union-attr]
    assert found.start is not None and found.start.amount == AMOUNT
    heir = Play(state=found, clock=play.clock, events=[], commands=dict(play.commands))
    heir.check = lambda: None  # type: ignore[method-assign]
    assert heir.command(CAPTURE, "capture") == [] and heir.running is None
    assert heir.command(initiate(label="other"), "m-1") == [] and not heir.dead_letters


def test_refunds_come_back_by_their_ids_and_the_balance_with_them() -> None:
    play = captured()
    play.command(replace(REFUND, capture=CaptureMode.MANUAL), "refund")
    play.outcome(Accepted(REFUND_PROVIDER_ID))
    play.outcome(refund_read(ProviderRefundStatus.RESERVED, amount=REFUND.amount))
    found = again(play)
    [refund] = found.refunds
    assert (refund.refund_id, refund.status, refund.provider_refund_id) == (
        "r-1",
        RefundStatus.RESERVED,
        REFUND_PROVIDER_ID,
    )
    heir = Play(state=found, clock=play.clock, commands=dict(play.commands), events=list(play.events))
    [rejected] = heir.command(replace(REFUND, refund_id="r-2", amount=Money(1000, Currency.DKK)), "m-8")
    assert heir.reason("m-8") == "refund_above_captured" and rejected.sequence == play.events[-1].sequence + 1
    heir.command(CaptureRefund(PAYMENT_ID, "r-1"), "m-9")
    heir.outcome(Accepted())
    assert heir.types()[-1] == "refund.captured"
    heir.command(CancelRefund(PAYMENT_ID, "r-1"), "m-10")
    assert heir.reason("m-10") == "wrong_status"
