"""Payments that the gateway never heard of: made, approved and captured by another client of the integrator."""

import asyncio
import base64
import json
from typing import Any
from urllib.parse import urlencode

from gateway.sandbox import Sandbox
from gateway.sandbox.http import Request, Response

POS_ID = "00000000-0000-4000-8000-999999999999"


class Elsewhere:
    """Speaks to the simulator by its documents, at the pace that it asks for, while nothing is made to fail."""

    def __init__(self, sandbox: Sandbox, merchant: str) -> None:
        self._sandbox = sandbox
        self._headers = [
            ("x-mobilepay-client-system-version", "1.0.0"),
            ("x-mobilepay-merchant-vat-number", merchant),
            ("x-ibm-client-id", "client"),
        ]
        pair = base64.b64encode(b"client:canary-secret").decode()
        form = urlencode({"grant_type": "client_credentials"}).encode()
        token = self._ask(
            "POST",
            "/integrator-authentication/connect/token",
            form,
            [("authorization", f"Basic {pair}"), ("content-type", "application/x-www-form-urlencoded")],
        )
        self._headers.append(("authorization", f"Bearer {token['access_token']}"))

    async def captured(self, order_id: str, minor_units: int) -> str:
        """The provider's id of a payment that has been approved and captured."""
        amount = minor_units / 100
        body = {
            "posId": POS_ID,
            "orderId": order_id,
            "amount": amount,
            "currencyCode": "DKK",
            "plannedCaptureDelay": "None",
        }
        made = self._call("POST", "payments", body, [("x-mobilepay-idempotency-key", order_id)])
        payment_id: str = made["paymentId"]
        while (read := self._call("GET", f"payments/{payment_id}"))["status"] != "Reserved":
            await asyncio.sleep(read["pollDelayInMs"] / 1000 + 0.05)
        self._call("POST", f"payments/{payment_id}/capture", {"amount": amount})
        return payment_id

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        more: list[tuple[str, str]] | None = None,
    ) -> dict[str, Any]:
        headers = [*self._headers, *(more or [])]
        if body is not None:
            headers.append(("content-type", "application/json"))
        return self._ask(
            method, f"/pos/v10/{path}", b"" if body is None else json.dumps(body).encode(), headers
        )

    def _ask(self, method: str, path: str, body: bytes, headers: list[tuple[str, str]]) -> dict[str, Any]:
        answer = self._sandbox.handle(Request(method, path, "", tuple(headers), body))
        assert isinstance(answer, Response) and answer.status == 200, answer
        found: dict[str, Any] = json.loads(answer.body) if answer.body else {}
        return found
