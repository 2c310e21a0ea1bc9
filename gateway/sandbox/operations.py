"""The API's endpoints: which method and path is which operation."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from gateway.sandbox.formats import as_uuid
from gateway.sandbox.refusals import Absent, Refusal


class Operation(StrEnum):
    """Names used by fault plans, the ledger, the recorder and the statistics."""

    TOKEN = "token"  # noqa: S105 - the name of an endpoint
    INITIATE = "initiate"
    PREPARE = "prepare"
    READY = "ready"
    CAPTURE = "capture"
    CANCEL = "cancel"
    GET_PAYMENT = "get_payment"
    LIST_PAYMENTS = "list_payments"
    CREATE_REFUND = "create_refund"
    CAPTURE_REFUND = "capture_refund"
    CANCEL_REFUND = "cancel_refund"
    GET_REFUND = "get_refund"
    LIST_REFUNDS = "list_refunds"
    CREATE_POINT_OF_SALE = "create_point_of_sale"
    DELETE_POINT_OF_SALE = "delete_point_of_sale"
    GET_POINT_OF_SALE = "get_point_of_sale"
    LIST_POINTS_OF_SALE = "list_points_of_sale"
    GET_CHECK_IN = "get_check_in"
    GET_STORE = "get_store"
    LIST_STORES = "list_stores"
    DETAIL_STORES = "detail_stores"
    USER_CHECK_IN = "user_check_in"
    USER_ACCEPT = "user_accept"
    USER_CANCEL = "user_cancel"


CREATING = frozenset(
    {Operation.INITIATE, Operation.PREPARE, Operation.CREATE_REFUND, Operation.CREATE_POINT_OF_SALE}
)
REPEATABLE_WRITES = frozenset(
    {
        Operation.READY,
        Operation.CAPTURE,
        Operation.CANCEL,
        Operation.CAPTURE_REFUND,
        Operation.CANCEL_REFUND,
        Operation.DELETE_POINT_OF_SALE,
    }
)
POLLED = frozenset({Operation.GET_PAYMENT, Operation.GET_REFUND, Operation.GET_CHECK_IN})
SIMULATION = frozenset({Operation.USER_CHECK_IN, Operation.USER_ACCEPT, Operation.USER_CANCEL})
OF_REFUNDS = frozenset(
    {
        Operation.CREATE_REFUND,
        Operation.CAPTURE_REFUND,
        Operation.CANCEL_REFUND,
        Operation.GET_REFUND,
        Operation.LIST_REFUNDS,
    }
)


class Route(NamedTuple):
    """An operation and the id in its path (lower case), empty where the path has none."""

    operation: Operation
    resource: str = ""


_API = "/pos/v10/"
CERTIFICATION = "/pos-self-certification-api"

_FIXED: dict[str, dict[str, Operation]] = {
    "/connect/token": {"POST": Operation.TOKEN},
    "/integrator-authentication/connect/token": {"POST": Operation.TOKEN},
    "/pos/app/usersimulation/checkin": {"POST": Operation.USER_CHECK_IN},
    "/pos/app/usersimulation/acceptpayment": {"POST": Operation.USER_ACCEPT},
    "/pos/app/usersimulation/cancelpaymentbyuser": {"POST": Operation.USER_CANCEL},
    _API + "payments": {"POST": Operation.INITIATE, "GET": Operation.LIST_PAYMENTS},
    _API + "payments/prepare": {"POST": Operation.PREPARE},
    _API + "refunds": {"POST": Operation.CREATE_REFUND, "GET": Operation.LIST_REFUNDS},
    _API + "pointofsales": {
        "POST": Operation.CREATE_POINT_OF_SALE,
        "GET": Operation.LIST_POINTS_OF_SALE,
    },
    _API + "stores": {"GET": Operation.LIST_STORES},
    _API + "stores/detailed": {"GET": Operation.DETAIL_STORES},
}

_BY_ID: dict[tuple[str, str], dict[str, Operation]] = {
    ("payments", ""): {"GET": Operation.GET_PAYMENT},
    ("payments", "ready"): {"POST": Operation.READY},
    ("payments", "capture"): {"POST": Operation.CAPTURE},
    ("payments", "cancel"): {"POST": Operation.CANCEL},
    ("refunds", ""): {"GET": Operation.GET_REFUND},
    ("refunds", "capture"): {"POST": Operation.CAPTURE_REFUND},
    ("refunds", "cancel"): {"POST": Operation.CANCEL_REFUND},
    ("pointofsales", ""): {
        "GET": Operation.GET_POINT_OF_SALE,
        "DELETE": Operation.DELETE_POINT_OF_SALE,
    },
    ("pointofsales", "checkin"): {"GET": Operation.GET_CHECK_IN},
    ("stores", ""): {"GET": Operation.GET_STORE},
}


_ID_NAMES = {"payments": "paymentid", "refunds": "refundid", "pointofsales": "posid", "stores": "storeid"}


def endpoints() -> Iterator[tuple[str, str, Operation]]:
    """Path with the name of its id in braces, method and operation, of every endpoint."""
    for path, methods in _FIXED.items():
        yield from ((path, method, operation) for method, operation in methods.items())
    for (collection, action), methods in _BY_ID.items():
        path = f"{_API}{collection}/{{{_ID_NAMES[collection]}}}" + (f"/{action}" if action else "")
        yield from ((path, method, operation) for method, operation in methods.items())


def route(method: str, path: str) -> Route:
    """The operation of a request. Raises `Absent(404)` for an unknown path, `Absent(405)` for another method
    and `Refusal("1099")` for an id that is no UUID. The self-certification host path leads to the same
    operations."""
    path = path.removeprefix(CERTIFICATION)
    methods = _FIXED.get(path)
    resource: str | None = ""
    if methods is None:
        if not path.startswith(_API):
            raise Absent(404)
        collection, _, rest = path.removeprefix(_API).partition("/")
        name, _, action = rest.partition("/")
        methods = _BY_ID.get((collection, action))
        if methods is None or not name:
            raise Absent(404)
        resource = as_uuid(name)
    operation = methods.get(method)
    if operation is None:
        raise Absent(405, ", ".join(methods))
    if resource is None:
        raise Refusal("1099", "the id in the path is no UUID")
    return Route(operation, resource)
