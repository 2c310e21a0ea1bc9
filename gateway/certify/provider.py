"""The provider beside the gateway: its API by hand, its users, and the simulator's books and clock."""

import asyncio
import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from gateway.certify.findings import Unmet
from gateway.certify.traffic import as_object

VERSION: Final = "1.0.0"
CREDIT, LOYAL, PARTIAL = "+4520031801", "+4520031804", "+4520031805"
TOKEN_PATH: Final = "/integrator-authentication/connect/token"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        return as_object(self.body)


@dataclass(frozen=True, slots=True)
class Till:
    """A point of sale of ours."""

    pos_id: str
    beacon_id: str
    merchant_pos_id: str


class Provider:
    """As an integrator of its own credentials; `merchant` goes with every call."""

    def __init__(
        self, url: str, client_id: str, client_secret: str, merchant: str, store_id: str, *,
        closed_till: str = "", foreign_till: str = "", poor_store: str = "",
    ) -> None:  # fmt: skip
        """The last three exist at the simulator alone: posIds of a store that is not activated and of another
        integrator, and a store with a small balance."""
        self.closed_till, self.foreign_till, self.poor_store = closed_till, foreign_till, poor_store
        self.url = url
        self.merchant = merchant
        self.store_id = store_id
        self._split = urlsplit(url)
        self._client_id = client_id
        self._secret = client_secret
        self._token = ""

    async def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str = ""
    ) -> Said:
        """`path` after `/pos/`, such as `v10/payments`. A token is got first, and anew after a 401."""
        said = Said(401, b"")
        for _ in range(2):
            if not self._token:
                self._token = await self._new_token()
            headers = {
                "authorization": f"Bearer {self._token}",
                "x-mobilepay-client-system-version": VERSION,
                "x-mobilepay-merchant-vat-number": self.merchant,
                "x-ibm-client-id": self._client_id,
                "content-type": "application/json",
            }
            if key:
                headers["x-mobilepay-idempotency-key"] = key
            content = b"" if body is None else json.dumps(body).encode()
            said = await self.raw(method, f"/pos/{path}", content, headers)
            if said.status != 401:
                break
            self._token = ""
        return said

    async def make(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A creating call with a key of its own, which must succeed."""
        said = await self.call("POST", path, body, key=str(uuid.uuid4()))
        if said.status != 200:
            raise Unmet(f"POST {path} by hand was answered {said.status} {said.data.get('code', '')}")
        return said.data

    async def till(self, name: str, **more: Any) -> Till:
        """A new point of sale."""
        body = {
            "merchantPosId": name,
            "storeId": self.store_id,
            "name": "Certification",
            "supportedBeaconTypes": ["QR"],
        }
        body |= more
        made = await self.make("v10/pointofsales", body)
        told = await self.call("GET", f"v10/pointofsales/{made['posId']}")
        return Till(made["posId"], told.data["beaconId"], name)

    async def initiate(self, till: Till, order_id: str, crowns: int = 12) -> str:
        """A payment that the gateway does not know."""
        body = {
            "posId": till.pos_id,
            "orderId": order_id,
            "amount": crowns,
            "currencyCode": "DKK",
            "plannedCaptureDelay": "None",
        }
        return str((await self.make("v10/payments", body))["paymentId"])

    async def user(self, act: str, till: Till, phone: str = CREDIT) -> None:
        """`checkin`, `acceptpayment` or `cancelpaymentbyuser` in the customer's app."""
        body = {"beaconId": till.beacon_id}
        if act != "cancelpaymentbyuser":
            body["phoneNumber"] = phone
        said = await self.call("POST", f"app/usersimulation/{act}", body)
        if said.status != 200:
            raise Unmet(f"{act} was answered {said.status} {said.data.get('message', '')}")

    async def approve(self, till: Till, phone: str = CREDIT) -> None:
        await self.user("checkin", till, phone)
        await self.user("acceptpayment", till, phone)

    async def ledger(self, order_id: str) -> list[dict[str, Any]]:
        """The simulator's books of one order: payments with their refunds."""
        said = await self.raw("GET", f"/_sandbox/ledger?{urlencode({'orderId': order_id})}")
        return [json.loads(line) for line in said.body.splitlines()]

    async def status(self, order_id: str) -> list[str]:
        return [str(payment["status"]) for payment in await self.ledger(order_id)]

    async def violations(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.raw("GET", "/_sandbox/violations")).data["violations"]
        return found

    async def advance(self, seconds: float) -> None:
        """The simulator's clock."""
        body = json.dumps({"advance_seconds": seconds}).encode()
        said = await self.raw("POST", "/_sandbox/clock", body, {"content-type": "application/json"})
        if said.status != 200:
            raise Unmet(f"the clock was answered {said.status}")

    async def raw(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Said:
        return await asyncio.to_thread(self._raw, method, path, body, dict(headers or {}))

    def _raw(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Said:
        kind = HTTPSConnection if self._split.scheme == "https" else HTTPConnection
        connection = kind(self._split.hostname or "", self._split.port, timeout=15)
        try:
            connection.request(method, self._split.path.rstrip("/") + path, body or None, headers)
            answer = connection.getresponse()
            return Said(answer.status, answer.read())
        finally:
            connection.close()

    async def _new_token(self) -> str:
        pair = base64.b64encode(f"{self._client_id}:{self._secret}".encode()).decode()
        headers = {
            "authorization": f"Basic {pair}",
            "content-type": "application/x-www-form-urlencoded",
        }
        said = await self.raw("POST", TOKEN_PATH, b"grant_type=client_credentials", headers)
        if said.status != 200:
            raise Unmet(f"the token endpoint answered {said.status}")
        return str(said.data["access_token"])
