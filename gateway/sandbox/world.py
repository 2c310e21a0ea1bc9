"""The provider as a pure state machine: a request and the time in, an answer out.

Nothing here knows sockets, faults or real time. `perform` does one request at one instant, `advance` lets
happen what time brings: customers, expiry, refunds. The same requests at the same times give the same world.
"""

from __future__ import annotations

from typing import assert_never

from gateway.sandbox import draws, lives, payments, places, refunds, users
from gateway.sandbox.admission import KEY_HEADER, admit, authenticate, idempotency_key
from gateway.sandbox.config import SandboxConfig
from gateway.sandbox.entities import Caller
from gateway.sandbox.http import Request, Response
from gateway.sandbox.keys import Keys, fingerprint
from gateway.sandbox.operations import CREATING, OF_REFUNDS, SIMULATION, Operation, Route, route
from gateway.sandbox.refusals import Absent, Refusal, refused
from gateway.sandbox.register import Register, Timer
from gateway.sandbox.states import Cause, RefundCause, RefundStatus, Status
from gateway.sandbox.tokens import Tokens


class World:
    """One provider. Time must not go back between two calls."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.register = Register(config)
        self.tokens = Tokens(config.seed, config.clients, config.token_lifetime_seconds)
        self.keys = Keys(config.key_retention_seconds, config.replay_refusals)

    def perform(self, request: Request, now: float) -> Response:
        """Answers one request as of `now`."""
        self.advance(now)
        origin: str | None = None
        try:
            way = route(request.method, request.path)
            origin = "PoS" if way.operation in OF_REFUNDS else None
            return self._perform(way, request, now)
        except Absent as absent:
            return Response(absent.status, headers=absent.headers)
        except Refusal as refusal:
            return refused(refusal, self.correlation_id(request, now), origin)

    def advance(self, now: float) -> None:
        """Lets everything happen that is due by `now`, each at its own time."""
        while (timer := self.register.due(now)) is not None:
            self._happen(timer)

    def correlation_id(self, request: Request, now: float) -> str:
        key = "".join(request.values(KEY_HEADER))
        return draws.identifier(self.config.seed, "correlation", request.method, request.path, key, repr(now))

    def _perform(self, way: Route, request: Request, now: float) -> Response:
        operation, resource = way
        if operation is Operation.TOKEN:
            return self.tokens.issue(request, now)
        if operation in SIMULATION:
            authenticate(request, self.tokens, now)
            return self._simulate(operation, request, now)
        caller = admit(request, self.tokens, self.config.require_ibm_client_id, now)
        if operation in CREATING:
            return self._create(operation, caller, request, now)
        return self._use(operation, caller, resource, request, now)

    def _create(self, operation: Operation, caller: Caller, request: Request, now: float) -> Response:
        key = idempotency_key(request)
        print_ = fingerprint(operation, caller.merchant, request)
        first = self.keys.recall(caller.integrator, key, print_, now)
        if first is not None:
            return first
        try:
            response = self._make(operation, caller, request, key, now)
        except Refusal as refusal:
            origin = "PoS" if operation in OF_REFUNDS else None
            response = refused(refusal, self.correlation_id(request, now), origin)
        self.keys.keep(caller.integrator, key, print_, response, now)
        return response

    def _make(self, operation: Operation, caller: Caller, request: Request, key: str, now: float) -> Response:
        if operation is Operation.INITIATE:
            return payments.initiate(self.register, caller, request, key, now)
        if operation is Operation.PREPARE:
            return payments.prepare(self.register, caller, request, key, now)
        if operation is Operation.CREATE_REFUND:
            return refunds.create_refund(self.register, caller, request, key, now)
        return places.create_point_of_sale(self.register, caller, request, key, now)

    def _use(
        self, operation: Operation, caller: Caller, resource: str, request: Request, now: float
    ) -> Response:
        register = self.register
        match operation:
            case Operation.READY:
                return payments.ready(register, caller, resource, request, now)
            case Operation.CAPTURE:
                return payments.capture(register, caller, resource, request, now)
            case Operation.CANCEL:
                return payments.cancel(register, caller, resource, now)
            case Operation.GET_PAYMENT:
                return payments.get_payment(register, caller, resource)
            case Operation.LIST_PAYMENTS:
                return payments.list_payments(register, caller, request)
            case Operation.CAPTURE_REFUND:
                return refunds.capture_refund(register, caller, resource, now)
            case Operation.CANCEL_REFUND:
                return refunds.cancel_refund(register, caller, resource, now)
            case Operation.GET_REFUND:
                return refunds.get_refund(register, caller, resource)
            case Operation.LIST_REFUNDS:
                return refunds.list_refunds(register, caller, request)
            case Operation.DELETE_POINT_OF_SALE:
                return places.delete_point_of_sale(register, caller, resource)
            case Operation.GET_POINT_OF_SALE:
                return places.get_point_of_sale(register, caller, resource)
            case Operation.LIST_POINTS_OF_SALE:
                return places.list_points_of_sale(register, caller, request)
            case Operation.GET_CHECK_IN:
                return places.get_check_in(register, caller, resource)
            case Operation.GET_STORE:
                return places.get_store(register, caller, resource)
            case Operation.LIST_STORES:
                return places.list_stores(register, caller, request)
            case Operation.DETAIL_STORES:
                return places.detail_stores(register, caller, request)
            case _:
                raise AssertionError(f"{operation} is no use of a resource")

    def _simulate(self, operation: Operation, request: Request, now: float) -> Response:
        if operation is Operation.USER_CHECK_IN:
            return users.check_in(self.register, request, now)
        if operation is Operation.USER_ACCEPT:
            return users.accept(self.register, request, now)
        return users.cancel(self.register, request, now)

    def _happen(self, timer: Timer) -> None:
        """A timer is void if its subject has moved since it was set."""
        register, at = self.register, timer.at
        match timer.kind:
            case "user_leaves":
                users.user_leaves(register, register.points_of_sale[timer.subject], at)
            case "refund_is_reserved":
                refund = register.refunds[timer.subject]
                if len(refund.moves) == timer.moves:
                    refunds.refund_is_reserved(register, refund, at)
            case "refund_expires":
                refund = register.refunds[timer.subject]
                if len(refund.moves) == timer.moves:
                    refunds.move(register, refund, RefundStatus.EXPIRED_AND_CAPTURED, RefundCause.EXPIRY, at)
            case "customer_comes":
                lives.customer_comes(register, register.payments[timer.subject], at)
            case "customer_decides":
                payment = register.payments[timer.subject]
                if len(payment.moves) == timer.moves:
                    lives.customer_decides(register, payment, at)
            case "inactivity":
                payment = register.payments[timer.subject]
                if len(payment.moves) == timer.moves:
                    lives.move(register, payment, Status.CANCELLED_BY_PROVIDER, Cause.INACTIVITY, at)
            case "reservation_expires":
                payment = register.payments[timer.subject]
                if len(payment.moves) == timer.moves:
                    lives.move(register, payment, Status.EXPIRED, Cause.EXPIRY, at)
            case _:
                assert_never(timer.kind)
