"""The page and its stream over real sockets, and the acts of a person at it."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from gateway.sandbox.live import VIEWERS_MAX
from tests.integration.test_sandbox_http import POS, PROGRAM, Wire, body_of, sandbox, status_of

PHONE = "+4520031801"


async def _watch(
    wire: Wire, last: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any], str]:
    """A stream's connection, its first event and that event's id."""
    reader, writer = await wire.open(
        "GET", "/_sandbox/live", headers={"last-event-id": last} if last else None
    )
    members, name = await _next(reader)
    return reader, writer, members, name


async def _next(reader: asyncio.StreamReader) -> tuple[dict[str, Any], str]:
    name = ""
    while True:
        line = await asyncio.wait_for(reader.readuntil(b"\n"), 10)
        if line.startswith(b"id: "):
            name = line.removeprefix(b"id: ").strip().decode()
        if line.startswith(b"data: "):
            return json.loads(line.removeprefix(b"data: ")), name


async def _act(wire: Wire, verb: str, **body: str) -> tuple[int, dict[str, Any]]:
    raw = await wire.send("POST", f"/_sandbox/users/{verb}", json.dumps(body).encode())
    return status_of(raw), json.loads(body_of(raw))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/_sandbox/page.css", "text/css"),
        ("/_sandbox/page.js", "text/javascript"),
        ("/_sandbox/icon.svg", "image/svg+xml"),
    ],
)
async def test_the_page_is_guarded(path: str, kind: str) -> None:
    async with sandbox() as wire:
        raw = await wire.send("GET", path)
        head = raw.partition(b"\r\n\r\n")[0].decode().lower()
        assert status_of(raw) == 200
        assert f"content-type: {kind}" in head
        assert "content-security-policy: default-src 'self';" in head
        assert "nosniff" in head
        assert len(body_of(raw)) > 100
        assert status_of(await wire.send("POST", path)) == 405
        assert (await wire.admin("violations"))["total"] == 0, "a look at the page is no break of the API"


async def test_the_qr_code_of_a_beacon_is_a_picture_and_of_anything_else_none() -> None:
    async with sandbox() as wire:
        raw = await wire.send("GET", "/_sandbox/qr.svg?id=123456789012345")
        assert status_of(raw) == 200
        assert body_of(raw).startswith(b"<svg ")
        assert status_of(await wire.send("GET", "/_sandbox/qr.svg?id=%3Cscript%3E")) == 404


async def test_a_stream_tells_what_happens_and_goes_on_where_it_was_left() -> None:
    async with sandbox() as wire:
        reader, writer, whole, _ = await _watch(wire)
        assert whole["whole"] is True
        await wire.initiate("order-1")
        change, name = await _next(reader)
        assert [one["orderId"] for one in change["payments"]] == ["order-1"]
        writer.close()
        await wire.initiate("order-2", "k2")
        assert (await _act(wire, "check-in", posId=POS, phoneNumber=PHONE))[0] == 200
        _, writer, change, _ = await _watch(wire, name)
        assert change["whole"] is False
        assert [one["status"] for one in change["payments"]] == ["IssuedToUser"]
        writer.close()


async def test_viewers_are_bounded_and_make_room_when_they_go() -> None:
    async with sandbox() as wire:
        streams = [await _watch(wire) for _ in range(VIEWERS_MAX)]
        refused = await wire.send("GET", "/_sandbox/live")
        assert status_of(refused) == 503
        assert b"retry-after: 5" in refused.lower()
        for _, writer, _, _ in streams:
            writer.close()
        for _ in range(50):
            reader, writer = await wire.open("GET", "/_sandbox/live")
            head = await reader.readuntil(b"\r\n")
            writer.close()
            if b" 200 " in head:
                return
            await asyncio.sleep(0.1)
        pytest.fail("nobody watches any more, and yet there is no room")


async def test_a_person_acts_as_the_user_simulation_does() -> None:
    async with sandbox() as wire:
        await wire.initiate("order-1")
        assert await _act(wire, "accept", posId=POS, phoneNumber=PHONE) == (
            400,
            {"error": "no payment is issued to a user there"},
        )
        payment = (await wire.admin("ledger"))[0]
        code, told = await _act(wire, "check-in", posId=POS, phoneNumber=PHONE)
        assert (code, told) == (200, {"posId": POS, "payment": payment["paymentId"]})
        other = await _act(wire, "decline", posId=POS, phoneNumber="+4520031802")
        assert other == (400, {"error": "the payment is issued to another user"})
        assert (await _act(wire, "accept", posId=POS, phoneNumber=PHONE))[0] == 200
        assert (await wire.admin("ledger"))[0]["status"] == "Reserved"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "the body is not JSON"),
        (b"[]", "the body must be an object"),
        (b'{"posId": "x", "extra": 1}', "the body must be an object"),
        (b'{"phoneNumber": "+4520031801"}', "name the point of sale by its posId or by its beaconId"),
        (b'{"posId": "a", "beaconId": "b"}', "name the point of sale by its posId or by its beaconId"),
        (b'{"posId": 7}', "no such point of sale exists"),
        (b'{"beaconId": "123456789012345"}', "no such point of sale exists"),
        (f'{{"posId": "{POS}", "phoneNumber": "+1"}}'.encode(), "phoneNumber is of no sandbox user"),
        (f'{{"posId": "{POS}"}}'.encode(), "phoneNumber is of no sandbox user"),
    ],
)
async def test_a_senseless_act_is_refused_in_words(body: bytes, said: str) -> None:
    async with sandbox() as wire:
        await wire.initiate("order-1")
        for verb in ("check-in", "accept", "decline"):
            raw = await wire.send("POST", f"/_sandbox/users/{verb}", body)
            assert status_of(raw) == 400
            assert json.loads(body_of(raw))["error"].startswith(said)


def test_the_process_ends_at_once_with_viewers_and_ends_their_streams() -> None:
    """One of them reads, the other one has not read a byte."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            host, _, port = process.stdout.readline().strip().removeprefix("http://").rpartition(":")
            request = b"GET /_sandbox/live HTTP/1.1\r\nhost: s\r\n\r\n"
            address = (host, int(port))
            with (
                socket.create_connection(address, timeout=10) as reads,
                socket.create_connection(address, timeout=10) as sleeps,
            ):
                reads.sendall(request)
                sleeps.sendall(request)
                heard = b""
                while b"event: world" not in heard:
                    heard += reads.recv(65_536)
                process.send_signal(signal.SIGTERM)
                started = time.monotonic()
                while more := reads.recv(65_536):
                    heard += more
                assert process.wait(timeout=10) == 0
            assert time.monotonic() - started < 5
            assert heard.endswith(b"0\r\n\r\n"), "a whole answer, and no cut"
        finally:
            process.kill()
