"""A till that talks to a sandbox in one process, in standing time."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.sandbox import NoAnswer, Sandbox, SandboxConfig
from gateway.sandbox.clock import StandingClock
from gateway.sandbox.config import PointOfSaleEntry, StoreEntry
from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.faults import FaultPlan
from gateway.sandbox.http import Request, Response

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
OTHER_POS = "22f8155d-4042-4439-825f-068dbca98857"
ASLEEP_POS = "33f8155d-4042-4439-825f-068dbca98857"
STORE = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
POOR_STORE = "501b5617-ae5e-4f1a-9a59-5a446dbb3caa"
ASLEEP_STORE = "601b5617-ae5e-4f1a-9a59-5a446dbb3caa"
FOREIGN_STORE = "701b5617-ae5e-4f1a-9a59-5a446dbb3caa"
BEACON = "123456789012345"
OTHER_BEACON = "223456789012345"
VAT = "DK12345678"
CREDIT, DEBIT, LOYAL, PARTIAL = (f"+4520031{number}" for number in (801, 802, 804, 805))


def config(**changes: Any) -> SandboxConfig:
    given: dict[str, Any] = {
        "customers": CustomerPolicy(automatic=False),
        "stores": (
            StoreEntry(),
            StoreEntry(POOR_STORE, location_id="10002", balance=500),
            StoreEntry(ASLEEP_STORE, location_id="10003", activated=False),
            StoreEntry(FOREIGN_STORE, merchant_vat="DK87654321"),
        ),
        "points_of_sale": (
            PointOfSaleEntry(POS, "till-1", BEACON),
            PointOfSaleEntry(OTHER_POS, "till-2", OTHER_BEACON, store_id=POOR_STORE),
            PointOfSaleEntry(ASLEEP_POS, "till-3", "323456789012345", store_id=ASLEEP_STORE),
        ),
    }
    return SandboxConfig(**{**given, **changes})


class Till:
    """One client. Headers can be changed call by call; a header set to None is left out."""

    def __init__(self, sandbox: Sandbox, client_id: str = "till", merchant_vat: str | None = None) -> None:
        self.sandbox = sandbox
        self.clock = sandbox.clock
        self.keys = 0
        self.client_id = client_id
        self.headers: dict[str, Any] = {
            "x-mobilepay-merchant-vat-number": VAT,
            "x-mobilepay-client-system-version": "1.2.3",
            "content-type": "application/json",
        }
        self.log_in(merchant_vat)

    def log_in(self, merchant_vat: str | None = None) -> None:
        form = {"grant_type": "client_credentials"}
        if merchant_vat is not None:
            form["merchant_vat"] = merchant_vat
        pair = base64.b64encode(f"{self.client_id}:secret".encode()).decode()
        request = Request(
            "POST",
            "/integrator-authentication/connect/token",
            "",
            (("authorization", f"Basic {pair}"), ("content-type", "application/x-www-form-urlencoded")),
            urlencode(form).encode(),
        )
        answer = self.sandbox.handle(request)
        assert isinstance(answer, Response)
        assert answer.status == 200
        self.headers["authorization"] = "Bearer " + json.loads(answer.body)["access_token"]

    def request(
        self, method: str, path: str, body: Any = None, query: str = "", headers: Any = None
    ) -> Request:
        merged = {**self.headers, **(headers or {})}
        pairs: list[tuple[str, str]] = []
        for name, value in merged.items():
            values = value if isinstance(value, list) else [] if value is None else [value]
            pairs += [(name, one) for one in values]
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Request(method, path, query, tuple(pairs), raw)

    def send(
        self, method: str, path: str, body: Any = None, query: str = "", headers: Any = None
    ) -> Response:
        answer = self.try_to_send(method, path, body, query, headers)
        assert isinstance(answer, Response)
        return answer

    def try_to_send(
        self, method: str, path: str, body: Any = None, query: str = "", headers: Any = None
    ) -> Response | NoAnswer:
        return self.sandbox.handle(self.request(method, path, body, query, headers))

    def create(self, path: str, body: Any, key: str | None = None, headers: Any = None) -> Response:
        self.keys += 1
        named = {"x-mobilepay-idempotency-key": key or f"{self.client_id}-{self.keys}"}
        return self.send("POST", path, body, headers={**named, **(headers or {})})

    def order(self, **changes: Any) -> dict[str, Any]:
        body = {
            "posId": POS,
            "orderId": "order-1",
            "amount": 12.5,
            "currencyCode": "DKK",
            "plannedCaptureDelay": "None",
        }
        body.update(changes)
        return {name: value for name, value in body.items() if value is not ...}

    def initiate(self, key: str | None = None, **changes: Any) -> Response:
        return self.create("/pos/v10/payments", self.order(**changes), key)

    def try_initiate(self, key: str = "k", **changes: Any) -> Response | NoAnswer:
        headers = {"x-mobilepay-idempotency-key": key}
        return self.try_to_send("POST", "/pos/v10/payments", self.order(**changes), headers=headers)

    def pay(self, phone: str = CREDIT, beacon: str = BEACON, **changes: Any) -> str:
        """A reserved payment's id."""
        payment_id = str(self.read(self.initiate(**changes))["paymentId"])
        self.user("checkin", phone, beacon)
        self.user("acceptpayment", phone, beacon)
        assert self.status(payment_id) == "Reserved"
        return payment_id

    def user(self, act: str, phone: str | None = CREDIT, beacon: str = BEACON) -> Response:
        body = {"beaconId": beacon} | ({"phoneNumber": phone} if phone else {})
        return self.send("POST", f"/pos/app/usersimulation/{act}", body)

    def act(self, payment_id: str, verb: str, body: Any = None) -> Response:
        return self.send("POST", f"/pos/v10/payments/{payment_id}/{verb}", body)

    def capture(self, payment_id: str, amount: Any = 12.5) -> Response:
        return self.act(payment_id, "capture", {"amount": amount})

    def get(self, payment_id: str) -> dict[str, Any]:
        answer = self.send("GET", f"/pos/v10/payments/{payment_id}")
        assert answer.status == 200
        return self.read(answer)

    def status(self, payment_id: str) -> str:
        """Read past the recorder: the world's own word."""
        self.sandbox.advance()
        return str(self.sandbox.world.register.payments[payment_id].status)

    def violations(self) -> dict[str, int]:
        return dict(self.sandbox.recorder.violation_counts)

    @staticmethod
    def read(answer: Response) -> dict[str, Any]:
        found = json.loads(answer.body)
        assert isinstance(found, dict)
        return found

    @classmethod
    def refusal(cls, answer: Response) -> tuple[int, str]:
        """Status and code; the body of every refusal has a message and a correlation id."""
        body = cls.read(answer)
        assert set(body) - {"origin"} == {"code", "message", "correlationId"}
        return answer.status, body["code"]


@pytest.fixture
def make_till() -> Any:
    def make(config_: SandboxConfig | None = None, **changes: Any) -> Till:
        return Till(Sandbox(config_ or config(**changes), StandingClock()))

    make.second = Till  # type: ignore[attr-defined]
    return make


@pytest.fixture
def till(make_till: Any) -> Till:
    return make_till()  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def make_till_for() -> Any:
    """Tills for properties: automatic customers or none, a fault plan, a seed."""

    def make(automatic: bool, plan: FaultPlan, seed: int = 0, **changes: Any) -> Till:
        customers = CustomerPolicy(automatic=automatic)
        return Till(Sandbox(config(customers=customers, faults=plan, seed=seed, **changes), StandingClock()))

    return make
