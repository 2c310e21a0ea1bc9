"""One turn of a point of sale in the making; the counterpart of the payment's draft."""

from dataclasses import dataclass, field, replace
from typing import Any

from gateway.domain.changes import changed
from gateway.domain.commands import Message, command_type
from gateway.domain.draft import Conditions, Rules, cause_of
from gateway.domain.events import Answers, Candidate, Cause, CommandRejected, PaymentUnknown, ProviderWords
from gateway.domain.operations import Refusal
from gateway.domain.pacing import Dice, Instant
from gateway.domain.points_of_sale.events import PointOfSaleEvent, PointOfSaleFact
from gateway.domain.points_of_sale.operations import (
    PointOfSaleOperation,
    PointOfSaleWrite,
)
from gateway.domain.points_of_sale.state import (
    PointOfSaleGlance,
    PointOfSaleMemo,
    PointOfSalePending,
    PointOfSaleState,
)
from gateway.domain.vocabulary import DeadLetterReason, Reason


@dataclass(slots=True)
class PointOfSaleDraft:
    state: PointOfSaleState
    memo: PointOfSaleMemo
    now: Instant
    rules: Rules
    conditions: Conditions
    dice: Dice
    running: PointOfSaleOperation | None
    events: list[PointOfSaleEvent] = field(default_factory=list)
    operation: PointOfSaleOperation | None = None
    dead_letter: DeadLetterReason | None = None
    forgotten: bool = False
    dropped_notice: bool = False
    wakes: list[float] = field(default_factory=list)

    @property
    def pending(self) -> PointOfSalePending:
        assert self.state.pending is not None
        return self.state.pending

    def change(self, **fields: Any) -> None:
        self.state = changed(self.state, fields)

    def note(self, **fields: Any) -> None:
        self.memo = changed(self.memo, fields)

    def rest(self, seconds: float) -> None:
        """Try what is pending again later; each time counts for the back-off."""
        self.note(tries=self.memo.tries + 1, not_before=self.now.steady + seconds)

    def wake_at(self, steady: float) -> None:
        self.wakes.append(steady)

    def wake_at_wall(self, wall_ms: int) -> None:
        self.wakes.append(self.now.steady + (wall_ms - self.now.wall_ms) / 1000)

    def ask(self, operation: PointOfSaleWrite) -> None:
        assert self.operation is None and self.running is None
        self.operation = operation

    def ask_reading(self, operation: PointOfSaleOperation, glance: PointOfSaleGlance) -> None:
        assert self.operation is None and self.running is None
        self.operation = operation
        self.note(glance=glance)

    def intend(self, pending: PointOfSalePending) -> None:
        """Record an intent: only what is committed may be sent."""
        assert self.state.pending is None
        self.change(pending=pending, touched_ms=self.now.wall_ms)
        self.calm()

    def settle(self, **fields: Any) -> None:
        """Nothing is pending any more."""
        self.change(pending=None, touched_ms=self.now.wall_ms, **fields)
        self.calm()

    def calm(self) -> None:
        """What was heard of the old run is forgotten; the paces and the late look are not."""
        memo = self.memo
        self.memo = PointOfSaleMemo(
            paces=memo.paces,
            poll_tries=memo.poll_tries,
            late_not_before=memo.late_not_before,
            late_tries=memo.late_tries,
        )

    def take(self, message: Message) -> None:
        self.change(inbox=tuple(m for m in self.state.inbox if m is not message))

    def expired(self, message: Message) -> bool:
        return self.now.wall_ms > message.expires_at_ms

    def tell(
        self,
        fact: PointOfSaleFact,
        cause: Cause,
        answered: Message | None = None,
        provider: ProviderWords | None = None,
    ) -> None:
        s = self.state
        self.change(sequence=s.sequence + 1, touched_ms=self.now.wall_ms)
        answers = Answers(answered.id, command_type(answered.data)) if answered else None
        self.events.append(
            PointOfSaleEvent(
                s.merchant_pos_id, s.sequence + 1, self.now.wall_ms, fact, cause, answers, provider
            )
        )

    def reject(
        self,
        message: Message,
        reason: Reason,
        text: str,
        refusal: Refusal | None = None,
        candidates: tuple[Candidate, ...] = (),
    ) -> None:
        words = ProviderWords(
            code=refusal.code if refusal else None,
            correlation_id=refusal.correlation_id if refusal else None,
            candidates=candidates,
        )
        said = words if words != ProviderWords() else None
        self.tell(CommandRejected(reason, text), cause_of(message), message, said)

    def tell_unknown(self) -> None:
        """Say once for each operation that its outcome is not known."""
        pending = self.pending
        if not pending.told:
            self.change(pending=replace(pending, told=True))
            self.tell(PaymentUnknown(pending.task), pending.cause)
