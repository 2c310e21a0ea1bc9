"""A person at the sandbox's page acts like a customer with a phone: the user simulation without a token, for a
point of sale named by its posId or by its beaconId. What cannot be done is refused in words.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.sandbox import users
from gateway.sandbox.entities import PointOfSale
from gateway.sandbox.formats import as_beacon, as_uuid
from gateway.sandbox.http import JSON_TYPE, Request, Response, write_json
from gateway.sandbox.refusals import Refusal
from gateway.sandbox.simulator import Sandbox


def check_in(sandbox: Sandbox, request: Request) -> Response:
    """`{"posId" or "beaconId": ..., "phoneNumber": ...}`, as for the other two."""
    body, pos = _read(sandbox, request)
    users.arrive(sandbox.world.register, pos, users.user_in(body), sandbox.clock.now())
    return _done(pos)


def accept(sandbox: Sandbox, request: Request) -> Response:
    body, pos = _read(sandbox, request)
    users.approve(sandbox.world.register, pos, users.user_in(body), sandbox.clock.now())
    return _done(pos)


def decline(sandbox: Sandbox, request: Request) -> Response:
    """Other than in the user simulation, which asks for no user, nobody declines what another one is to pay."""
    body, pos = _read(sandbox, request)
    register, user = sandbox.world.register, users.user_in(body)
    payment = users.active_payment(register, pos)
    if payment is not None and payment.user not in (None, user.phone):
        raise Refusal("1099", "the payment is issued to another user")
    users.decline(register, pos, sandbox.clock.now())
    return _done(pos)


def _read(sandbox: Sandbox, request: Request) -> tuple[dict[str, object], PointOfSale]:
    try:
        body = json.loads(request.body)
    except ValueError as problem:
        raise Refusal("1099", "the body is not JSON") from problem
    if not isinstance(body, dict) or not body.keys() <= {"posId", "beaconId", "phoneNumber"}:
        raise Refusal("1099", "the body must be an object of posId or beaconId, and phoneNumber")
    return body, _place(sandbox, body)


def _place(sandbox: Sandbox, body: dict[str, Any]) -> PointOfSale:
    register = sandbox.world.register
    if ("posId" in body) == ("beaconId" in body):
        raise Refusal("1099", "name the point of sale by its posId or by its beaconId")
    pos_id = as_uuid(body.get("posId")) or register.by_beacon.get(as_beacon(body.get("beaconId")) or "")
    pos = register.points_of_sale.get(pos_id or "")
    if pos is None or pos.deleted:
        raise Refusal("1099", "no such point of sale exists")
    return pos


def _done(pos: PointOfSale) -> Response:
    return Response(200, write_json({"posId": pos.pos_id, "payment": pos.active}), JSON_TYPE)
