"""The point of sale as a reducer, as the payment is one: state and one prompt in; new state, events, one operation
and a wake time out.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from gateway.domain.commands import (
    CheckinNotified,
    CreatePointOfSale,
    DeletePointOfSale,
    Message,
    WatchCheckin,
)
from gateway.domain.draft import Conditions, Rules
from gateway.domain.operations import FindPayments, ReadPayment
from gateway.domain.pacing import DAY_MS, Dice, Instant
from gateway.domain.payment import CommandArrived, Due, Restored
from gateway.domain.points_of_sale import checkins, creating, deleting, late
from gateway.domain.points_of_sale.draft import PointOfSaleDraft
from gateway.domain.points_of_sale.events import PointOfSaleEvent
from gateway.domain.points_of_sale.operations import (
    FindPointsOfSale,
    MakePointOfSale,
    PointOfSaleOperation,
    PointOfSaleOutcome,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.points_of_sale.state import (
    PointOfSaleGlance,
    PointOfSaleMemo,
    PointOfSaleState,
    PointOfSaleTask,
)
from gateway.domain.state import Remembered
from gateway.domain.vocabulary import DeadLetterReason, Reason

MAX_REMEMBERED = 128
"""Of a point of sale, which lives for years, the last so many commands are remembered: a repeat of an older one
meets what exists, or is one more watch.
"""


@dataclass(frozen=True, slots=True)
class Performed:
    operation: PointOfSaleOperation
    outcome: PointOfSaleOutcome


Prompt = CommandArrived | Due | Performed | Restored


@dataclass(frozen=True, slots=True)
class Decision:
    """As a payment's. `dropped_notice`: a notification named a point of sale that nothing is known of."""

    state: PointOfSaleState | None
    memo: PointOfSaleMemo
    events: tuple[PointOfSaleEvent, ...] = ()
    operation: PointOfSaleOperation | None = None
    wake_at: float | None = None
    dead_letter: DeadLetterReason | None = None
    dropped_notice: bool = False


def decide(
    merchant_pos_id: str,
    state: PointOfSaleState | None,
    memo: PointOfSaleMemo | None,
    running: PointOfSaleOperation | None,
    prompt: Prompt,
    now: Instant,
    rules: Rules,
    conditions: Conditions,
    dice: Dice,
) -> Decision:
    """One turn. `running` is the operation under way, never the one that `prompt` says has ended."""
    empty = PointOfSaleState(merchant_pos_id)
    d = PointOfSaleDraft(state or empty, memo or PointOfSaleMemo(), now, rules, conditions, dice, running)
    match prompt:
        case CommandArrived(message):
            _accept(d, message)
        case Due():
            pass
        case Performed(operation, outcome):
            _performed(d, operation, outcome)
        case Restored(old_owner_until):
            _restored(d, max(d.now.steady, old_owner_until))
        case _:
            assert_never(prompt)
    if running is None:
        _advance(d)
    known = d.state if d.state != empty else None
    return Decision(
        None if d.forgotten else known,
        d.memo,
        tuple(d.events),
        d.operation,
        min(d.wakes) if d.wakes else None,
        d.dead_letter,
        d.dropped_notice,
    )


def _accept(d: PointOfSaleDraft, message: Message) -> None:
    """Take a command in, once; a watch begins at once, since it holds back nothing and is held back by nothing."""
    data = message.data
    if isinstance(data, CheckinNotified):
        checkins.notify(d, message)
        return
    for known in d.state.remembered:
        if known.id == message.id:
            if known.data_hash != message.data_hash:
                d.dead_letter = DeadLetterReason.ID_REUSED
            return
    if d.state.waiting >= d.rules.max_waiting_commands:
        text = f"{d.rules.max_waiting_commands} commands of this point of sale wait for their answers already"
        d.reject(message, Reason.TOO_MANY_COMMANDS, text)
        return
    remembered = (*d.state.remembered, Remembered(message.id, message.data_hash))[-MAX_REMEMBERED:]
    d.change(remembered=remembered, touched_ms=d.now.wall_ms)
    if isinstance(data, WatchCheckin):
        checkins.begin(d, message, data)
    else:
        d.change(inbox=(*d.state.inbox, message))


def _performed(d: PointOfSaleDraft, operation: PointOfSaleOperation, outcome: PointOfSaleOutcome) -> None:
    """An outcome counts only for what is still pending; one that a restore has overtaken is dropped."""
    if d.memo.drop_running:
        d.note(drop_running=False, last_request=d.now.steady)
        if isinstance(operation, ReadCheckin):
            checkins.passed_over(d, operation.pos_id, outcome)
        return
    match operation:
        case MakePointOfSale():
            creating.sent(d, outcome)
        case RemovePointOfSale():
            deleting.sent(d, outcome)
        case ReadPointOfSale() | FindPointsOfSale() | ReadCheckin() | FindPayments() | ReadPayment():
            glance, polled = d.memo.glance, d.memo.polled
            assert glance is not None
            d.note(glance=None, polled=None)
            _read(d, glance, polled, outcome)
        case _:
            assert_never(operation)


def _read(
    d: PointOfSaleDraft, glance: PointOfSaleGlance, polled: str | None, outcome: PointOfSaleOutcome
) -> None:
    match glance:
        case PointOfSaleGlance.READ_BACK:
            creating.read_back(d, outcome)
        case PointOfSaleGlance.LOOK if d.pending.task is PointOfSaleTask.CREATE:
            creating.looked(d, outcome)
        case PointOfSaleGlance.LOOK:
            deleting.looked(d, outcome)
        case PointOfSaleGlance.GUARD:
            deleting.guarded(d, outcome)
        case PointOfSaleGlance.LATE_LOOK:
            late.looked(d, outcome)
        case PointOfSaleGlance.CHECKIN:
            assert polled is not None
            checkins.read(d, polled, outcome)
        case _:
            assert_never(glance)


def _restored(d: PointOfSaleDraft, since: float) -> None:
    """A pending operation counts as a run that went unheard; check-ins are read at their pace from `since` on."""
    is_pending = d.state.pending is not None
    pace = since + checkins.poll_delay_seconds(d)
    asked = {watch.data.pos_id for watch in d.state.watches}
    if d.state.known is not None:
        asked.add(d.state.known.pos_id)
    d.memo = PointOfSaleMemo(
        not_before=d.now.steady,
        last_request=d.now.steady,
        unheard=is_pending,
        spent=is_pending,
        paces=dict.fromkeys(sorted(asked), pace),
    )
    if d.running is not None and not _is_intended(d, d.running):
        d.note(drop_running=True)


def _is_intended(d: PointOfSaleDraft, running: PointOfSaleOperation) -> bool:
    pending = d.state.pending
    match running:
        case MakePointOfSale():
            if pending is None or pending.task is not PointOfSaleTask.CREATE or pending.pos_id is not None:
                return False
            return replace(creating.request(d), first=running.first) == running
        case RemovePointOfSale():
            deletes = pending is not None and pending.task is PointOfSaleTask.DELETE
            return deletes and deleting.request(d) == running
        case ReadPointOfSale() | FindPointsOfSale() | ReadCheckin() | FindPayments() | ReadPayment():
            return False
        case _:
            assert_never(running)


def _advance(d: PointOfSaleDraft) -> None:
    """Choose the one next thing: what is pending, then what is asked, then what is due."""
    changed = True
    while changed:
        d.wakes.clear()
        changed = False
        for part in _PARTS:
            before = d.state, d.memo
            part(d)
            if d.operation is not None:
                d.wakes.clear()
                return
            if (d.state, d.memo) != before:
                changed = True
                break


def _pursue(d: PointOfSaleDraft) -> None:
    pending = d.state.pending
    if pending is None:
        return
    match pending.task:
        case PointOfSaleTask.CREATE:
            creating.pursue(d)
        case PointOfSaleTask.DELETE:
            deleting.pursue(d)
        case _:
            assert_never(pending.task)


def _judge(d: PointOfSaleDraft) -> None:
    if d.state.pending is not None or not d.state.inbox:
        return
    message = d.state.inbox[0]
    if isinstance(message.data, CreatePointOfSale):
        creating.judge(d, message)
    else:
        assert isinstance(message.data, DeletePointOfSale)
        deleting.judge(d, message)


def _forget(d: PointOfSaleDraft) -> None:
    """What does not exist leaves the state after the retention; what does exist is kept as long as it does."""
    s = d.state
    busy = s.known or s.pending or s.watches or s.notified or s.inbox or s.abandoned
    if busy or not s.remembered:
        return
    until_ms = s.touched_ms + d.rules.state_retention_days * DAY_MS
    if d.now.wall_ms >= until_ms:
        d.forgotten = True
    else:
        d.wake_at_wall(until_ms)


_PARTS = (_pursue, _judge, checkins.watch, late.look, _forget)
