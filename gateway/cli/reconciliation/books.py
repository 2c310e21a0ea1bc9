"""The books of reconciling: commands, events and dead letters, added one by one, gathered by payment and
message. Pure.

Bounded by what is remembered of each payment and each message, not by what was said of it.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

from gateway.cli.reconciliation.records import Asked, Letter, Place, Told
from gateway.domain.identity import MessageId
from gateway.domain.money import Money
from gateway.domain.vocabulary import PaymentStatus, Reason, RefundStatus

_PAYMENT_FACTS: Final = {
    f"payment.{status.value}": status
    for status in PaymentStatus
    if status not in (PaymentStatus.NONE, PaymentStatus.REQUESTED)
}
_REFUND_FACTS: Final = {
    f"refund.{status.value}": status
    for status in RefundStatus
    if status not in (RefundStatus.NONE, RefundStatus.REQUESTED)
}


@dataclass(frozen=True, slots=True)
class ToldPayment:
    """The last that events tell of one of the provider's payments."""

    status: PaymentStatus
    at_ms: int
    by: str | None
    amount: Money | None


@dataclass(frozen=True, slots=True)
class ToldRefund:
    """The last that events tell of one of the provider's refunds; `refund_id` is the sender's."""

    refund_id: str
    status: RefundStatus
    at_ms: int
    by: str | None
    amount: Money | None


@dataclass(slots=True)
class Account:
    """One payment by its key; `at_ms` of its last event. `payments` and `refunds`
    are under the provider's ids. `unknown`: operations that
    were told as unknown and of which nothing was heard since, by the refundId that they are about, None for the
    payment. `gaps`: the sequences that were expected and not seen.
    """

    sequence: int | None = None
    event_id: str = ""
    at_ms: int = 0
    merchant: str | None = None
    adopted: bool = False
    payments: dict[str, ToldPayment] = field(default_factory=dict)
    refunds: dict[str, ToldRefund] = field(default_factory=dict)
    answers: Counter[MessageId] = field(default_factory=Counter)
    too_many: set[MessageId] = field(default_factory=set)
    unknown: dict[str | None, str] = field(default_factory=dict)
    gaps: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Books:
    """`commands`: the records of each message, by key and identity. `unread`: those that cannot be understood.
    `letters`: how often each place was accounted for. `undecodable`: batches that no reader can decode, from
    place to offset.
    """

    commands: dict[tuple[str, MessageId], list[Asked]] = field(default_factory=lambda: defaultdict(list))
    unread: list[Asked] = field(default_factory=list)
    letters: Counter[Place] = field(default_factory=Counter)
    skipped: list[Letter] = field(default_factory=list)
    undecodable: list[tuple[Place, int]] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))

    def add_command(self, asked: Asked) -> None:
        if asked.id is None:
            self.unread.append(asked)
            return
        self.commands[asked.key, asked.id].append(asked)
        if asked.merchant is not None:
            self.accounts[asked.key].merchant = asked.merchant

    def add_letter(self, letter: Letter) -> None:
        if letter.next_offset > letter.offset + 1:
            self.skipped.append(letter)
        else:
            self.letters[letter.partition, letter.offset] += 1

    def add_event(self, told: Told) -> None:
        """In the order of the partition; a repeated one counts once."""
        account = self.accounts[told.key]
        if told.id and told.id == account.event_id:
            return
        account.event_id = told.id
        account.adopted = account.adopted or told.adopted
        # After the state was forgotten, or at an adoption, the count begins anew.
        if account.sequence is not None and told.sequence not in (account.sequence + 1, 1):
            account.gaps.append(account.sequence + 1)
        account.sequence, account.at_ms = told.sequence, max(account.at_ms, told.at_ms)
        if told.answers is not None:
            account.answers[told.answers] += 1
            if told.reason == Reason.TOO_MANY_COMMANDS:
                account.too_many.add(told.answers)
        if told.type == "payment.unknown":
            account.unknown[told.refund_id] = told.operation or ""
        elif told.type != "command.rejected" or told.answers is not None:
            account.unknown.pop(told.refund_id, None)
        self._add_fact(account, told)

    def _add_fact(self, account: Account, told: Told) -> None:
        status = _PAYMENT_FACTS.get(told.type)
        if status is not None and told.provider_payment_id is not None:
            account.payments[told.provider_payment_id] = ToldPayment(
                status, told.at_ms, told.by, told.requested
            )
        refund_status = _REFUND_FACTS.get(told.type)
        if refund_status is not None and told.provider_refund_id is not None:
            account.refunds[told.provider_refund_id] = ToldRefund(
                told.refund_id or "", refund_status, told.at_ms, told.by, told.refund_amount
            )

    def accounted(self, place: Place) -> int:
        """How many dead letters tell of the command at a place."""
        partition, offset = place
        covering = (one for one in self.skipped if one.partition == partition)
        return self.letters[place] + sum(one.offset <= offset < one.next_offset for one in covering)
