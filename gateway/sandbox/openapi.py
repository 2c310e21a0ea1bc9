"""The document of the API as the sandbox serves it (OpenAPI 3.0), at `/openapi.json`; made from the code's own
tables, so that it says what is served and nothing else.

`CODES` has the API's codes of each operation and status ("Error answers"); 401 and most 404 have no body.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

from gateway.sandbox.http import JSON_TYPE, Request, Response, write_json
from gateway.sandbox.operations import CREATING, OF_REFUNDS, SIMULATION, Operation, endpoints
from gateway.sandbox.refusals import REFUSALS
from gateway.sandbox.schemas import EXAMPLES, SCHEMAS, TEXT, UUID, Schema, reference

DOCUMENT_PATH = "/openapi.json"
BODY_TYPES = ("application/json-patch+json", "application/json", "text/json", "application/*+json")
ANY_CODES = "1099 1151 1153 1155 1157 1159 1161 1182"
_KEY_CODES = "1162 1163 1164"

CODES: dict[Operation, str] = {
    Operation.INITIATE: f"1102 1113 1117 {_KEY_CODES} 1400 1000 1204 1301 1306",
    Operation.PREPARE: f"1113 {_KEY_CODES} 1400 1000 1204 1301 1306",
    Operation.READY: "1102 1117 1401 1406 1303",
    Operation.CAPTURE: "1102 1401 1407 1304 1305 1307 1308",
    Operation.CANCEL: "1401 1408 1300",
    Operation.GET_PAYMENT: "1401 1411",
    Operation.LIST_PAYMENTS: "1109",
    Operation.CREATE_REFUND: f"1102 1114 {_KEY_CODES} 1401 1001 1306 1354 1365 1366 1367 1368",
    Operation.CAPTURE_REFUND: "1402 1004 1351",
    Operation.CANCEL_REFUND: "1402 1352",
    Operation.GET_REFUND: "1402",
    Operation.LIST_REFUNDS: "1110",
    Operation.CREATE_POINT_OF_SALE: f"1100 1111 1112 1116 {_KEY_CODES} 1403 1002 1200 1202 1306",
    Operation.DELETE_POINT_OF_SALE: "1400 1409",
    Operation.GET_POINT_OF_SALE: "1400 1410",
    Operation.LIST_POINTS_OF_SALE: "1121",
    Operation.GET_CHECK_IN: "1400",
    Operation.GET_STORE: "",
    Operation.LIST_STORES: "1119 1120 1122",
    Operation.DETAIL_STORES: "1119 1120 1122",
}


class Shape(NamedTuple):
    """Names of the schemas of an operation's body and answer, empty where it has none, and its query."""

    name: str
    group: str
    body: str = ""
    answer: str = ""
    query: tuple[tuple[str, Schema], ...] = ()


_MADE = {
    Operation.INITIATE: ("paymentId", "paymentid"),
    Operation.PREPARE: ("paymentId", "paymentid"),
    Operation.CREATE_REFUND: ("refundId", "refundid"),
    Operation.CREATE_POINT_OF_SALE: ("posId", "posid"),
}

_STORES_QUERY = (("merchantBrandId", TEXT), ("merchantLocationId", TEXT))
_PAYMENTS, _REFUNDS, _PLACES, _STORES = "Payments", "Refunds", "Point Of Sales", "Stores"

_SHAPES: dict[Operation, Shape] = {
    Operation.INITIATE: Shape(
        "InitiatePayment", _PAYMENTS, "InitiatePaymentRequest", "PaymentInitiatedResponse"
    ),
    Operation.PREPARE: Shape(
        "PreparePayment", _PAYMENTS, "PreparePaymentRequest", "PaymentInitiatedResponse"
    ),
    Operation.READY: Shape("PaymentReady", _PAYMENTS, "PaymentReadyRequest"),
    Operation.CAPTURE: Shape("CapturePayment", _PAYMENTS, "PaymentCaptureRequest"),
    Operation.CANCEL: Shape("CancelPayment", _PAYMENTS),
    Operation.GET_PAYMENT: Shape("QueryPayment", _PAYMENTS, answer="QueryPaymentResponse"),
    Operation.LIST_PAYMENTS: Shape(
        "QueryPaymentIds",
        _PAYMENTS,
        answer="QueryPaymentIdsResponse",
        query=(("posId", UUID), ("orderId", TEXT), ("state", {"type": "string", "enum": ["Captured"]})),
    ),
    Operation.CREATE_REFUND: Shape("CreateRefund", _REFUNDS, "CreateRefundRequest", "CreateRefundResponse"),
    Operation.CAPTURE_REFUND: Shape("CaptureRefund", _REFUNDS),
    Operation.CANCEL_REFUND: Shape("CancelRefund", _REFUNDS),
    Operation.GET_REFUND: Shape("GetRefund", _REFUNDS, answer="GetRefundResponse"),
    Operation.LIST_REFUNDS: Shape(
        "QueryRefundIds", _REFUNDS, answer="QueryRefundIdsResponse", query=(("paymentId", UUID),)
    ),
    Operation.CREATE_POINT_OF_SALE: Shape("CreatePos", _PLACES, "CreatePosRequest", "CreatePosResponse"),
    Operation.DELETE_POINT_OF_SALE: Shape("DeletePos", _PLACES),
    Operation.GET_POINT_OF_SALE: Shape("GetPos", _PLACES, answer="PosResponse"),
    Operation.LIST_POINTS_OF_SALE: Shape(
        "GetPosWithFilter",
        _PLACES,
        answer="PosIdsResponse",
        query=(("storeId", UUID), ("beaconId", TEXT), ("merchantPosId", TEXT)),
    ),
    Operation.GET_CHECK_IN: Shape("GetCheckIn", _PLACES, answer="GetCheckInResponse"),
    Operation.GET_STORE: Shape("GetStore", _STORES, answer="StoreResponse"),
    Operation.LIST_STORES: Shape("GetStores", _STORES, answer="StoreIdsResponse", query=_STORES_QUERY),
    Operation.DETAIL_STORES: Shape(
        "GetDetailedStores", _STORES, answer="[StoreResponse]", query=_STORES_QUERY
    ),
    Operation.USER_CHECK_IN: Shape("UserSimulationCheckin", "User Simulation", "UserCheckInRequest"),
    Operation.USER_ACCEPT: Shape("UserSimulationAcceptPayment", "User Simulation", "AcceptPaymentRequest"),
    Operation.USER_CANCEL: Shape(
        "UserSimulationCancelPayment", "User Simulation", "CancelPaymentByUserRequest"
    ),
    Operation.TOKEN: Shape("CreateToken", "Token"),
}


def answer_document(request: Request) -> Response | None:
    """None for any other path."""
    if request.path != DOCUMENT_PATH:
        return None
    return Response(200, _written(), JSON_TYPE) if request.method == "GET" else Response(405)


@cache
def _written() -> bytes:
    return write_json(document())


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in endpoints():
        paths.setdefault(path, {})[method.lower()] = _described(operation, path)
    return {
        "openapi": "3.0.1",
        "info": {
            "title": "PoS API v10, simulated",
            "version": version("pos-gateway"),
            "description": "What this sandbox serves. It keeps everything in memory and charges nobody.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def _described(operation: Operation, path: str) -> dict[str, Any]:
    shape = _SHAPES[operation]
    found: dict[str, Any] = {
        "operationId": shape.name + ("AtRoot" if path == "/connect/token" else ""),
        "tags": [shape.group],
        "parameters": list(_parameters(operation, path, shape)),
    }
    if operation is Operation.TOKEN:
        form = {"schema": reference("TokenRequest")}
        found["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": form}}
    elif shape.body:
        media = {"schema": reference(shape.body), "example": EXAMPLES[shape.body]}
        content = dict.fromkeys(BODY_TYPES, media)
        found["requestBody"] = {"required": True, "content": content}
    found["responses"] = dict(_responses(operation, path, shape))
    return found


def _parameters(operation: Operation, path: str, shape: Shape) -> Iterator[Schema]:
    if "{" in path:
        name = path.partition("{")[2].partition("}")[0]
        yield {"name": name, "in": "path", "required": True, "schema": UUID}
    for name, schema in shape.query:
        yield {"name": name, "in": "query", "schema": {**schema, "nullable": True}}
    yield {"name": "Authorization", "in": "header", "required": True, "schema": TEXT}
    if operation is Operation.TOKEN or operation in SIMULATION:
        return
    yield {"name": "X-MobilePay-Merchant-VAT-Number", "in": "header", "schema": TEXT}
    yield {"name": "X-MobilePay-Client-System-Version", "in": "header", "required": True, "schema": TEXT}
    if operation in CREATING:
        yield {"name": "X-MobilePay-Idempotency-Key", "in": "header", "required": True, "schema": TEXT}


def _responses(operation: Operation, path: str, shape: Shape) -> Iterator[tuple[str, dict[str, Any]]]:
    if operation is Operation.TOKEN:
        yield "200", _answer("A token", "TokenResponse")
        yield "400", _answer("No form, or another grant", "TokenProblem")
        yield "401", _answer("Credentials that are not known")
        return
    error = "ErrorResponseV2" if operation in OF_REFUNDS else "ErrorResponse"
    codes: dict[int, list[str]] = {}
    known = "1099" if operation in SIMULATION else f"{ANY_CODES} {CODES[operation]}"
    for code in known.split():
        codes.setdefault(REFUSALS[code][0], []).append(code)
    if "{" in path:
        codes.setdefault(404, [])
    yield "200", _answer("Done", shape.answer) | ({"links": links} if (links := _links(operation)) else {})
    yield "401", _answer("No token, or one that is not valid")
    for status, listed in sorted(codes.items()):
        yield str(status), _answer(", ".join(sorted(listed)) or "Not known", error if listed else "")
    if shape.body:
        yield "415", _answer("Another content type than those of the body")
    yield "500", _answer("On purpose: a fault of the scenario", "" if operation in SIMULATION else error)


def _links(operation: Operation) -> dict[str, Any]:
    """What can be done with what a creating call has made."""
    made = _MADE.get(operation)
    if made is None:
        return {}
    member, collection = made
    parameters = {collection: f"$response.body#/{member}"}
    return {
        _SHAPES[one].name: {"operationId": _SHAPES[one].name, "parameters": parameters}
        for path, _, one in endpoints()
        if f"{{{collection}}}" in path
    }


def _answer(description: str, schema: str = "") -> dict[str, Any]:
    if not schema:
        return {"description": description}
    shown = reference(schema)
    if schema.startswith("["):
        shown = {"type": "array", "items": reference(schema.strip("[]"))}
    return {"description": description, "content": {"application/json": {"schema": shown}}}
