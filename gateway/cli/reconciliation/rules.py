"""Where commands, events and the provider disagree. Pure: books, readings and the time in, differences out.

Missing: what should be told and is not: a command without an answer, an effect at the provider that no event
tells. Extra: what is told and is not so: a second answer, an effect that the provider does not have. Mismatch:
both tell of it, and not the same. Unresolved: nobody can know it now. What has happened within the grace is not
judged as missing: it may be on its way.
"""

from collections.abc import Iterator
from typing import Final

from gateway.cli.reconciliation.answers import in_flight, of_commands
from gateway.cli.reconciliation.books import Account, Books, ToldPayment, ToldRefund
from gateway.cli.reconciliation.terms import Asking, Difference, Kind, Question, Readings, Scope
from gateway.domain.calls import AnyOutcome
from gateway.domain.lifecycle import may_follow, status_of
from gateway.domain.money import Money
from gateway.domain.operations import (
    Found,
    Observed,
    PaymentReading,
    ProviderRefundStatus,
    ProviderStatus,
    RefundObserved,
    RefundReading,
    Rejected,
)
from gateway.domain.refund_lifecycle import refund_may_follow, refund_status_of
from gateway.domain.vocabulary import By, CapturedBy, PaymentStatus, Reason

_BY: Final = {
    ProviderStatus.CANCELLED_BY_CUSTOMER: By.CUSTOMER,
    ProviderStatus.CANCELLED_BY_MERCHANT: By.MERCHANT,
    ProviderStatus.CANCELLED_BY_PROVIDER: By.PROVIDER,
}
_REFUND_BY: Final = {
    ProviderRefundStatus.CAPTURED: CapturedBy.COMMAND,
    ProviderRefundStatus.CAPTURED_BY_EXPIRY: CapturedBy.EXPIRY,
    ProviderRefundStatus.CANCELLED_BY_MERCHANT: By.MERCHANT,
    ProviderRefundStatus.CANCELLED_BY_PROVIDER: By.PROVIDER,
}
_ABSENT: Final = (Reason.PAYMENT_NOT_FOUND, Reason.REFUND_NOT_FOUND)


def differences(books: Books, readings: Readings, scope: Scope) -> list[Difference]:
    found = list(of_commands(books, scope))
    waiting = in_flight(books, scope)
    for key, account in books.accounts.items():
        if scope.takes(account.at_ms):
            found += _account(key, account, readings, key in waiting or bool(account.unknown))
    return sorted(found, key=lambda one: (one.key, one.refund_id or "", one.kind, one.message))


def wanted(books: Books, scope: Scope) -> Iterator[tuple[str, Question]]:
    """What the provider is to be asked for, each with the payment's key. The refunds of an adopted payment are not
    listed: what was given back before belongs to others.
    """
    for key, account in books.accounts.items():
        if scope.takes(account.at_ms):
            yield from ((key, (Asking.PAYMENT, payment_id)) for payment_id in account.payments)
            yield from ((key, (Asking.REFUND, refund_id)) for refund_id in account.refunds)
            yield from ((key, (Asking.REFUNDS, payment_id)) for payment_id in _with_refunds(account))


def _with_refunds(account: Account) -> Iterator[str]:
    if not account.adopted:
        for provider_id, payment in account.payments.items():
            if payment.status is PaymentStatus.CAPTURED:
                yield provider_id


def _account(key: str, account: Account, readings: Readings, in_hand: bool) -> Iterator[Difference]:
    for sequence in account.gaps:
        yield Difference(Kind.MISSING, key, f"there is no event with sequence {sequence}")
    for refund_id in account.unknown:
        text = f"it is not known what became of {account.unknown[refund_id]}"
        yield Difference(Kind.UNRESOLVED, key, text, refund_id=refund_id, moving=True)
    for provider_id, payment in account.payments.items():
        yield from _payment(key, payment, readings.get((Asking.PAYMENT, provider_id)), in_hand)
    for provider_id, refund in account.refunds.items():
        yield from _refund(key, refund, readings.get((Asking.REFUND, provider_id)), in_hand)
    for provider_id in _with_refunds(account):
        yield from _listed(key, account, readings.get((Asking.REFUNDS, provider_id)), in_hand)


def _listed(key: str, account: Account, heard: AnyOutcome | None, in_hand: bool) -> Iterator[Difference]:
    """Refunds at the provider of which no event tells. What went wrong with the payment itself is told there."""
    if not isinstance(heard, Found):
        if not isinstance(heard, Rejected):
            yield Difference(Kind.UNRESOLVED, key, "the provider did not answer for the list of refunds")
        return
    if any(refund_id is not None for refund_id in account.unknown):
        return
    for provider_id in heard.ids:
        if provider_id not in account.refunds:
            kind = Kind.UNRESOLVED if in_hand else Kind.MISSING
            text = f"no event tells of a refund that the provider has ({provider_id})"
            yield Difference(kind, key, text, moving=True)


def _payment(key: str, told: ToldPayment, heard: AnyOutcome | None, in_hand: bool) -> Iterator[Difference]:
    if not isinstance(heard, Observed):
        yield _unheard(key, None, told.status.value, heard)
        return
    reading: PaymentReading = heard.reading
    there = status_of(reading.status)
    if there is None:
        text = "the provider's status is a word that is not known"
        yield Difference(Kind.UNRESOLVED, key, text, told=told.status.value, provider=reading.word)
    elif there is not told.status:
        ahead, behind = may_follow(told.status, there), may_follow(there, told.status)
        yield _status(key, None, told.status.value, reading.word, ahead, behind, in_hand)
    elif told.by is not None and _BY.get(reading.status, told.by) != told.by:
        yield _who(key, None, told.by, reading.word)
    yield from _amount(key, None, told.amount, reading.amount)


def _refund(key: str, told: ToldRefund, heard: AnyOutcome | None, in_hand: bool) -> Iterator[Difference]:
    if not isinstance(heard, RefundObserved):
        yield _unheard(key, told.refund_id, told.status.value, heard)
        return
    reading: RefundReading = heard.reading
    there = refund_status_of(reading.status)
    if there is None:
        text = "the provider's status is a word that is not known"
        yield Difference(Kind.UNRESOLVED, key, text, told.refund_id, None, told.status.value, reading.word)
    elif there is not told.status:
        ahead, behind = refund_may_follow(told.status, there), refund_may_follow(there, told.status)
        yield _status(key, told.refund_id, told.status.value, reading.word, ahead, behind, in_hand)
    elif told.by is not None and _REFUND_BY.get(reading.status, told.by) != told.by:
        yield _who(key, told.refund_id, told.by, reading.word)
    yield from _amount(key, told.refund_id, told.amount, reading.amount)


def _unheard(key: str, refund_id: str | None, told: str, heard: AnyOutcome | None) -> Difference:
    what = "payment" if refund_id is None else "refund"
    if isinstance(heard, Rejected) and heard.refusal.reason in _ABSENT:
        return Difference(
            Kind.EXTRA, key, f"the provider has no such {what}", refund_id, None, told, "absent"
        )
    if isinstance(heard, Rejected):
        text = f"the provider refuses to show the {what}: {heard.refusal.reason.value}"
    else:
        text = f"the provider did not answer for the {what}"
    return Difference(Kind.UNRESOLVED, key, text, refund_id, None, told)


def _status(
    key: str, refund_id: str | None, told: str, there: str, ahead: bool, behind: bool, in_hand: bool
) -> Difference:
    if ahead:
        kind = Kind.UNRESOLVED if in_hand else Kind.MISSING
        text = "the provider is ahead of what events tell"
        return Difference(kind, key, text, refund_id, None, told, there, moving=True)
    if behind:
        text = "an event tells what the provider did not do"
        return Difference(Kind.EXTRA, key, text, refund_id, None, told, there)
    return Difference(Kind.MISMATCH, key, "the statuses disagree", refund_id, None, told, there)


def _who(key: str, refund_id: str | None, told: str, there: str) -> Difference:
    text = "they disagree on who did it"
    return Difference(Kind.MISMATCH, key, text, refund_id, None, f"by {told}", there)


def _amount(key: str, refund_id: str | None, told: Money | None, there: Money | None) -> Iterator[Difference]:
    if told is not None and there is not None and told != there:
        text = "the amounts disagree"
        yield Difference(Kind.MISMATCH, key, text, refund_id, None, _shown(told), _shown(there))


def _shown(money: Money) -> str:
    return f"{money.value} {money.currency.value}"
