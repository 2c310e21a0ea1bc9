"""One sandbox: the world, with faults before and behind it, watched by the recorder.

An exchange has three steps, so that a server on real sockets and a simulation in virtual time can both drive
it: `begin` when the request is there, `perform` when it takes effect (after `fate.before_seconds`; never
where the fate has no effect, but call it all the same), `finish` when its answer leaves or is lost (after
`fate.after_seconds`). `handle` does all three in one instant.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.sandbox.admission import KEY_HEADER, VERSION_HEADER
from gateway.sandbox.calls import Sighting
from gateway.sandbox.clock import Clock
from gateway.sandbox.config import SandboxConfig
from gateway.sandbox.faults import STUBBORN_ATTEMPTS, Ending, Fate, Faults, spoil
from gateway.sandbox.http import Request, Response, UnreadableError, read_object
from gateway.sandbox.keys import fingerprint
from gateway.sandbox.notifications import Delivery
from gateway.sandbox.operations import (
    CERTIFICATION,
    CREATING,
    REPEATABLE_WRITES,
    SIMULATION,
    Operation,
    route,
)
from gateway.sandbox.reading import parameter
from gateway.sandbox.recorder import Recorder
from gateway.sandbox.refusals import Absent, Refusal
from gateway.sandbox.shapes import breaks, oddities
from gateway.sandbox.world import World


class NoAnswer(NamedTuple):
    """The request ends without an answer; `ending` says how."""

    ending: Ending


@dataclass(slots=True)
class Exchange:
    """One request on its way. `answer` is what the API says, `shown` what the client is to see of it."""

    request: Request
    sighting: Sighting
    attempt: int
    order_id: str
    fate: Fate
    answer: Response | None = None
    shown: Response | None = None
    finished: bool = False


class RequestRecord(NamedTuple):
    """One finished request; `subject` is a key or id, `status` 0 where no answer left, `version` the client's."""

    number: int
    at: float
    seconds: float
    operation: str
    subject: str
    order_id: str
    attempt: int
    fault: str
    status: int
    code: str
    heard: bool
    version: str


_CLEAN = Fate()


class Sandbox:
    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.world = World(config)
        self.faults = Faults(config.seed, config.faults, clock.now())
        self.recorder = Recorder(config)
        self.requests: deque[RequestRecord] = deque(maxlen=config.records_max)
        self.operations: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.fault_counts: Counter[str] = Counter()
        self.deliveries: deque[Delivery] = deque(maxlen=config.records_max)
        self.in_flight = 0
        self.in_flight_max = 0
        self.arrivals = 0
        self._attempts: Counter[tuple[Operation, str]] = Counter()

    def handle(self, request: Request) -> Response | NoAnswer:
        """The whole exchange in one instant: faults take effect, their waits do not."""
        exchange = self.begin(request)
        self.perform(exchange)
        self.finish(exchange)
        return exchange.shown or NoAnswer(exchange.fate.ending)

    def begin(self, request: Request) -> Exchange:
        now = self.clock.now()
        self.world.advance(now)
        self.arrivals += 1
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        sighting, order_id = self._sight(request, now)
        operation = sighting.operation
        if operation is None:
            return Exchange(request, sighting, 1, "", _CLEAN)
        self.operations[operation] += 1
        place = (operation, sighting.subject)
        self._attempts[place] += 1
        attempt = self._attempts[place]
        fate = _CLEAN
        if operation not in SIMULATION:
            nth = self.operations[operation]
            if attempt <= STUBBORN_ATTEMPTS and self._certifies(operation, request):
                fate = self.faults.stubborn(operation, sighting.subject, attempt)
            else:
                fate = self.faults.fate(
                    operation, sighting.subject, attempt, nth=nth, order_id=order_id, now=now
                )
        for name, detail in breaks(operation, request):
            self.recorder.misshapen(sighting, name, detail, now)
        for name, detail in oddities(operation, request):
            self.recorder.odd(sighting, name, detail, now)
        self.recorder.arrived(sighting, now)
        if fate.kind:
            self.fault_counts[f"{operation}:{fate.kind}"] += 1
            if sighting.call is not None:
                sighting.call.faults.append((attempt, fate.kind))
        return Exchange(request, sighting, attempt, order_id, fate)

    def perform(self, exchange: Exchange) -> None:
        """The effect, if the fate has one, and the answer that goes with it."""
        now = self.clock.now()
        fate, sighting = exchange.fate, exchange.sighting
        if fate.effect:
            exchange.answer = self.world.perform(exchange.request, now)
            self.recorder.performed(sighting, exchange.answer, now)
        elif fate.kind == "token_expired":
            self.world.tokens.revoke(exchange.request)
        if fate.ending in ("silence", "reset"):
            return
        shown = exchange.answer or Response(500)
        if fate.kind and sighting.operation is not None:
            correlation_id = self.world.correlation_id(exchange.request, now)
            shown = spoil(fate, sighting.operation, shown, correlation_id)
        exchange.shown = shown

    def finish(self, exchange: Exchange, gone: bool = False) -> None:
        """The answer is about to be handed over; `gone`: the client is away and will not hear it. Once only:
        a client that leaves while its request still waits for its effect ends the exchange there."""
        if exchange.finished:
            return
        exchange.finished = True
        now = self.clock.now()
        self.in_flight -= 1
        lost = gone or exchange.fate.ending != "answer"
        shown = None if lost else exchange.shown
        sighting = exchange.sighting
        self.recorder.finished(sighting, shown, exchange.fate.kind, now)
        self.statuses[shown.status if shown else 0] += 1
        self.requests.append(
            RequestRecord(
                sighting.number,
                sighting.arrived_at,
                now - sighting.arrived_at,
                sighting.operation or "",
                sighting.subject,
                exchange.order_id,
                exchange.attempt,
                exchange.fate.kind,
                shown.status if shown else 0,
                exchange.answer.code if exchange.answer else "",
                shown is not None,
                ",".join(exchange.request.values(VERSION_HEADER))[:20],
            )
        )

    def advance(self) -> None:
        """Lets happen what is due: nothing but a request or a look at the ledger would show it otherwise."""
        self.world.advance(self.clock.now())

    def _certifies(self, operation: Operation, request: Request) -> bool:
        """Whether it is a call of the self-certification, and one that changes something."""
        asked = self.config.self_certification or request.path.startswith(CERTIFICATION)
        return asked and (operation in CREATING or operation in REPEATABLE_WRITES)

    def _sight(self, request: Request, now: float) -> tuple[Sighting, str]:
        """What the recorder and the fault plan see of a request, and the orderId that it is about."""
        try:
            operation, resource = route(request.method, request.path)
        except (Absent, Refusal):
            sighting = Sighting(self.arrivals, None, "", now)
            if not request.path.startswith("/_sandbox"):
                self.recorder.astray(sighting, f"{request.method} {request.path}"[:200], now)
            return sighting, ""
        authorized = bool(request.values("authorization"))
        sighting = Sighting(self.arrivals, operation, resource, now, has_authorization=authorized)
        if operation in CREATING:
            return self._sight_creation(sighting, request)
        register = self.world.register
        sighting.looked_at = _looked_at(operation, resource, request)
        if operation in REPEATABLE_WRITES:
            sighting.fingerprint = fingerprint(operation, "", request)
        if operation in _OF_A_PAYMENT:
            payment = register.payments.get(resource)
            return sighting, payment.order_id if payment else ""
        if operation in _OF_A_REFUND:
            refund = register.refunds.get(resource)
            return sighting, refund.order_id if refund else ""
        if not resource:
            sighting.subject = "token" if operation is Operation.TOKEN else request.query[:200]
        return sighting, ""

    def _sight_creation(self, sighting: Sighting, request: Request) -> tuple[Sighting, str]:
        assert sighting.operation is not None
        sighting.subject = ",".join(request.values(KEY_HEADER))[:200]
        sighting.fingerprint = fingerprint(sighting.operation, "", request)
        try:
            body = read_object(request.body)
        except UnreadableError:
            return sighting, ""
        if sighting.operation is Operation.CREATE_POINT_OF_SALE:
            name = _text(body, "merchantPosId")
            sighting.order, sighting.looked_at = (name,), f"mpos:{name}"
            return sighting, ""
        if sighting.operation is Operation.CREATE_REFUND:
            payment_id, order_id = _text(body, "paymentId").lower(), _text(body, "refundOrderId")
            sighting.order = (payment_id, order_id, _text(body, "amount"))
            sighting.looked_at = f"refunds-of:{payment_id}"
            return sighting, order_id
        order_id = _text(body, "orderId")
        sighting.order = (_text(body, "posId").lower(), order_id, _text(body, "amount"))
        sighting.looked_at = f"order:{order_id}"
        return sighting, order_id


_OF_A_PAYMENT = frozenset({Operation.GET_PAYMENT, Operation.READY, Operation.CAPTURE, Operation.CANCEL})
_OF_A_REFUND = frozenset({Operation.GET_REFUND, Operation.CAPTURE_REFUND, Operation.CANCEL_REFUND})
_LOOKS_BY_ID = {
    Operation.GET_PAYMENT: "payment",
    Operation.GET_REFUND: "refund",
    Operation.GET_POINT_OF_SALE: "pos",
}
_LOOKS_BY_FILTER = {
    Operation.LIST_PAYMENTS: ("orderId", "order"),
    Operation.LIST_REFUNDS: ("paymentId", "refunds-of"),
    Operation.LIST_POINTS_OF_SALE: ("merchantPosId", "mpos"),
}


def _looked_at(operation: Operation, resource: str, request: Request) -> str:
    kind = _LOOKS_BY_ID.get(operation)
    if kind:
        return f"{kind}:{resource}"
    name, kind = _LOOKS_BY_FILTER.get(operation, ("", ""))
    if not name:
        return ""
    try:
        value = parameter(request, name)
    except Refusal:
        return ""
    if value is None:
        return ""
    return f"{kind}:{value.lower() if operation is Operation.LIST_REFUNDS else value}"


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return "" if value is None else str(value)[:200]
