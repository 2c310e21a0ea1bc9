"""Where both halves meet: records become commands; decisions become state, events, calls. Nothing is decided here.

The way of a record: `accept` reads the command, `handle` plans (the runtime commits the intent), `perform`
calls the provider, `handle` settles what was heard, and the runtime commits state and events together.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from gateway import codec
from gateway.codec.recent import RecentStates
from gateway.codec.timeline import Seen, add_step
from gateway.domain import payment
from gateway.domain.calls import AnyOperation, AnyOutcome, AnyWrite
from gateway.domain.commands import Message, command_type
from gateway.domain.draft import Conditions, Rules
from gateway.domain.events import PaymentEvent
from gateway.domain.operations import (
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Initiate,
    Prepare,
    ReadPayment,
    ReadRefund,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
)
from gateway.domain.points_of_sale import point_of_sale
from gateway.domain.points_of_sale.events import PointOfSaleEvent
from gateway.domain.points_of_sale.operations import (
    FindPointsOfSale,
    MakePointOfSale,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.vocabulary import DeadLetterReason
from gateway.kafka import handler as runtime
from gateway.kafka.handler import Now, Turn, Urgency
from gateway.kafka.records import Channel, Outgoing, Record
from gateway.measures import Measures
from gateway.observability import metrics

PAYMENT_PREFIX = "p:"
POINT_OF_SALE_PREFIX = "s:"
_ID_REUSED = "id: this source has used it before, under this key, with other data"
_POINT_OF_SALE_COMMANDS = ("point-of-sale.", "checkin.")


class Permit(Protocol):
    """The right to change something at the provider, judged anew for each request (see the runtime's own)."""

    def holds(self) -> bool: ...

    async def renew(self) -> bool: ...

    @property
    def withdrawn(self) -> bool: ...


class Provider(Protocol):
    """A payment provider: one folder with one method, plus its pacing and retry budget."""

    @property
    def holding(self) -> bool:
        """No new first operation shall begin now; what is pending still comes through."""
        ...

    def merchant_known(self, merchant: str | None) -> bool:
        """Whether the provider can be told whose payment it is."""
        ...

    async def perform(self, operation: AnyOperation, permit: Permit) -> AnyOutcome:
        """One run. Whatever the far side does is an outcome; an exception is a fault of ours."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A domain operation as an effect of the runtime."""

    operation: AnyOperation

    @property
    def changes(self) -> bool:
        return isinstance(self.operation, AnyWrite)

    @property
    def urgency(self) -> Urgency:
        match self.operation:
            case Initiate() | Prepare() | Refund() | MakePointOfSale():
                return Urgency.FIRST if self.operation.first else Urgency.PENDING
            case Ready() | Capture() | Cancel() | RefundCapture() | RefundCancel() | RemovePointOfSale():
                return Urgency.PENDING
            case ReadPayment() | ReadRefund() | ReadPointOfSale() | ReadCheckin():
                return Urgency.READ
            case FindPayments() | FindRefunds() | FindPointsOfSale():
                return Urgency.READ
            case _:
                assert_never(self.operation)


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """`event_source` is the `ce_source` of events, `version` that of the distribution, told in dead letters."""

    rules: Rules
    limits: codec.CommandLimits
    event_source: str
    version: str


class PaymentFlow:
    """The runtime's handler for payments and points of sale."""

    state_version = codec.STATE_VERSION

    def __init__(self, provider: Provider, options: FlowOptions, draws: random.Random) -> None:
        self._provider = provider
        self._options = options
        self._draws = draws
        self._states = RecentStates()
        self._measures = Measures(options.rules.approval_timeout_seconds)

    def accept(self, record: Record) -> runtime.Addressed[Message] | runtime.Refused:
        """Read a command; what cannot be understood is a dead letter with its bytes as they came."""
        read = codec.read_command(_parts(record), self._options.limits)
        if isinstance(read, codec.DeadLetter):
            return runtime.Refused(self._dead_letter(record, read))
        assert record.key is not None
        of_a_till = read.type.startswith(_POINT_OF_SALE_COMMANDS)
        prefix = POINT_OF_SALE_PREFIX if of_a_till else PAYMENT_PREFIX
        return runtime.Addressed(prefix + record.key.decode(), read)

    def handle(
        self,
        key: str,
        state: bytes | None,
        memo: Any,
        running: Call | None,
        prompt: "runtime.Prompt[Message, Call, AnyOutcome]",
        now: Now,
    ) -> Turn[Call]:
        """One turn of one payment or point of sale."""
        if key.startswith(POINT_OF_SALE_PREFIX):
            return self._point_of_sale(key, state, memo, running, prompt, now)
        return self._payment(key, state, memo, running, prompt, now)

    def _payment(
        self,
        key: str,
        state: bytes | None,
        memo: Any,
        running: Call | None,
        prompt: "runtime.Prompt[Message, Call, AnyOutcome]",
        now: Now,
    ) -> Turn[Call]:
        before = self._states.decode(state) if state is not None else None
        seen = memo if memo is not None else Seen()
        prompted: payment.Prompt = _prompt(prompt, payment.Performed)
        decision = payment.decide(
            key.partition(":")[2],
            before,
            seen.memo,
            running.operation if running is not None else None,  # type: ignore[arg-type]
            prompted,
            now,
            self._options.rules,
            self._conditions(),
            self._draws.random,
        )
        after, written = decision.state, state
        if after != before:
            under_way = running is not None or decision.operation is not None
            written = None if after is None else self._states.encode(after, state, under_way)
        standing = self._measures.payment(key, prompted, before, decision, now)
        records = [self._event(event) for event in decision.events]
        records += self._id_reused(prompt, decision.dead_letter)
        over = running is None and _is_over(decision)
        return Turn(
            state=written,
            memo=None if over else _seen_more(seen, prompted, decision, now),
            records=tuple(records),
            effect=Call(decision.operation) if decision.operation is not None else None,
            withdraw=decision.withdraw,
            wake_at=decision.wake_at,
            waiting=after.waiting if after is not None else 0,
            standing=standing,
        )

    def _point_of_sale(
        self,
        key: str,
        state: bytes | None,
        memo: Any,
        running: Call | None,
        prompt: "runtime.Prompt[Message, Call, AnyOutcome]",
        now: Now,
    ) -> Turn[Call]:
        before = codec.decode_point_of_sale(state) if state is not None else None
        prompted: point_of_sale.Prompt = _prompt(prompt, point_of_sale.Performed)
        decision = point_of_sale.decide(
            key.partition(":")[2],
            before,
            memo,
            running.operation if running is not None else None,  # type: ignore[arg-type]
            prompted,
            now,
            self._options.rules,
            self._conditions(),
            self._draws.random,
        )
        after = decision.state
        standing = self._measures.point_of_sale(key, prompted, before, decision, now)
        records = [self._point_of_sale_event(event) for event in decision.events]
        records += self._id_reused(prompt, decision.dead_letter)
        over = running is None and _is_over(decision)
        written = None if after is None else codec.encode_point_of_sale(after)
        return Turn(
            state=state if after == before else written,
            memo=None if over else decision.memo,
            records=tuple(records),
            effect=Call(decision.operation) if decision.operation is not None else None,
            wake_at=decision.wake_at,
            waiting=after.waiting if after is not None else 0,
            standing=standing,
        )

    def _conditions(self) -> Conditions:
        return Conditions(self._provider.holding, self._provider.merchant_known)

    async def perform(self, key: str, effect: Call, permit: runtime.Permit) -> AnyOutcome:
        return await self._provider.perform(effect.operation, permit)

    def _event(self, event: PaymentEvent) -> Outgoing:
        wire = codec.write_event(event, self._options.event_source)
        return Outgoing(Channel.EVENTS, wire.key, wire.value, wire.headers, event)

    def _point_of_sale_event(self, event: PointOfSaleEvent) -> Outgoing:
        wire = codec.write_point_of_sale_event(event, self._options.event_source)
        return Outgoing(Channel.EVENTS, wire.key, wire.value, wire.headers, event)

    def _id_reused(
        self, prompt: "runtime.Prompt[Message, Call, AnyOutcome]", reason: DeadLetterReason | None
    ) -> list[Outgoing]:
        if reason is None:
            return []
        assert isinstance(prompt, runtime.Arrived)
        letter = codec.DeadLetter(reason, _ID_REUSED, command_type(prompt.message.data))
        return [self._dead_letter(prompt.record, letter)]

    def _dead_letter(self, record: Record, letter: codec.DeadLetter) -> Outgoing:
        metrics.COMMANDS_DEAD_LETTERED.labels(letter.type or "unknown", letter.reason.value).inc()
        origin = codec.Origin(record.topic, record.partition, record.offset)
        wire = codec.write_dead_letter(_parts(record), origin, letter, self._options.version)
        return Outgoing(Channel.DEAD_LETTERS, wire.key, wire.value, wire.headers)


def _is_over(decision: payment.Decision | point_of_sale.Decision) -> bool:
    """All is forgotten, so that nothing need be kept in memory either."""
    return decision.state is None and decision.operation is None and decision.wake_at is None


def _seen_more(seen: Seen, prompt: payment.Prompt, decision: payment.Decision, now: Now) -> Seen:
    steps = add_step(seen.steps, now.wall_ms, prompt, decision.events, decision.operation)
    return Seen(decision.memo, steps)


def _parts(record: Record) -> codec.RecordParts:
    return codec.RecordParts(record.key, record.value, record.headers, record.timestamp_ms)


def _prompt(prompt: "runtime.Prompt[Message, Call, AnyOutcome]", performed: Callable[..., Any]) -> Any:
    """The runtime's prompt in the domain's words; an outcome belongs to whoever asked for it."""
    match prompt:
        case runtime.Arrived():
            return payment.CommandArrived(prompt.message)
        case runtime.Woken():
            return payment.Due()
        case runtime.Performed():
            return performed(prompt.effect.operation, prompt.outcome)
        case runtime.Restored():
            return payment.Restored(prompt.write_after)
        case _:
            assert_never(prompt)
