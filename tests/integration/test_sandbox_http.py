"""The sandbox on real sockets: its process, and faults as the wire shows them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox import SandboxConfig
from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.draws import Span
from gateway.sandbox.faults import FaultPlan, FaultRule
from gateway.sandbox.server import serve

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
HEADERS = {
    "x-mobilepay-merchant-vat-number": "DK12345678",
    "x-mobilepay-client-system-version": "1.2.3",
    "content-type": "application/json",
}


class Wire:
    """A client that writes bytes and reads bytes; one connection a request."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self.address = (host, int(port))
        self.headers = dict(HEADERS)

    async def log_in(self) -> None:
        basic = "Basic " + base64.b64encode(b"id:secret").decode()
        form = {"authorization": basic, "content-type": "application/x-www-form-urlencoded"}
        raw = await self.send("POST", "/connect/token", b"grant_type=client_credentials", form)
        self.headers["authorization"] = "Bearer " + json.loads(body_of(raw))["access_token"]

    async def open(self, method: str, path: str, body: bytes = b"", headers: Any = None) -> Any:
        """The connection, with the request written."""
        reader, writer = await asyncio.open_connection(*self.address)
        lines = [f"{method} {path} HTTP/1.1", "host: sandbox", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **(headers or {})}.items()]
        writer.write(("\r\n".join([*lines, "connection: close"]) + "\r\n\r\n").encode() + body)
        await writer.drain()
        return reader, writer

    async def send(
        self, method: str, path: str, body: bytes = b"", headers: Any = None, timeout: float = 10
    ) -> bytes:
        """All bytes of the answer up to the end of the connection."""
        reader, writer = await self.open(method, path, body, headers)
        try:
            return bytes(await asyncio.wait_for(reader.read(), timeout))
        finally:
            writer.close()

    async def initiate(self, order_id: str = "o", key: str = "k", timeout: float = 10) -> bytes:
        headers = {"x-mobilepay-idempotency-key": key}
        return await self.send("POST", "/pos/v10/payments", order(order_id), headers, timeout)

    async def admin(self, name: str) -> Any:
        raw = await self.send("GET", f"/_sandbox/{name}")
        body = body_of(raw)
        return [json.loads(line) for line in body.splitlines()] if name == "ledger" else json.loads(body)


def order(order_id: str) -> bytes:
    return json.dumps(
        {
            "posId": POS,
            "orderId": order_id,
            "amount": 12.5,
            "currencyCode": "DKK",
            "plannedCaptureDelay": "None",
        }
    ).encode()


def status_of(raw: bytes) -> int:
    return int(raw.split(b" ", 2)[1])


def body_of(raw: bytes) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return whole


@contextlib.asynccontextmanager
async def sandbox(*rules: FaultRule, **changes: Any) -> AsyncIterator[Wire]:
    config = SandboxConfig(
        any_pos=True,
        customers=CustomerPolicy(automatic=False),
        faults=FaultPlan(rules=rules),
        **changes,
    )
    stop = asyncio.Event()
    announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(config, "127.0.0.1", 0, announced.set_result, stop=stop))
    wire = Wire(await asyncio.wait_for(announced, 10))
    await wire.log_in()
    try:
        yield wire
    finally:
        stop.set()
        await asyncio.wait_for(serving, 5)


def rule(fault: str, **more: Any) -> FaultRule:
    return FaultRule(fault, "initiate", attempt=1, **more)


@pytest.mark.asyncio
async def test_a_payment_over_http() -> None:
    async with sandbox() as wire:
        raw = await wire.initiate("blåbær £")
        assert status_of(raw) == 200
        assert b"content-type: application/json" in raw
        payment_id = json.loads(body_of(raw))["paymentId"]
        found = json.loads(body_of(await wire.send("GET", f"/pos/v10/payments/{payment_id}")))
        assert (found["orderId"], found["amount"], found["status"]) == ("blåbær £", 12.5, "Initiated")
        cancelled = await wire.send("POST", f"/pos/v10/payments/{payment_id}/cancel")
        assert (status_of(cancelled), body_of(cancelled)) == (200, b"")
        query = f"/pos/v10/payments?posId={POS}&orderId=bl%C3%A5b%C3%A6r%20%C2%A3"
        assert json.loads(body_of(await wire.send("GET", query))) == {"paymentIds": []}
        refused = await wire.initiate("o", key="x" * 37)
        assert (status_of(refused), json.loads(body_of(refused))["code"]) == (400, "1162")
        unauthorized = await wire.send("GET", query, headers={"authorization": "Bearer x"})
        assert (status_of(unauthorized), body_of(unauthorized)) == (401, b"")
        too_large = await wire.send("POST", "/pos/v10/payments", b"x" * 70_000)
        assert status_of(too_large) == 413


@pytest.mark.asyncio
@pytest.mark.parametrize(("fault", "made"), [("reset_before", 0), ("reset_after", 1)])
async def test_a_reset_is_a_real_one(fault: str, made: int) -> None:
    async with sandbox(rule(fault)) as wire:
        with pytest.raises(ConnectionResetError):
            await wire.initiate()
        assert len(await wire.admin("ledger")) == made
        assert status_of(await wire.initiate()) == 200
        (line,) = await wire.admin("ledger")
        assert line["effects"] == {"initiate": 1}
        assert line["faults"] == [{"operation": "initiate", "attempt": 1, "fault": fault}]


@pytest.mark.asyncio
async def test_a_reset_hits_a_connection_that_was_used_before() -> None:
    async with sandbox(rule("reset_after")) as wire:
        reader, writer = await asyncio.open_connection(*wire.address)
        for method, path, body in (
            ("GET", "/_sandbox/stats", b""),
            ("POST", "/pos/v10/payments", order("o")),
        ):
            headers = {**wire.headers, "x-mobilepay-idempotency-key": "k", "content-length": str(len(body))}
            lines = [f"{method} {path} HTTP/1.1", "host: s", *(f"{one}: {headers[one]}" for one in headers)]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
            if method == "GET":
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(("fault", "made"), [("timeout_before", 0), ("timeout_after", 1)])
async def test_a_time_out_is_silence_until_the_client_leaves(fault: str, made: int) -> None:
    async with sandbox(rule(fault)) as wire:
        with pytest.raises(asyncio.TimeoutError):
            await wire.initiate(timeout=0.4)
        await asyncio.sleep(0.1)
        stats = await wire.admin("stats")
        assert (stats["inFlight"], stats["statuses"].get("none")) == (0, 1)
        assert len(await wire.admin("ledger")) == made
        assert status_of(await wire.initiate()) == 200
        assert len(await wire.admin("ledger")) == 1
        assert (await wire.admin("violations"))["counts"] == {}


@pytest.mark.asyncio
async def test_an_effect_comes_after_its_client_has_left() -> None:
    async with sandbox(rule("late_effect", delay_seconds=0.6)) as wire:
        with pytest.raises(asyncio.TimeoutError):
            await wire.initiate(timeout=0.2)
        assert await wire.admin("ledger") == []
        await asyncio.sleep(0.7)
        assert len(await wire.admin("ledger")) == 1


@pytest.mark.asyncio
async def test_slow_answers_arrive_and_unread_ones_are_unheard() -> None:
    async with sandbox(rule("slow", delay_seconds=0.4)) as wire:
        begun = time.monotonic()
        assert status_of(await wire.initiate()) == 200
        assert time.monotonic() - begun >= 0.4
        with pytest.raises(asyncio.TimeoutError):
            await wire.initiate("o2", "k2", timeout=0.1)
        await asyncio.sleep(0.5)
        stats = await wire.admin("stats")
        assert stats["statuses"]["none"] == 1
        assert stats["inFlight"] == 0


@pytest.mark.asyncio
async def test_answers_that_are_spoilt() -> None:
    rules = [
        FaultRule(kind, "initiate", order_id_prefix=kind, attempt=1)
        for kind in (
            "malformed_body",
            "empty_body",
            "wrong_content_type",
            "throttled",
            "error_after",
            "cut_body",
        )
    ]
    async with sandbox(*rules) as wire:
        malformed = await wire.initiate("malformed_body", "a")
        assert status_of(malformed) == 200
        with pytest.raises(ValueError):
            json.loads(body_of(malformed))
        (line,) = await wire.admin("ledger")
        await wire.send("POST", f"/pos/v10/payments/{line['paymentId']}/cancel")
        throttled = await wire.initiate("throttled", "b")
        assert status_of(throttled) == 429
        assert b"retry-after: 1" in throttled
        cut = await wire.initiate("cut_body", "c")
        promised = int(cut.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        assert status_of(cut) == 200
        assert len(body_of(cut)) < promised
        failed = await wire.initiate("error_after", "d")
        assert (status_of(failed), json.loads(body_of(failed))["code"]) == (500, "2000")
        page = await wire.initiate("wrong_content_type", "e")
        assert b"content-type: text/html" in page
        empty = await wire.initiate("empty_body", "f")
        assert body_of(empty) == b""


@pytest.mark.asyncio
async def test_many_clients_at_once_and_a_ledger_in_pieces() -> None:
    async with sandbox() as wire:

        async def one(number: int) -> int:
            body = json.loads(order(f"o{number}"))
            body["posId"] = f"00000000-0000-4000-8000-{number:012d}"
            headers = {"x-mobilepay-idempotency-key": f"k{number}"}
            return status_of(await wire.send("POST", "/pos/v10/payments", json.dumps(body).encode(), headers))

        for start in range(0, 600, 100):
            assert await asyncio.gather(*(one(number) for number in range(start, start + 100))) == [200] * 100
        lines = await wire.admin("ledger")
        assert [line["number"] for line in lines] == list(range(1, 601))
        assert (await wire.admin("stats"))["inFlight"] == 0


@pytest.mark.asyncio
async def test_a_week_and_a_day_pass_in_milliseconds() -> None:
    async with sandbox(poll_delay_ms=Span(1, 1)) as wire:

        async def post(path: str, body: Any = None, key: str = "") -> Any:
            headers = {"x-mobilepay-idempotency-key": key} if key else {}
            raw = b"" if body is None else json.dumps(body).encode()
            answer = body_of(await wire.send("POST", path, raw, headers))
            return json.loads(answer) if answer else None

        async def pass_by(seconds: float) -> None:
            await post("/_sandbox/clock", {"advance_seconds": seconds})
            await wire.log_in()

        async def pay(order_id: str) -> str:
            payment_id = json.loads(body_of(await wire.initiate(order_id, order_id)))["paymentId"]
            for act in ("checkin", "acceptpayment"):
                await post(
                    f"/pos/app/usersimulation/{act}", {"beaconId": beacon, "phoneNumber": "+4520031801"}
                )
            return str(payment_id)

        await wire.initiate("first", "first")
        found = json.loads(body_of(await wire.send("GET", f"/pos/v10/pointofsales/{POS}")))
        beacon = found["beaconId"]
        begun = time.monotonic()
        await pass_by(900)
        untouched, captured = await pay("untouched"), await pay("captured")
        await post(f"/pos/v10/payments/{captured}/capture", {"amount": 12.5})
        refund = {"paymentId": captured, "refundOrderId": "r", "amount": 5, "currencyCode": "DKK"}
        await post("/pos/v10/refunds", refund, "r")
        await pass_by(2)
        await pass_by(86_400)
        lines = {line["orderId"]: line for line in await wire.admin("ledger")}
        assert lines["first"]["status"] == "CancelledByMobilePay"
        assert lines["untouched"]["status"] == "Reserved"
        assert [one["status"] for one in lines["captured"]["refunds"]] == ["ExpiredAndCaptured"]
        assert lines["captured"]["refunded"] == 500
        await pass_by(6 * 86_400)
        read = json.loads(body_of(await wire.send("GET", f"/pos/v10/payments/{untouched}")))
        assert read["status"] == "ExpiredAndCancelled"
        await pass_by(84 * 86_400)
        late = await post("/pos/v10/refunds", {**refund, "refundOrderId": "r2"}, "r2")
        assert (late["code"], late["origin"]) == ("1366", "PoS")
        totals = (await wire.admin("ledger/totals"))["currencies"]
        assert totals == {"DKK": {"requested": 3750, "reserved": 2500, "captured": 1250, "refunded": 500}}
        assert (await wire.admin("violations"))["counts"] == {}
        assert time.monotonic() - begun < 5


@pytest.mark.asyncio
async def test_faults_of_refunds_and_prepared_payments_on_the_wire() -> None:
    plan = [
        FaultRule("timeout_after", "prepare", attempt=1),
        FaultRule("reset_after", "ready", attempt=1),
        FaultRule("throttled_bare", "create_refund", attempt=1),
        FaultRule("token_expired", "create_refund", attempt=2),
        FaultRule("cut_body", "create_refund", attempt=3),
    ]
    async with sandbox(*plan) as wire:
        prepare = json.dumps({"posId": POS, "orderId": "o"}).encode()
        key = {"x-mobilepay-idempotency-key": "p"}
        with pytest.raises(asyncio.TimeoutError):
            await wire.send("POST", "/pos/v10/payments/prepare", prepare, key, timeout=0.3)
        made = await wire.send("POST", "/pos/v10/payments/prepare", prepare, key)
        path = f"/pos/v10/payments/{json.loads(body_of(made))['paymentId']}"
        terms = {"amount": 12.5, "currencyCode": "DKK", "plannedCaptureDelay": "None"}
        with pytest.raises(ConnectionResetError):
            await wire.send("POST", f"{path}/ready", json.dumps(terms).encode())
        assert status_of(await wire.send("POST", f"{path}/ready", json.dumps(terms).encode())) == 200
        (line,) = await wire.admin("ledger")
        assert line["effects"] == {"prepare": 1, "ready": 1}
        refund = {"paymentId": line["paymentId"], "refundOrderId": "r", "amount": 5, "currencyCode": "DKK"}
        body, key = json.dumps(refund).encode(), {"x-mobilepay-idempotency-key": "r"}
        throttled = await wire.send("POST", "/pos/v10/refunds", body, key)
        assert status_of(throttled) == 429
        assert b"retry-after" not in throttled.lower()
        assert status_of(await wire.send("POST", "/pos/v10/refunds", body, key)) == 401
        assert status_of(await wire.send("GET", path)) == 401, "the token is gone for everything"
        await wire.log_in()
        cut = await wire.send("POST", "/pos/v10/refunds", body, key)
        assert status_of(cut) == 409
        with pytest.raises(ValueError):
            json.loads(body_of(cut))
        refused = json.loads(body_of(await wire.send("POST", "/pos/v10/refunds", body, key)))
        assert (refused["code"], refused["origin"]) == ("1354", "PoS")
        assert (await wire.admin("violations"))["counts"] == {}


PROGRAM = """
import sys
from gateway.sandbox import SandboxConfig
from gateway.sandbox.faults import FaultPlan, FaultRule
from gateway.sandbox.server import run
plan = FaultPlan(rules=(FaultRule("timeout_before", "get_store"),))
run(SandboxConfig(any_pos=True, faults=plan), "127.0.0.1", 0, lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_cleanly_with_a_request_in_hand(number: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            host, _, port = url.removeprefix("http://").rpartition(":")
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                path = "/pos/v10/stores/401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
                connection.sendall(f"GET {path} HTTP/1.1\r\nhost: s\r\n\r\n".encode())
                time.sleep(0.3)
                process.send_signal(number)
                out, err = process.communicate(timeout=10)
            assert (process.returncode, out, err) == (0, "", "")
        finally:
            process.kill()


@pytest.mark.parametrize(("scenario", "expected"), [({"seed": 3}, 200), ({"any_pos": False}, 409)])
def test_the_command_takes_any_till_unless_its_scenario_says_otherwise(
    tmp_path: Path, scenario: dict[str, Any], expected: int
) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(scenario))
    command = [sys.executable, "-m", "gateway", "sandbox", "--port", "0", "--scenario", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            wire = Wire(process.stdout.readline().split()[-1])

            async def start() -> bytes:
                await wire.log_in()
                return await wire.initiate()

            assert status_of(asyncio.run(start())) == expected
        finally:
            process.terminate()


def test_an_address_in_use_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError):
            asyncio.run(serve(SandboxConfig(), "127.0.0.1", port, lambda url: None))
