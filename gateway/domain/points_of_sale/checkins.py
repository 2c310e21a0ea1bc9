"""Who checks in at a point of sale: watched for a while by command, and read once after a notification.

Watches hold back nothing and share their polls, which keep the provider's pace of each point of sale. A
notification is only a hint: what it led to is told without a command's id, and a forged one costs a GET.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.commands import Message, WatchCheckin
from gateway.domain.draft import cause_of
from gateway.domain.operations import (
    Accepted,
    Deferred,
    Found,
    Observed,
    Purpose,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import DEFAULT_POLL_DELAY_MS, refused_again_seconds
from gateway.domain.points_of_sale.creating import EXPIRED_TEXT, NO_MERCHANT_TEXT
from gateway.domain.points_of_sale.draft import PointOfSaleDraft
from gateway.domain.points_of_sale.events import CheckinEnd, CheckinEnded, CheckinStarted
from gateway.domain.points_of_sale.operations import (
    CheckinObserved,
    CheckinReading,
    PointOfSaleObserved,
    PointOfSaleOutcome,
    ReadCheckin,
)
from gateway.domain.points_of_sale.state import PointOfSaleGlance, Watch
from gateway.domain.vocabulary import Reason

SAME_ARRIVAL_MS = 60_000
"""The provider sends a notification up to four times; within this time it is the same customer."""


def begin(d: PointOfSaleDraft, message: Message, data: WatchCheckin) -> None:
    """Watch from now on, beside whatever else is under way."""
    if d.expired(message):
        d.reject(message, Reason.EXPIRED, EXPIRED_TEXT)
    elif not d.conditions.merchant_known(data.merchant_vat_number):
        d.reject(message, Reason.INVALID_AT_PROVIDER, NO_MERCHANT_TEXT)
    else:
        watch = Watch(message, d.now.wall_ms + data.seconds * 1000)
        d.change(watches=(*d.state.watches, watch), touched_ms=d.now.wall_ms)


def notify(d: PointOfSaleDraft, message: Message) -> None:
    """Somebody may have checked in; of a point of sale that nothing is known of the hint is dropped."""
    if _noticed_pos(d) is None:
        d.dropped_notice = True
    elif d.state.notified is None:
        d.change(notified=cause_of(message), touched_ms=d.now.wall_ms)


def watch(d: PointOfSaleDraft) -> None:
    """Ask for the reading that is due first, or wake for it."""
    due: dict[str, tuple[float, str | None]] = {}
    noticed = _noticed_pos(d)
    if noticed is None and d.state.notified is not None:
        # What it was about is gone: there is nobody to read.
        d.change(notified=None)
    elif noticed is not None and d.state.notified is not None:
        due[noticed[0]] = _pace(d, noticed[0]), noticed[1]
    for each in d.state.watches:
        due.setdefault(each.data.pos_id, (_pace(d, each.data.pos_id), each.data.merchant_vat_number))
    if not due:
        return
    pos_id, (at, merchant) = min(due.items(), key=lambda item: item[1][0])
    if d.now.steady >= at:
        d.ask_reading(ReadCheckin(merchant, pos_id, Purpose.POLL), PointOfSaleGlance.CHECKIN)
        d.note(polled=pos_id)
    else:
        d.wake_at(at)


def read(d: PointOfSaleDraft, pos_id: str, outcome: PointOfSaleOutcome) -> None:
    """A poll of a check-in has ended."""
    match outcome:
        case CheckinObserved(reading):
            if reading.poll_delay_ms != d.state.poll_delay_ms:
                d.change(poll_delay_ms=reading.poll_delay_ms)
            _rest(d, pos_id, poll_delay_seconds(d))
            d.note(poll_tries=0)
            _heed(d, pos_id, reading)
        case Rejected(refusal):
            wait = max(refused_again_seconds(d.memo.poll_tries, d.dice), poll_delay_seconds(d))
            _rest(d, pos_id, wait)
            d.note(poll_tries=d.memo.poll_tries + 1)
            _denied(d, pos_id, refusal)
        case Unknown():
            _rest(d, pos_id, poll_delay_seconds(d))
        case Deferred(_, after_ms):
            _rest(d, pos_id, max(after_ms / 1000, poll_delay_seconds(d)))
        case Accepted() | Observed() | PointOfSaleObserved() | Found():
            raise AssertionError(f"a poll of a check-in cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def passed_over(d: PointOfSaleDraft, pos_id: str, outcome: PointOfSaleOutcome) -> None:
    """A reading that is not believed holds for the pace all the same, and brings nothing forward (`watching`)."""
    if isinstance(outcome, CheckinObserved):
        d.change(poll_delay_ms=outcome.reading.poll_delay_ms)
    _rest(d, pos_id, max(poll_delay_seconds(d), _pace(d, pos_id) - d.now.steady))


def poll_delay_seconds(d: PointOfSaleDraft) -> float:
    """The provider's last word on the pace of check-ins here, never below the configured floor."""
    delay_ms = d.state.poll_delay_ms
    delay_ms = DEFAULT_POLL_DELAY_MS if delay_ms is None else delay_ms
    return max(delay_ms, d.rules.min_poll_delay_ms) / 1000


def _heed(d: PointOfSaleDraft, pos_id: str, reading: CheckinReading) -> None:
    """Tell each watch of this point of sale, and the notification, what was read."""
    told = False
    for each in d.state.watches:
        if each.data.pos_id != pos_id:
            continue
        cause, over = cause_of(each.message), d.now.wall_ms >= each.until_ms
        answered = None if each.started else each.message
        if reading.checked_in:
            if answered is not None:
                _keep(d, each, replace(each, started=True))
                d.tell(CheckinStarted(pos_id, reading.loyalty_ids), cause, answered)
                told = True
            if over:
                _end(d, each, CheckinEnd.TIME, None)
        elif each.started:
            _end(d, each, CheckinEnd.LEFT, None)
        elif over:
            _end(d, each, CheckinEnd.NOBODY, each.message)
    noticed = _noticed_pos(d)
    if d.state.notified is not None and noticed is not None and noticed[0] == pos_id:
        _notice(d, pos_id, reading, told)


def _notice(d: PointOfSaleDraft, pos_id: str, reading: CheckinReading, told: bool) -> None:
    cause = d.state.notified
    assert cause is not None
    d.change(notified=None, touched_ms=d.now.wall_ms)
    arrived_ms = d.state.arrived_ms
    again = arrived_ms is not None and d.now.wall_ms - arrived_ms < SAME_ARRIVAL_MS
    watched = any(each.started and each.data.pos_id == pos_id for each in d.state.watches)
    if reading.checked_in:
        d.change(arrived_ms=d.now.wall_ms)
        if not (again or told or watched):
            d.tell(CheckinStarted(pos_id, reading.loyalty_ids), cause)


def _denied(d: PointOfSaleDraft, pos_id: str, refusal: Refusal) -> None:
    """The provider shows no check-in there: final for a watch that nothing was told of; a hint is dropped."""
    for each in d.state.watches:
        if each.data.pos_id != pos_id:
            continue
        if not each.started:
            _drop(d, each)
            text = f"the provider shows no check-in there: {refusal.reason}"
            d.reject(each.message, refusal.reason, text, refusal)
        elif d.now.wall_ms >= each.until_ms:
            _end(d, each, CheckinEnd.TIME, None)
    noticed = _noticed_pos(d)
    if noticed is not None and noticed[0] == pos_id:
        d.change(notified=None)


def _end(d: PointOfSaleDraft, watch_: Watch, reason: CheckinEnd, answered: Message | None) -> None:
    _drop(d, watch_)
    d.tell(CheckinEnded(watch_.data.pos_id, reason), cause_of(watch_.message), answered)


def _keep(d: PointOfSaleDraft, before: Watch, after: Watch) -> None:
    watches = tuple(after if each.message.id == before.message.id else each for each in d.state.watches)
    d.change(watches=watches)


def _drop(d: PointOfSaleDraft, watch_: Watch) -> None:
    d.change(watches=tuple(each for each in d.state.watches if each.message.id != watch_.message.id))


def _noticed_pos(d: PointOfSaleDraft) -> tuple[str, str | None] | None:
    """Where a notification is about, and whose: the point of sale that was made here, or is watched."""
    if d.state.known is not None:
        return d.state.known.pos_id, d.state.merchant
    if d.state.watches:
        data = d.state.watches[-1].data
        return data.pos_id, data.merchant_vat_number
    return None


def _pace(d: PointOfSaleDraft, pos_id: str) -> float:
    return d.memo.paces.get(pos_id, 0.0)


def _rest(d: PointOfSaleDraft, pos_id: str, seconds: float) -> None:
    """A pace holds until its time, whoever asks next: a notification may come when the last watch is over."""
    kept = {name: at for name, at in d.memo.paces.items() if at > d.now.steady}
    d.note(paces={**kept, pos_id: d.now.steady + seconds})
