"""The witness: a recording reverse proxy between the gateway and the provider, which misbehaves as told.

One thread a connection. It judges nothing; cases read `exchanges`.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from gateway.certify.traffic import Ask, Exchange, Names

Kind = Literal["none", "silence", "error", "reset", "answer", "extra", "hold"]
PATIENCE_SECONDS: Final = 60.0
PROVIDER_SECONDS: Final = 10.0
_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


@dataclass(slots=True)
class Fault:
    """What becomes of one request. `reaches`: the provider gets it all the same. silence: no answer until the
    client hangs up; error: a 5xx; answer: `status` and `body` in place of the provider's; extra: members that
    no document knows; hold: it waits for `released`, then goes on as if nothing were. `late_seconds`: it
    reaches the provider only then."""

    kind: Kind
    reaches: bool = False
    status: int = 500
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    late_seconds: float = 0.0
    arrived: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


def passed() -> Fault:
    return Fault("none", reaches=True)


def silence(reaches: bool = False, late_seconds: float = 0.0) -> Fault:
    return Fault("silence", reaches=reaches or late_seconds > 0, late_seconds=late_seconds)


def error(reaches: bool = False, status: int = 500) -> Fault:
    body = b'{"code":"2000","message":"on purpose","correlationId":"1b8cdb25-7ae6-4b8c-8e42-fb25fbd4cb6d"}'
    return Fault("error", reaches=reaches, status=status, body=body)


def reset(reaches: bool = False) -> Fault:
    return Fault("reset", reaches=reaches)


def refusal(
    status: int, code: str = "", correlation_id: str = "4f0e5a36-5c2e-4a90-9f0c-1f1c0d1f8a11"
) -> Fault:
    """An answer of the provider's kind, without the provider being asked."""
    told = f'{{"code":"{code}","message":"on purpose","correlationId":"{correlation_id}"}}' if code else ""
    return Fault("answer", status=status, body=told.encode())


def extra() -> Fault:
    return Fault("extra", reaches=True)


def hold() -> Fault:
    return Fault("hold", reaches=True)


class Witness:
    """Listens on `port`; `url` is what the gateway is given as the provider's address."""

    def __init__(self, provider_url: str) -> None:
        self.provider = urlsplit(provider_url)
        self.names = Names()
        self.exchanges: list[Exchange] = []
        self.outage: Fault | None = None
        """While set, every call but the token's meets it."""
        self._plans: dict[tuple[str, str], deque[Fault]] = defaultdict(deque)
        self._lasting: dict[tuple[str, str], Fault] = {}
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"witness": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{self.provider.path.rstrip('/')}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> "Witness":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def plan(self, operation: str, subject: str, *faults: Fault) -> None:
        """The next requests of this operation about this subject meet these, one each."""
        with self._lock:
            self._plans[operation, subject].extend(faults)

    @contextlib.contextmanager
    def lasting(self, operation: str, subject: str, fault: Fault) -> Iterator[None]:
        """Every one of them, for as long as the context lasts."""
        self._lasting[operation, subject] = fault
        try:
            yield
        finally:
            del self._lasting[operation, subject]

    def seen(self, operation: str = "", subject: str = "") -> list[Exchange]:
        """In order of arrival; empty words select nothing out."""
        with self._lock:
            rows = list(self.exchanges)
        return [one for one in rows if operation in ("", one.operation) and subject in ("", one.subject)]

    def begin(self, ask: Ask) -> tuple[Exchange, Fault]:
        operation = ask.operation
        with self._lock:
            subject = self.names.subject(ask, operation)
            exchange = Exchange(len(self.exchanges), ask, operation, subject, time.monotonic())
            self.exchanges.append(exchange)
            waiting = self._plans.get((operation, subject))
            fault = waiting.popleft() if waiting else self._lasting.get((operation, subject))
        if fault is None and operation != "token":
            fault = self.outage
        exchange.fault = fault.kind if fault else ""
        return exchange, fault or passed()

    def ask_provider(self, ask: Ask, exchange: Exchange) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """Raises OSError or HTTPException where the provider is away."""
        kind = HTTPSConnection if self.provider.scheme == "https" else HTTPConnection
        connection = kind(self.provider.hostname or "", self.provider.port, timeout=PROVIDER_SECONDS)
        try:
            target = ask.path + (f"?{ask.query}" if ask.query else "")
            connection.putrequest(ask.method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("host", self.provider.netloc)
            for name, value in ask.headers:
                if name not in _HOP:
                    connection.putheader(name, value.encode("utf-8"))
            connection.putheader("content-length", str(len(ask.body)))
            connection.endheaders(ask.body)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        exchange.told = answer.status
        with self._lock:
            self.names.learn(ask, exchange.operation, body)
        kept = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in _HOP)
        return answer.status, kept, body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def shutdown_request(self, request: Any) -> None:
        """Without the farewell that would go before a reset."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is what this is about."""


class _Handler(BaseHTTPRequestHandler):
    witness: Witness
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Nothing is written: the cases tell."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names are the library's

    def _serve(self) -> None:
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = tuple((name.lower(), value) for name, value in self.headers.items())
        ask = Ask(self.command, split.path, split.query, headers, body)
        exchange, fault = self.witness.begin(ask)
        fault.arrived.set()
        if fault.kind == "hold" and not self._held(fault):
            return self._gone(exchange)
        if fault.late_seconds:
            threading.Thread(target=self._late, args=(ask, exchange, fault), daemon=True).start()
            return self._silent(exchange)
        if not fault.reaches:
            return self._end(exchange, fault, fault.status, fault.headers, fault.body)
        try:
            status, kept, answer = self.witness.ask_provider(ask, exchange)
        except (OSError, HTTPException):
            return self._reset(exchange)
        if fault.kind == "answer" or fault.kind == "error":
            status, kept, answer = fault.status, fault.headers, fault.body
        elif fault.kind == "extra" and answer.startswith(b"{"):
            answer = b'{"futureField":{"of":["a",1,null]},' + answer[1:]
        return self._end(exchange, fault, status, kept, answer)

    def _end(
        self, exchange: Exchange, fault: Fault, status: int, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> None:
        if fault.kind == "silence":
            return self._silent(exchange)
        if fault.kind == "reset":
            return self._reset(exchange)
        exchange.status, exchange.answer = status, body
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if body and not any(name.lower() == "content-type" for name, _ in headers):
            self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        exchange.left_at = time.monotonic()
        self.end_headers()
        self.wfile.write(body)
        return None

    def _silent(self, exchange: Exchange) -> None:
        """Until the client hangs up."""
        self._client_left(PATIENCE_SECONDS)
        self._gone(exchange)

    def _held(self, fault: Fault) -> bool:
        """False if the client has left before it was released."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if fault.released.wait(0.01):
                return True
            if self._client_left(0):
                fault.released.wait(max(0.0, end - time.monotonic()))
                return False
        return True

    def _late(self, ask: Ask, exchange: Exchange, fault: Fault) -> None:
        time.sleep(fault.late_seconds)
        with contextlib.suppress(OSError, HTTPException):
            self.witness.ask_provider(ask, exchange)

    def _client_left(self, seconds: float) -> bool:
        readable, _, _ = select.select([self.connection], [], [], seconds)
        if not readable:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _gone(self, exchange: Exchange) -> None:
        exchange.left_at = time.monotonic()
        self.close_connection = True

    def _reset(self, exchange: Exchange) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._gone(exchange)
