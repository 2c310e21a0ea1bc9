"""What the witness saw: requests and their answers, named by operation and by what they are about."""

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

Headers = tuple[tuple[str, str], ...]

_API: Final = re.compile(r".*?/pos/v10/(?P<rest>.*)")
_OPERATIONS: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "payments"): "initiate",
    ("POST", "payments/prepare"): "prepare",
    ("GET", "payments"): "list_payments",
    ("GET", "payments/*"): "get_payment",
    ("POST", "payments/*/ready"): "ready",
    ("POST", "payments/*/capture"): "capture",
    ("POST", "payments/*/cancel"): "cancel",
    ("POST", "refunds"): "create_refund",
    ("GET", "refunds"): "list_refunds",
    ("GET", "refunds/*"): "get_refund",
    ("POST", "refunds/*/capture"): "capture_refund",
    ("POST", "refunds/*/cancel"): "cancel_refund",
    ("POST", "pointofsales"): "create_point_of_sale",
    ("GET", "pointofsales"): "list_points_of_sale",
    ("GET", "pointofsales/*"): "get_point_of_sale",
    ("DELETE", "pointofsales/*"): "delete_point_of_sale",
    ("GET", "pointofsales/*/checkin"): "get_check_in",
    ("GET", "stores"): "list_stores",
    ("GET", "stores/detailed"): "detail_stores",
    ("GET", "stores/*"): "get_store",
}
CREATING: Final = frozenset({"initiate", "prepare", "create_refund", "create_point_of_sale"})
WRITES: Final = CREATING | {
    *("ready", "capture", "cancel", "capture_refund", "cancel_refund", "delete_point_of_sale")
}
POLLED: Final = frozenset({"get_payment", "get_refund", "get_check_in"})
_NAMING_FIELDS: Final = {
    "initiate": ("orderId", "paymentId"),
    "prepare": ("orderId", "paymentId"),
    "create_refund": ("refundOrderId", "refundId"),
    "create_point_of_sale": ("merchantPosId", "posId"),
}
_NAMING_FILTERS: Final = {
    "list_payments": "orderId",
    "list_refunds": "paymentId",
    "list_points_of_sale": "merchantPosId",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as it came; header names in lower case, repeated ones repeated."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes = field(repr=False)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def parameters(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.query).items()}

    @property
    def data(self) -> dict[str, Any]:
        """The body as a JSON object, {} for anything else."""
        return as_object(self.body)

    @property
    def key(self) -> str:
        return ",".join(self.values("x-mobilepay-idempotency-key"))

    @property
    def operation(self) -> str:
        """`token`, the name of an endpoint, or empty for what is none."""
        if self.path.endswith("/connect/token"):
            return "token"
        match = _API.fullmatch(self.path)
        if match is None:
            return ""
        parts = match["rest"].split("/")
        plain = _OPERATIONS.get((self.method, match["rest"]))
        return plain or _OPERATIONS.get((self.method, "/".join([parts[0], "*", *parts[2:]])), "")

    @property
    def resource(self) -> str:
        """The provider's id in the path."""
        match = _API.fullmatch(self.path)
        parts = match["rest"].split("/") if match else []
        return parts[1] if len(parts) > 1 and parts[1] not in ("prepare", "detailed") else ""


@dataclass(slots=True)
class Exchange:
    """Times are seconds of a monotonic clock. `subject` is our own name of what it is about: orderId,
    refundOrderId or merchantPosId. `status` 0: the gateway got no answer; `told` is what the provider said, if
    it was asked."""

    number: int
    ask: Ask
    operation: str
    subject: str
    arrived_at: float
    left_at: float | None = None
    status: int = 0
    answer: bytes = b""
    fault: str = ""
    told: int = 0

    @property
    def data(self) -> dict[str, Any]:
        return as_object(self.answer)

    @property
    def waited_seconds(self) -> float:
        return (self.left_at or self.arrived_at) - self.arrived_at


@dataclass(slots=True)
class Names:
    """Which name of ours stands for an id of the provider."""

    of_ids: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def subject(self, ask: Ask, operation: str) -> str:
        if operation in _NAMING_FIELDS:
            return str(ask.data.get(_NAMING_FIELDS[operation][0], ""))
        named = ask.resource or ask.parameters.get(_NAMING_FILTERS.get(operation, ""), "")
        return self.of_ids.get(named, named)

    def learn(self, ask: Ask, operation: str, answer: bytes) -> None:
        """A creating call's answer names its resource."""
        if operation in _NAMING_FIELDS:
            name, identity = _NAMING_FIELDS[operation]
            made, ours = as_object(answer).get(identity), ask.data.get(name)
            if isinstance(made, str) and isinstance(ours, str):
                self.of_ids[made], self.ids[ours] = ours, made


def as_object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def gaps(exchanges: Iterable[Exchange]) -> list[float]:
    """Seconds between one request's end and the next one's arrival."""
    rows = sorted(exchanges, key=lambda one: one.arrived_at)
    return [
        after.arrived_at - (before.left_at or before.arrived_at) for before, after in itertools.pairwise(rows)
    ]
