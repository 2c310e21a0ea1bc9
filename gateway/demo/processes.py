"""The demo's real processes: the sandbox and the gateway, each ended with us, their output kept in files."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

READY_TIMEOUT_SECONDS = 40.0
STOP_TIMEOUT_SECONDS = 30.0


class NotReady(Exception):
    """A process did not come up; the text names it and its log."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Child:
    """`pos-gateway ARGUMENTS` under a guard, so that it never outlives us. `kill` is SIGKILL."""

    def __init__(self, name: str, arguments: list[str], settings: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        self._command = [
            *(sys.executable, "-m", "gateway.demo.guard", ""),
            *(sys.executable, "-m", "gateway", *arguments),
        ]
        self.environment = {**os.environ, **settings}
        self._guard: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self._guard = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline() or 0)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def _end(self, number: signal.Signals) -> int:
        guard, self._guard = self._guard, None
        if guard is None:
            return 0
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        try:
            code = guard.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            code = guard.wait(STOP_TIMEOUT_SECONDS)
        for pipe in (guard.stdin, guard.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def wait_for(self, port: int, path: str) -> None:
        """Until `path` answers 200; raises NotReady."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self.running:
            with contextlib.suppress(OSError, HTTPException):
                if get(port, path)[0] == 200:
                    return
            time.sleep(0.05)
        tail = self.log_path.read_bytes()[-600:].decode(errors="replace")
        raise NotReady(f"{self.name} did not come up; its log ({self.log_path}) ends:\n{tail}")


def get(port: int, path: str) -> tuple[int, bytes]:
    """One GET on loopback."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def post(port: int, path: str, body: Any) -> int:
    """One POST of JSON on loopback."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def ledger(port: int) -> list[dict[str, Any]]:
    """The provider's books: one entry a payment."""
    return [json.loads(line) for line in get(port, "/_sandbox/ledger")[1].splitlines()]


def violations(port: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(get(port, "/_sandbox/violations")[1])["violations"]
    return found


def in_flight(port: int) -> int:
    """Requests that the provider holds right now."""
    return int(json.loads(get(port, "/_sandbox/stats")[1])["inFlight"])
