"""Where commands, events and the provider disagree. Pure: books, readings and the time in, differences out.

Missing: what should be told and is not: a command without an answer, an effect at the provider that no event
tells. Extra: what is told and is not so: a second answer, an effect that the provider does not have. Mismatch:
both tell of it, and not the same. Unresolved: nobody can know it now. What has happened within the grace is not
judged as missing: it may be on its way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.cli.reconcile_books import Account, Books, ToldPayment, ToldRefund
from gateway.cli.reconcile_records import Asked
from gateway.domain.identity import MessageId
from gateway.domain.lifecycle import may_follow, status_of
from gateway.domain.money import Money
from gateway.domain.operations import (
    Observed,
    Outcome,
    PaymentReading,
    ProviderRefundStatus,
    ProviderStatus,
    RefundObserved,
    RefundReading,
    Rejected,
)
from gateway.domain.refund_lifecycle import refund_may_follow, refund_status_of
from gateway.domain.vocabulary import By, CapturedBy, Reason

GRACE_MS: Final = 5 * 60 * 1000

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


class Kind(StrEnum):
    MISSING = "Missing"
    EXTRA = "Extra"
    MISMATCH = "Mismatch"
    UNRESOLVED = "Unresolved"


@dataclass(frozen=True, slots=True)
class Difference:
    """`told` is what the gateway's topics say, `provider` what the provider does, where it was asked. `moving`:
    it may be gone the next moment.
    """

    kind: Kind
    key: str
    message: str
    refund_id: str | None = None
    command: MessageId | None = None
    told: str | None = None
    provider: str | None = None
    moving: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """`since_ms`: only what was asked or told from then on. `whole`: the partitions of which no command was
    deleted yet, so that an answer to none is one too many.
    """

    now_ms: int
    since_ms: int | None = None
    whole: frozenset[int] = frozenset()

    def takes(self, at_ms: int) -> bool:
        return self.since_ms is None or at_ms >= self.since_ms

    def young(self, at_ms: int) -> bool:
        return self.now_ms - at_ms < GRACE_MS


def differences(books: Books, readings: Mapping[str, Outcome], scope: Scope) -> list[Difference]:
    """`readings`: what the provider answered when asked for each payment and refund, by its id."""
    found = [*_unread(books, scope), *_answers(books, scope), *_undecodable(books)]
    for key, account in books.accounts.items():
        if scope.takes(account.at_ms):
            found += _account(key, account, readings, scope)
    return sorted(found, key=lambda one: (one.key, one.refund_id or "", one.kind, one.message))


def wanted(books: Books, scope: Scope) -> Iterator[tuple[str, str, bool]]:
    """What the provider is to be asked for: the payment's key, the provider's id, and whether that is a
    refund's.
    """
    for key, account in books.accounts.items():
        if scope.takes(account.at_ms):
            yield from ((key, payment_id, False) for payment_id in account.payments)
            yield from ((key, refund_id, True) for refund_id in account.refunds)


def _unread(books: Books, scope: Scope) -> Iterator[Difference]:
    """What cannot be understood is answered by one dead letter."""
    for asked in books.unread:
        if scope.takes(asked.at_ms):
            yield from _dead_letters(books, asked, scope, due=True)


def _dead_letters(books: Books, asked: Asked, scope: Scope, due: bool) -> Iterator[Difference]:
    count = books.accounted(asked.place)
    where = f"the command at {asked.place[0]}:{asked.place[1]}"
    if count > 1:
        yield Difference(Kind.EXTRA, asked.key, f"{where} has {count} dead letters", command=asked.id)
    if due and count == 0 and not scope.young(asked.at_ms):
        text = f"{where} cannot be understood and has no dead letter"
        yield Difference(Kind.MISSING, asked.key, text, command=asked.id)


def _answers(books: Books, scope: Scope) -> Iterator[Difference]:
    for (key, identity), copies in books.commands.items():
        account = books.accounts.get(key) or Account()
        living = [one for one in copies if books.accounted(one.place) == 0]
        for one in copies:
            if scope.takes(one.at_ms):
                # The same identity with other data is no repeat.
                reused = bool(living) and one.data_hash != living[0].data_hash
                yield from _dead_letters(books, one, scope, due=reused)
        count = account.answers[identity]
        if living and scope.takes(living[0].at_ms) and count == 0:
            yield from _unanswered(living[0], account, scope)
        # That there were too many commands is not remembered, so a repeat is told so again.
        most = len(living) if identity in account.too_many else min(1, len(living))
        if count > most and (living or copies[0].place[0] in scope.whole):
            text = f"{copies[0].type} has {count} answers" + ("" if living else " and a dead letter")
            yield Difference(Kind.EXTRA, key, text, command=identity)
    yield from _answers_to_nobody(books, scope)


def _unanswered(asked: Asked, account: Account, scope: Scope) -> Iterator[Difference]:
    if scope.now_ms < asked.until_ms or scope.young(asked.at_ms):
        return
    if account.unknown:
        text = f"{asked.type} has no answer: it is not known what became of {_operations(account)}"
        yield Difference(Kind.UNRESOLVED, asked.key, text, command=asked.id)
    else:
        yield Difference(Kind.MISSING, asked.key, f"{asked.type} has no answer", command=asked.id)


def _answers_to_nobody(books: Books, scope: Scope) -> Iterator[Difference]:
    if scope.since_ms is not None or not scope.whole:
        return
    whole_keys = {
        one.key for copies in books.commands.values() for one in copies if one.place[0] in scope.whole
    }
    for key in whole_keys & books.accounts.keys():
        for identity in books.accounts[key].answers:
            if (key, identity) not in books.commands:
                text = "an event answers a command that nobody sent"
                yield Difference(Kind.EXTRA, key, text, command=identity)


def _undecodable(books: Books) -> Iterator[Difference]:
    for (partition, offset), next_offset in books.undecodable:
        if books.accounted((partition, offset)) == 0:
            where = f"{partition}:{offset} to {next_offset - 1}"
            yield Difference(
                Kind.UNRESOLVED, "", f"the commands at {where} cannot be decoded nor were skipped"
            )


def _account(
    key: str, account: Account, readings: Mapping[str, Outcome], scope: Scope
) -> Iterator[Difference]:
    for sequence in account.gaps:
        yield Difference(Kind.MISSING, key, f"there is no event with sequence {sequence}")
    for refund_id in account.unknown:
        text = f"it is not known what became of {account.unknown[refund_id]}"
        yield Difference(Kind.UNRESOLVED, key, text, refund_id=refund_id, moving=scope.young(account.at_ms))
    for provider_id, payment in account.payments.items():
        yield from _payment(key, payment, readings.get(provider_id), scope)
    for provider_id, refund in account.refunds.items():
        yield from _refund(key, refund, readings.get(provider_id), scope)


def _payment(key: str, told: ToldPayment, heard: Outcome | None, scope: Scope) -> Iterator[Difference]:
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
        yield _status(key, None, told.status.value, reading.word, ahead, behind, scope.young(told.at_ms))
    elif told.by is not None and _BY.get(reading.status, told.by) != told.by:
        yield _who(key, None, told.by, reading.word)
    yield from _amount(key, None, told.amount, reading.amount)


def _refund(key: str, told: ToldRefund, heard: Outcome | None, scope: Scope) -> Iterator[Difference]:
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
        young = scope.young(told.at_ms)
        yield _status(key, told.refund_id, told.status.value, reading.word, ahead, behind, young)
    elif told.by is not None and _REFUND_BY.get(reading.status, told.by) != told.by:
        yield _who(key, told.refund_id, told.by, reading.word)
    yield from _amount(key, told.refund_id, told.amount, reading.amount)


def _unheard(key: str, refund_id: str | None, told: str, heard: Outcome | None) -> Difference:
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
    key: str, refund_id: str | None, told: str, there: str, ahead: bool, behind: bool, young: bool
) -> Difference:
    if ahead and young:
        text = "the provider is ahead of what was told so far"
        return Difference(Kind.UNRESOLVED, key, text, refund_id, None, told, there, moving=True)
    if ahead:
        return Difference(
            Kind.MISSING, key, "no event tells what the provider did", refund_id, None, told, there
        )
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


def _operations(account: Account) -> str:
    return ", ".join(sorted(set(account.unknown.values())))
