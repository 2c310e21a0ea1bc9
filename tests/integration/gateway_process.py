"""The command line as real processes: gateway, sandbox and the short commands, as a user starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.canaries import shown_in

PATIENCE_SECONDS = 40.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


def environment(**settings: str) -> dict[str, str]:
    """Of the environment only what a process needs, so that no setting of the machine leaks in."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    ours = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "PYTHONPATH": os.getcwd()}
    return {**kept, **ours, **settings}


def own_settings(bootstrap: str, base_url: str) -> dict[str, str]:
    """Of one gateway with topics and group of its own."""
    name = f"t{uuid.uuid4().hex[:8]}"
    return {
        "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "GATEWAY_KAFKA__GROUP_ID": name,
        "GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
        "GATEWAY_TOPICS__COMMANDS": f"{name}.commands",
        "GATEWAY_TOPICS__EVENTS": f"{name}.events",
        "GATEWAY_TOPICS__STATE": f"{name}.state",
        "GATEWAY_TOPICS__DLQ": f"{name}.dlq",
        "GATEWAY_POS__BASE_URL": base_url,
        "GATEWAY_POS__CLIENT_ID": "client",
        "GATEWAY_POS__CLIENT_SECRET": "s3cret-of-the-test",
        "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
    }


def command(
    *arguments: str, settings: Mapping[str, str], stdin: bytes = b"", seconds: float = 60.0
) -> subprocess.CompletedProcess[bytes]:
    """One short command, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        env=environment(**settings),
        input=stdin,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    shown = shown_in((done.stdout + done.stderr).decode(errors="replace"))
    assert not shown, f"I9: {shown} in what {arguments[0]} wrote"
    return done


@dataclass
class Running:
    """A process that runs on; its lines are kept. As a context manager it never stays behind."""

    arguments: tuple[str, ...]
    settings: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    program: str = "gateway"
    """The module that is run."""
    reading: threading.Event = field(default_factory=threading.Event)
    """While it is not set, nobody reads what the process writes."""

    def __enter__(self) -> "Running":
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.program, *self.arguments],
            env=environment(**self.settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A shell that starts the tests in the background has them, and all they start, ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.reading.set()
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reading.set()
        self._reader.join(5)
        shown = shown_in(self.output)
        assert not shown, f"I9: {shown} in what {self.arguments[0]} wrote"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip())
            self.reading.wait()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def terminate(self, seconds: float = PATIENCE_SECONDS) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.ended(seconds)

    def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit code. One that does not end is made to say where it stands."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            self._reader.join(5)
            raise AssertionError(f"not ended within {seconds:.0f} s:\n{self.output[-20_000:]}") from None
        self._reader.join(5)
        return code


@contextmanager
def sandbox_url(folder: Path) -> Iterator[str]:
    """A sandbox that knows every point of sale and whose customers approve at once; its base URL."""
    scenario = folder / "scenario.json"
    # By default some customers decline and some never come; here the process is what is tested.
    everyone_accepts = {"decline": 0, "never": 0, "check_in_seconds": 0, "decision_seconds": 0.1}
    told = {"any_pos": True, "poll_delay_ms": 50, "customers": everyone_accepts}
    scenario.write_text(json.dumps(told))
    with Running(("sandbox", "--port", "0", "--scenario", str(scenario)), {}) as process:
        wait_until(lambda: "http://" in process.output, "the sandbox")
        yield process.output[process.output.index("http://") :].split()[0]


class GatewayProcess(Running):
    """`pos-gateway run` with its HTTP port on loopback."""

    def __init__(self, settings: Mapping[str, str], program: str = "gateway") -> None:
        self.port = free_port()
        super().__init__(
            ("run",),
            {**settings, "GATEWAY_HTTP__HOST": "127.0.0.1", "GATEWAY_HTTP__PORT": str(self.port)},
            program=program,
        )

    def get(self, path: str, accept: str = "*/*", timeout: float = 5.0) -> tuple[int, bytes]:
        """Status and body; status 0 where nothing answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Accept": accept})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def ready(self) -> Any:
        """The body of /readyz, {} where nothing answers."""
        _, body = self.get("/readyz")
        return json.loads(body) if body else {}

    def wait_ready(self, partitions: int | None = None, seconds: float = PATIENCE_SECONDS) -> None:
        """Ready, and with that many partitions open where a number is given."""

        def is_ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.output}")
            body = self.ready()
            opened = sum(name.startswith("partition-") for name in body.get("checks", ()))
            return body.get("status") == "ok" and partitions in (None, opened)

        try:
            wait_until(is_ready, "ready", seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.ready()}\n{self.output}") from None
