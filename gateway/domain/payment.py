"""The payment as a reducer: state and one prompt in; new state, events, one operation and a wake time out.

Pure: time, randomness and the provider's standing are arguments. Whatever happened, the turn ends by choosing
the one next thing from the state alone, so that a crash between any two turns loses nothing but time.
"""

from dataclasses import dataclass
from typing import assert_never

from gateway.domain import (
    adopting,
    changing,
    inbox,
    judging,
    late,
    late_refunds,
    readying,
    refunds,
    restoring,
    starting,
    watching,
)
from gateway.domain.commands import CancelPayment, Message
from gateway.domain.draft import Conditions, Draft, Rules
from gateway.domain.events import PaymentEvent
from gateway.domain.lifecycle import ENDED
from gateway.domain.memo import NOTHING_HEARD, Memo, Reading
from gateway.domain.operations import (
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Initiate,
    Operation,
    Outcome,
    Prepare,
    ReadPayment,
    ReadRefund,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
)
from gateway.domain.pacing import DAY_MS, Dice, Instant
from gateway.domain.state import OperationKind, PaymentState
from gateway.domain.vocabulary import DeadLetterReason, PaymentStatus


@dataclass(frozen=True, slots=True)
class CommandArrived:
    message: Message


@dataclass(frozen=True, slots=True)
class Due:
    """The wake time has come."""


@dataclass(frozen=True, slots=True)
class Performed:
    operation: Operation
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Restored:
    """A new owner has read the state back; nothing is known of what the old one heard.

    `old_owner_until`: steady seconds until which the old one may still have asked, and the provider have told it
    a pace that nobody knows.
    """

    old_owner_until: float = 0.0


Prompt = CommandArrived | Due | Performed | Restored


@dataclass(frozen=True, slots=True)
class Decision:
    """`state` None: the payment may be forgotten. `wake_at` is in steady seconds."""

    state: PaymentState | None
    memo: Memo
    events: tuple[PaymentEvent, ...] = ()
    operation: Operation | None = None
    withdraw: bool = False
    wake_at: float | None = None
    dead_letter: DeadLetterReason | None = None


def decide(
    payment_id: str,
    state: PaymentState | None,
    memo: Memo | None,
    running: Operation | None,
    prompt: Prompt,
    now: Instant,
    rules: Rules,
    conditions: Conditions,
    dice: Dice,
) -> Decision:
    """One turn. `running` is the operation under way, never the one that `prompt` says has ended."""
    d = Draft(state or PaymentState(payment_id), memo or NOTHING_HEARD, now, rules, conditions, dice, running)
    match prompt:
        case CommandArrived(message):
            inbox.accept(d, message)
        case Due():
            pass
        case Performed(operation, outcome):
            _performed(d, operation, outcome)
        case Restored(old_owner_until):
            restoring.restored(d, max(d.now.steady, old_owner_until))
        case _:
            assert_never(prompt)
    inbox.overtake(d)
    if running is None:
        _advance(d)
    wake_at = min(d.wakes) if d.wakes else None
    # What was ever touched is no payment as it begins; the rest is rare enough to be compared.
    known = d.state if d.state.touched_ms or d.state != PaymentState(payment_id) else None
    return Decision(
        None if d.forgotten else known,
        d.memo,
        tuple(d.events),
        d.operation,
        d.withdraw,
        wake_at,
        d.dead_letter,
    )


def _performed(d: Draft, operation: Operation, outcome: Outcome) -> None:
    """An outcome counts only for what is still pending; one that a restore has overtaken is dropped."""
    if d.memo.drop_running:
        d.note(drop_running=False, last_request=d.now.steady)
        restoring.dropped(d, operation, outcome)
        return
    reading, name, pending = d.memo.reading, d.memo.refund, d.state.pending
    match operation:
        case Initiate() | Prepare():
            assert pending is not None and pending.starts
            starting.sent(d, outcome)
        case Ready():
            assert pending is not None and pending.kind is OperationKind.READY
            readying.sent(d, outcome)
        case Capture() | Cancel():
            assert pending is not None and not pending.starts
            changing.sent(d, outcome)
        case Refund() | RefundCapture() | RefundCancel():
            refunds.sent(d, operation, outcome)
        case ReadPayment() | FindPayments() | ReadRefund() | FindRefunds():
            assert reading is not None
            d.note(reading=None, refund=None)
            _read(d, reading, name, outcome)
        case _:
            assert_never(operation)


def _read(d: Draft, reading: Reading, refund: str | None, outcome: Outcome) -> None:
    pending = d.state.pending
    starts = pending is None or pending.starts
    readies = pending is not None and pending.kind is OperationKind.READY
    match reading:
        case Reading.WATCH:
            watching.watched(d, outcome)
        case Reading.READ_BACK if starts:
            starting.read_back(d, outcome)
        case Reading.LOOK if starts:
            starting.looked(d, outcome)
        case Reading.READ_BACK | Reading.LOOK if readies:
            readying.read(d, outcome)
        case Reading.READ_BACK | Reading.LOOK:
            changing.read(d, outcome)
        case Reading.LATE_LOOK:
            late.looked(d, outcome)
        case Reading.ADOPTION:
            adopting.heard(d, outcome)
        case Reading.REFUND_WATCH | Reading.REFUND_READ_BACK | Reading.REFUND_LOOK | Reading.REFUND_LATE_LOOK:
            refunds.read(d, reading, refund, outcome)
        case _:
            assert_never(reading)


def _advance(d: Draft) -> None:
    """Choose the one next thing: what is pending, then what is asked, then what is due."""
    changed = True
    while changed:
        d.wakes.clear()
        changed = False
        for part in _PARTS:
            state, memo = d.state, d.memo
            part(d)
            if d.operation is not None:
                d.wakes.clear()
                return
            replaced = d.state is not state or d.memo is not memo
            if replaced and (d.state, d.memo) != (state, memo):
                changed = True
                break


def _pursue(d: Draft) -> None:
    """Take the next step of what is pending on the payment itself."""
    state, start = d.state, d.state.start
    if state.pending is not None:
        if state.pending.starts:
            starting.pursue(d)
        elif state.pending.kind is OperationKind.READY:
            readying.pursue(d)
        else:
            changing.pursue(d)
    elif start is not None and not start.answered:
        starting.wait_or_try(d)
    elif _captures_itself(d):
        judging.capture_automatically(d)


def _judge(d: Draft) -> None:
    """Start the first command that waits, once the one before it is answered."""
    state, start = d.state, d.state.start
    busy = state.pending is not None or (start is not None and not start.answered)
    if state.inbox and not busy and not any(r.under_way for r in state.refunds):
        judging.judge(d, state.inbox[0])


def _captures_itself(d: Draft) -> bool:
    """An automatic capture is due, unless a cancel has arrived before its intent."""
    state = d.state
    return (
        state.status is PaymentStatus.RESERVED
        and state.captures_when_reserved
        and not any(isinstance(m.data, CancelPayment) for m in state.inbox)
    )


def _forget(d: Draft) -> None:
    """What has ended leaves the state after the retention; until then repeats are recognised."""
    s = d.state
    resting = (
        s.status in (PaymentStatus.NONE, *ENDED)
        and s.pending is None
        and not s.inbox
        and not s.abandoned
        and refunds.at_rest(d)
    )
    if not resting or not s.remembered:
        return
    until_ms = s.touched_ms + d.rules.state_retention_days * DAY_MS
    if d.now.wall_ms >= until_ms:
        d.forgotten = True
    else:
        d.wake_at_wall(until_ms)


_PARTS = (
    _pursue,
    refunds.pursue,
    _judge,
    watching.watch,
    refunds.watch,
    late.look,
    late_refunds.look,
    _forget,
)
