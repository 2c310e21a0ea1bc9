"""One refund of the payment in the making: the same as `Draft`, for one of the payment's refunds."""

from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.changes import changed
from gateway.domain.commands import Message
from gateway.domain.draft import Draft
from gateway.domain.events import Cause, PaymentFact, PaymentUnknown, ProviderWords, RefundNews
from gateway.domain.memo import Reading, RefundMemo
from gateway.domain.operations import Purpose, Read, ReadRefund, Refusal
from gateway.domain.pacing import DEFAULT_POLL_DELAY_MS
from gateway.domain.state import Pending, Refund
from gateway.domain.vocabulary import Reason


@dataclass(slots=True)
class RefundDraft:
    """`name` tells the refund apart; its state and memo are read from the payment's afresh each time."""

    d: Draft
    name: str

    @property
    def refund(self) -> Refund:
        return next(r for r in self.d.state.refunds if r.name == self.name)

    @property
    def memo(self) -> RefundMemo:
        return self.d.memo.refunds.get(self.name) or RefundMemo()

    @property
    def pending(self) -> Pending:
        pending = self.refund.pending
        assert pending is not None
        return pending

    def change(self, **fields: Any) -> None:
        refunds = (changed(r, fields) if r.name == self.name else r for r in self.d.state.refunds)
        self.d.change(refunds=tuple(refunds))

    def note(self, **fields: Any) -> None:
        self.d.note(refunds={**self.d.memo.refunds, self.name: changed(self.memo, fields)})

    def rest(self, seconds: float) -> None:
        """Try again later; each time counts for the back-off."""
        self.note(tries=self.memo.tries + 1, not_before=self.d.now.steady + seconds)

    def calm(self) -> None:
        """Nothing is pending on the refund any more, or something new is; its pace stays."""
        self.d.note(refunds={**self.d.memo.refunds, self.name: RefundMemo(pace=self.memo.pace)})

    def intend(self, pending: Pending) -> None:
        """Record an intent: only what is committed may be sent."""
        assert self.refund.pending is None
        self.change(pending=pending)
        self.d.change(touched_ms=self.d.now.wall_ms)
        self.calm()

    def ask_reading(self, operation: Read, reading: Reading) -> None:
        self.d.ask_reading(operation, reading)
        self.d.note(refund=self.name)

    def read(self, purpose: Purpose, reading: Reading) -> None:
        provider_refund_id = self.refund.provider_refund_id
        assert provider_refund_id is not None
        self.ask_reading(ReadRefund(self.d.merchant, provider_refund_id, purpose), reading)

    def news(self) -> RefundNews:
        refund = self.refund
        return RefundNews(refund.refund_id, refund.status, refund.amount)

    def tell(
        self,
        fact: PaymentFact,
        cause: Cause,
        answered: Message | None = None,
        provider: ProviderWords | None = None,
    ) -> None:
        self.d.tell(fact, cause, answered, provider)

    def tell_unknown(self) -> None:
        """Say once for each operation that its outcome is not known."""
        pending = self.pending
        if not pending.told:
            self.change(pending=replace(pending, told=True))
            self.tell(PaymentUnknown(pending.kind, self.refund.refund_id), pending.cause, None, self.words())

    def reject_creation(self, reason: Reason, text: str, refusal: Refusal | None = None) -> None:
        """The `refund.create` is answered and nothing exists: its refund id may be used again."""
        message, words = self.refund.message, self.words(refusal=refusal)
        assert message is not None
        others = {name: memo for name, memo in self.d.memo.refunds.items() if name != self.name}
        self.d.change(refunds=tuple(r for r in self.d.state.refunds if r.name != self.name))
        self.d.note(refunds=others)
        self.d.reject(message, reason, text, words)

    def words(self, status: str | None = None, refusal: Refusal | None = None) -> ProviderWords | None:
        """What the provider said of this refund."""
        return ProviderWords(
            payment_id=self.d.state.provider_payment_id,
            refund_id=self.refund.provider_refund_id,
            status=status,
            code=refusal.code if refusal else None,
            correlation_id=refusal.correlation_id if refusal else None,
        )

    @property
    def poll_delay_seconds(self) -> float:
        """The provider's last word on this refund's pace, never below the configured floor."""
        delay_ms = self.refund.poll_delay_ms
        delay_ms = DEFAULT_POLL_DELAY_MS if delay_ms is None else delay_ms
        return max(delay_ms, self.d.rules.min_poll_delay_ms) / 1000
