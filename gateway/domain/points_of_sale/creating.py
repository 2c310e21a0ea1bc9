"""A point of sale that is to be made: sent, heard or unheard, looked for, read and told.

It is found by the merchant's own id for it, which the provider holds unique; with the store and the name of the
command it is what the command made, also past the command's expiry.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.commands import Message
from gateway.domain.draft import cause_of
from gateway.domain.identity import idempotency_key
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    Found,
    Observed,
    Purpose,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import (
    KEY_LIFETIME_MS,
    LATE_LOOK_MS,
    held_again_seconds,
    look_again_seconds,
    refused_again_seconds,
)
from gateway.domain.points_of_sale.draft import PointOfSaleDraft
from gateway.domain.points_of_sale.events import PointOfSaleCreated
from gateway.domain.points_of_sale.operations import (
    CheckinObserved,
    FindPointsOfSale,
    MakePointOfSale,
    PointOfSaleObserved,
    PointOfSaleOutcome,
    PointOfSaleReading,
    ReadPointOfSale,
)
from gateway.domain.points_of_sale.state import (
    AbandonedCreation,
    PointOfSaleGlance,
    PointOfSalePending,
    PointOfSaleTask,
    Search,
    creation_of,
)
from gateway.domain.vocabulary import Reason

NO_MERCHANT_TEXT = (
    "merchantVatNumber: neither the command, nor the settings, nor the token names the merchant"
)
EXPIRED_TEXT = "the command expired before it could be carried out"


def judge(d: PointOfSaleDraft, message: Message) -> None:
    """Begin a creation, or refuse it at once."""
    data = creation_of(message)
    refused: tuple[Reason, str] | None = None
    if d.expired(message):
        refused = Reason.EXPIRED, EXPIRED_TEXT
    elif d.state.known is not None:
        text = f"point of sale {data.merchant_pos_id} exists already"
        refused = Reason.POINT_OF_SALE_EXISTS, text
    elif not d.conditions.merchant_known(data.merchant_vat_number):
        refused = Reason.INVALID_AT_PROVIDER, NO_MERCHANT_TEXT
    if refused is not None:
        d.take(message)
        d.reject(message, *refused)
    elif d.conditions.holding:
        d.wake_at(d.now.steady + held_again_seconds(d.dice))
    else:
        d.take(message)
        intent = PointOfSalePending(
            PointOfSaleTask.CREATE,
            cause_of(message),
            d.now.wall_ms,
            message=message,
            merchant=data.merchant_vat_number,
        )
        d.intend(intent)


def pursue(d: PointOfSaleDraft) -> None:
    """Choose the next step of the pending creation."""
    memo, pending = d.memo, d.pending
    if d.now.steady < memo.not_before:
        d.wake_at(memo.not_before)
    elif pending.pos_id is not None:
        operation = ReadPointOfSale(pending.merchant, pending.pos_id, Purpose.READ_BACK)
        d.ask_reading(operation, PointOfSaleGlance.READ_BACK)
    elif memo.search is not None:
        _search_on(d, memo.search)
    elif memo.unheard and (memo.spent or memo.refusal is not None or _is_expired(d)):
        d.note(search=Search(begun=d.now.steady))
        _list(d)
    elif memo.unheard or not _is_expired(d):
        d.ask(request(d))
    else:
        _conclude_nothing(d)


def request(d: PointOfSaleDraft) -> MakePointOfSale:
    """The creating call: the same bytes under the same key, however often."""
    message = _message(d)
    data = creation_of(message)
    return MakePointOfSale(
        merchant=data.merchant_vat_number,
        key=idempotency_key(message.id, d.state.merchant_pos_id, PointOfSaleTask.CREATE, 1),
        merchant_pos_id=data.merchant_pos_id,
        store_id=data.store_id,
        name=data.name,
        supported_beacon_types=data.supported_beacon_types,
        beacon_id=data.beacon_id,
        callback_alias=data.callback_alias,
        require_payment_before_checkin=data.require_payment_before_checkin,
        first=not d.memo.unheard,
        not_after_ms=_not_after_ms(d),
    )


def sent(d: PointOfSaleDraft, outcome: PointOfSaleOutcome) -> None:
    """A run of the creating call has ended."""
    now = d.now.steady
    d.note(last_request=now)
    match outcome:
        case Accepted(resource_id):
            assert resource_id is not None
            d.change(pending=replace(d.pending, pos_id=resource_id), touched_ms=d.now.wall_ms)
            d.note(not_before=now, spent=False, refusal=None, search=None, tries=0)
        case Rejected(refusal, unheard):
            d.note(unheard=d.memo.unheard or unheard > 0)
            if d.memo.unheard:
                d.note(refusal=refusal, spent=False, not_before=now)
            else:
                d.note(refusal=refusal)
                _reject(d, refusal.reason)
        case Unknown():
            d.tell_unknown()
            d.note(unheard=True, spent=True, search=None)
            d.rest(look_again_seconds(d.memo.tries, d.dice))
        case Deferred(cause, after_ms, unheard):
            wait = 0.0 if cause in (DeferralCause.WITHDRAWN, DeferralCause.TOO_LATE) else after_ms / 1000
            d.note(unheard=d.memo.unheard or unheard > 0, not_before=now + wait)
        case Observed() | PointOfSaleObserved() | CheckinObserved() | Found():
            raise AssertionError(f"a creating call cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def read_back(d: PointOfSaleDraft, outcome: PointOfSaleOutcome) -> None:
    """What was made has been read: it answers the command."""
    match outcome:
        case PointOfSaleObserved(reading):
            _created(d, reading)
        case Rejected():
            d.rest(refused_again_seconds(d.memo.tries, d.dice))
        case Unknown():
            d.rest(look_again_seconds(d.memo.tries, d.dice))
        case Deferred(_, after_ms):
            d.note(not_before=d.now.steady + after_ms / 1000)
        case Accepted() | Observed() | CheckinObserved() | Found():
            raise AssertionError(f"a reading of a point of sale cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def looked(d: PointOfSaleDraft, outcome: PointOfSaleOutcome) -> None:
    """One GET of a search has ended."""
    search = d.memo.search
    assert search is not None
    match outcome:
        case Found() if search.unread is None and d.memo.refusal is None and not _is_expired(d):
            # The provider answers again: the same call under the same key names what it made.
            d.note(search=None, spent=False, tries=0, not_before=d.now.steady)
        case Found(ids):
            d.note(search=replace(search, unread=ids))
        case PointOfSaleObserved(reading):
            assert search.unread
            d.note(search=replace(search, unread=search.unread[1:]))
            if is_made_by(reading, creation_of(_message(d)).store_id, creation_of(_message(d)).name):
                _created(d, reading)
        case Rejected(refusal) if search.unread and refusal.http_status in (403, 404):
            d.note(search=replace(search, unread=search.unread[1:]))
        case Rejected():
            _search_again(d, refused_again_seconds(d.memo.tries, d.dice))
        case Unknown():
            d.tell_unknown()
            _search_again(d, look_again_seconds(d.memo.tries, d.dice))
        case Deferred(_, after_ms):
            _search_again(d, after_ms / 1000)
        case Accepted() | Observed() | CheckinObserved():
            raise AssertionError(f"a search for a point of sale cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def is_made_by(reading: PointOfSaleReading, store_id: str, name: str) -> bool:
    """Found by the merchant's own id, it is what a command with this store and name has made."""
    return reading.store_id.lower() == store_id.lower() and reading.name == name


def _search_on(d: PointOfSaleDraft, search: Search) -> None:
    if search.unread is None:
        _list(d)
    elif search.unread:
        operation = ReadPointOfSale(d.pending.merchant, search.unread[0], Purpose.CANDIDATE)
        d.ask_reading(operation, PointOfSaleGlance.LOOK)
    else:
        d.note(search=None)
        _nothing_found(d, search)


def _list(d: PointOfSaleDraft) -> None:
    operation = FindPointsOfSale(d.pending.merchant, d.state.merchant_pos_id, Purpose.LOOK)
    d.ask_reading(operation, PointOfSaleGlance.LOOK)


def _search_again(d: PointOfSaleDraft, seconds: float) -> None:
    d.note(search=None)
    d.rest(seconds)


def _nothing_found(d: PointOfSaleDraft, search: Search) -> None:
    """The search is complete and found nothing that is ours; only one begun late enough may say so."""
    now, refusal = d.now.steady, d.memo.refusal
    settled = d.memo.last_request + d.rules.settle_seconds
    if search.begun < settled:
        soon = now + look_again_seconds(d.memo.tries, d.dice)
        d.note(tries=d.memo.tries + 1, not_before=settled if now < settled < soon else soon)
    elif refusal is not None and not _is_expired(d):
        _reject(d, refusal.reason)
    else:
        _conclude_nothing(d)


def _conclude_nothing(d: PointOfSaleDraft) -> None:
    message = _message(d)
    data = creation_of(message)
    if d.memo.unheard:
        late = AbandonedCreation(
            d.pending.cause, data.store_id, data.name, d.now.wall_ms + LATE_LOOK_MS, data.merchant_vat_number
        )
        d.change(abandoned=(*d.state.abandoned, late))
    _reject(d, Reason.EXPIRED)


def _created(d: PointOfSaleDraft, reading: PointOfSaleReading) -> None:
    pending = d.pending
    d.settle(known=reading, merchant=pending.merchant)
    d.tell(PointOfSaleCreated(reading), pending.cause, pending.message)


def _reject(d: PointOfSaleDraft, reason: Reason) -> None:
    message, refusal = _message(d), d.memo.refusal
    expired = reason is Reason.EXPIRED
    text = EXPIRED_TEXT if expired else f"the provider refused the point of sale: {reason}"
    d.settle()
    d.reject(message, reason, text, refusal)


def _is_expired(d: PointOfSaleDraft) -> bool:
    return d.now.wall_ms > _not_after_ms(d)


def _not_after_ms(d: PointOfSaleDraft) -> int:
    return min(_message(d).expires_at_ms, d.pending.first_sent_ms + KEY_LIFETIME_MS)


def _message(d: PointOfSaleDraft) -> Message:
    message = d.pending.message
    assert message is not None
    return message
