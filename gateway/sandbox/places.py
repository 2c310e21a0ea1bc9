"""The endpoints of points of sale, their check-ins and stores."""

from __future__ import annotations

from gateway.sandbox import draws, lives, reading
from gateway.sandbox.config import BEACON_TYPES
from gateway.sandbox.customers import USERS
from gateway.sandbox.entities import Caller, PointOfSale, Store
from gateway.sandbox.formats import as_beacon, valid_brand, valid_location
from gateway.sandbox.http import JSON_TYPE, Request, Response, answer, write_json
from gateway.sandbox.refusals import Absent, Refusal
from gateway.sandbox.register import Register

_CREATE = frozenset(
    {
        "merchantPosId",
        "name",
        "storeId",
        "supportedBeaconTypes",
        "beaconId",
        "callbackAlias",
        "requirePaymentBeforeCheckin",
    }
)


def create_point_of_sale(
    register: Register, caller: Caller, request: Request, key: str, now: float
) -> Response:
    body = reading.body_of(request, _CREATE)
    merchant_pos_id = reading.text_in(body, "merchantPosId", "1111")
    name = reading.text_in(body, "name", "1112")
    alias = reading.optional_text_in(body, "callbackAlias", "1116")
    beacon = body.get("beaconId")
    if beacon is not None and as_beacon(beacon) is None:
        raise Refusal("1100")
    kinds = body.get("supportedBeaconTypes")
    if not isinstance(kinds, list) or any(kind not in BEACON_TYPES for kind in kinds):
        raise Refusal("1099", "supportedBeaconTypes must be of QR, NFC, Bluetooth")
    if not kinds or len(set(kinds)) != len(kinds):
        raise Refusal("1099", "supportedBeaconTypes must name at least one type, each once")
    before = body.get("requirePaymentBeforeCheckin", False)
    if not isinstance(before, bool):
        raise Refusal("1099", "requirePaymentBeforeCheckin must be true or false")
    store = register.stores.get(reading.uuid_in(body, "storeId"))
    if store is None:
        raise Refusal("1002")
    if store.merchant != caller.merchant:
        raise Refusal("1403")
    if (caller, merchant_pos_id) in register.by_merchant_pos_id:
        raise Refusal("1200", resource=register.by_merchant_pos_id[caller, merchant_pos_id])
    pos_id = register.new_id("point-of-sale", caller.integrator, key)
    beacon_id = as_beacon(beacon) or draws.identifier(register.config.seed, "beacon", pos_id)
    if beacon_id in register.by_beacon:
        raise Refusal("1202", resource=register.by_beacon[beacon_id])
    pos = PointOfSale(
        pos_id=pos_id,
        merchant_pos_id=merchant_pos_id,
        store_id=store.store_id,
        owner=caller,
        name=name,
        beacon_id=beacon_id,
        beacon_types=tuple(kinds),
        callback_alias=alias,
        payment_before_check_in=before,
    )
    register.add_point_of_sale(pos)
    made = answer(200, {"posId": pos_id})
    return Response(made.status, made.body, made.headers, resource=pos_id)


def delete_point_of_sale(register: Register, caller: Caller, pos_id: str) -> Response:
    """Naturally idempotent: one that is deleted already is answered as the first time."""
    pos = register.points_of_sale.get(pos_id)
    if pos is not None and pos.deleted and pos.owner == caller:
        return Response(200, resource=pos_id)
    pos = _own(register, caller, pos_id, "1409")
    register.remove_point_of_sale(pos)
    return Response(200, resource=pos_id)


def get_point_of_sale(register: Register, caller: Caller, pos_id: str) -> Response:
    pos = _own(register, caller, pos_id, "1410")
    found = answer(
        200,
        {
            "posId": pos.pos_id,
            "merchantPosId": pos.merchant_pos_id,
            "storeId": pos.store_id,
            "name": pos.name,
            "beaconId": pos.beacon_id,
            "callbackAlias": pos.callback_alias,
            "supportedBeaconTypes": list(pos.beacon_types),
            "requirePaymentBeforeCheckin": pos.payment_before_check_in,
        },
    )
    return Response(found.status, found.body, found.headers, resource=pos_id)


def list_points_of_sale(register: Register, caller: Caller, request: Request) -> Response:
    store_id = reading.uuid_parameter(request, "storeId")
    beacon_id = reading.parameter(request, "beaconId")
    merchant_pos_id = reading.parameter(request, "merchantPosId")
    if store_id is None and beacon_id is None and merchant_pos_id is None:
        raise Refusal("1121")
    found = [
        pos.pos_id
        for pos in register.points_of_sale.values()
        if _visible(pos, caller)
        and store_id in (None, pos.store_id)
        and beacon_id in (None, pos.beacon_id)
        and merchant_pos_id in (None, pos.merchant_pos_id)
    ]
    listed = answer(200, {"posIds": found})
    return Response(listed.status, listed.body, listed.headers, listed=tuple(found))


def get_check_in(register: Register, caller: Caller, pos_id: str) -> Response:
    pos = _own(register, caller, pos_id, "1400")
    user = USERS.get(pos.user) if pos.user else None
    delay = lives.poll_delay_ms(register, "check-in", pos_id, "in" if user else "out")
    found = answer(
        200,
        {
            "isUserCheckedIn": user is not None,
            "loyaltyIds": list(user.loyalty_ids) if user else None,
            "pollDelayInMs": delay,
            "customerToken": draws.token(register.config.seed, "customer", user.phone) if user else None,
            "customerReceiptToken": "" if user else None,
        },
    )
    return Response(found.status, found.body, found.headers, resource=pos_id, poll_delay_ms=delay)


def get_store(register: Register, caller: Caller, store_id: str) -> Response:
    store = register.stores.get(store_id)
    if store is None or store.merchant != caller.merchant:
        raise Absent(404)
    return answer(200, _described(store))


def list_stores(register: Register, caller: Caller, request: Request) -> Response:
    return answer(200, {"storeIds": [store.store_id for store in _stores(register, caller, request)]})


def detail_stores(register: Register, caller: Caller, request: Request) -> Response:
    stores = [_described(store) for store in _stores(register, caller, request)]
    return Response(200, write_json(stores), JSON_TYPE)


def _stores(register: Register, caller: Caller, request: Request) -> list[Store]:
    """Stores of the caller's merchant. A location alone is not specific enough: it means something within a
    brand."""
    brand = reading.parameter(request, "merchantBrandId")
    location = reading.parameter(request, "merchantLocationId")
    if brand is not None and not valid_brand(brand):
        raise Refusal("1119")
    if location is not None and not valid_location(location):
        raise Refusal("1120")
    if brand is None and location is not None:
        raise Refusal("1122")
    return [
        store
        for store in register.stores.values()
        if store.merchant == caller.merchant
        and brand in (None, store.brand_id)
        and location in (None, store.location_id)
    ]


def _described(store: Store) -> dict[str, object]:
    return {
        "storeName": store.name,
        "storeId": store.store_id,
        "storeStreet": store.street,
        "storeZipCode": store.zip_code,
        "storeCity": store.city,
        "brandName": store.brand_name,
        "merchantBrandId": store.brand_id,
        "merchantLocationId": store.location_id,
    }


def _visible(pos: PointOfSale, caller: Caller) -> bool:
    return not pos.deleted and (
        pos.owner == caller or (pos.owner.integrator == "" and pos.owner.merchant == caller.merchant)
    )


def _own(register: Register, caller: Caller, pos_id: str, other_merchant: str) -> PointOfSale:
    pos = register.points_of_sale.get(pos_id)
    if pos is None or pos.deleted:
        raise Absent(404)
    register.claim(pos, caller)
    if pos.owner.integrator != caller.integrator:
        raise Refusal("1400", resource=pos_id)
    if pos.owner != caller:
        raise Refusal(other_merchant, resource=pos_id)
    return pos
