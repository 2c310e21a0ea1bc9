"""What `/livez`, `/readyz`, `/metrics` and `/payments/…` say, as a plain ASGI application over a snapshot of
the process.

The judgement is pure: a `Snapshot` in, a `Verdict` with one finding for each thing looked at out. Who gathers
the snapshot is the caller's affair, so this room knows neither Kafka nor the provider. Chosen: the same event
loop as the work. A loop that hangs cannot answer, and the prober's own time-out says what `/livez` would; a
thread of its own would go on answering for a process that does nothing.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.observability.metrics import render
from gateway.observability.queries import PREFIX, PaymentQueries

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOP_SILENCE_SECONDS: Final = 10.0
NO_PROGRESS_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """One assigned partition. `open`: it takes commands; `stopped`: it cannot go on without an operator.

    `idle_seconds`: how long work that is due has made no progress, 0 if none is due. `reason` is for people.
    """

    partition: int
    phase: str
    open: bool
    stopped: bool
    idle_seconds: float = 0.0
    reason: str | None = None
    undecodable_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The process at one moment. `loop_silent_seconds`: since the event loop last turned. `provider_fault`: the
    provider refuses the credentials, or its address is wrong; that it is away is none.
    """

    broker_in_reach: bool
    token_held: bool
    draining: bool
    loop_silent_seconds: float
    provider_fault: str | None = None
    partitions: tuple[PartitionReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `detail` says what is wrong, None when it holds."""

    name: str
    detail: str | None = None

    @property
    def holds(self) -> bool:
        return self.detail is None


@dataclass(frozen=True, slots=True)
class Verdict:
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return all(finding.holds for finding in self.findings)

    def body(self) -> dict[str, object]:
        """`{"status": "ok" | "failing", "checks": {name: "ok" | what is wrong}, "reasons": [...]}`."""
        return {
            "status": "ok" if self.holds else "failing",
            "checks": {finding.name: finding.detail or "ok" for finding in self.findings},
            "reasons": [f"{f.name}: {f.detail}" for f in self.findings if not f.holds],
        }


def liveness(snapshot: Snapshot) -> Verdict:
    """Only what a restart would mend: a loop that hangs, or due work that stands still beside a broker."""
    silent = snapshot.loop_silent_seconds
    findings = [
        Finding("loop", f"has not turned for {silent:.0f} s" if silent >= LOOP_SILENCE_SECONDS else None)
    ]
    for report in snapshot.partitions:
        stuck = snapshot.broker_in_reach and report.idle_seconds >= NO_PROGRESS_SECONDS
        findings.append(
            Finding(
                f"partition-{report.partition}",
                f"work is due and nothing has moved for {report.idle_seconds:.0f} s" if stuck else None,
            )
        )
    return Verdict(tuple(findings))


def readiness(snapshot: Snapshot) -> Verdict:
    """Whether this instance does its part of the work; with no partition assigned it does."""
    findings = [
        Finding("broker", None if snapshot.broker_in_reach else "out of reach"),
        Finding("token", None if snapshot.token_held else "none held"),
        Finding("provider", snapshot.provider_fault),
        Finding("draining", "the process is shutting down" if snapshot.draining else None),
    ]
    findings += [Finding(f"partition-{r.partition}", _closed(r)) for r in snapshot.partitions]
    return Verdict(tuple(findings))


def _closed(report: PartitionReport) -> str | None:
    if report.open and not report.stopped:
        return None
    where = "" if report.undecodable_offset is None else f" at offset {report.undecodable_offset}"
    why = "" if report.reason is None else f": {report.reason}"
    return f"{report.phase}{where}{why}"


def http_application(snapshot: Callable[[], Snapshot], payments: PaymentQueries | None = None) -> Asgi:
    """Serves GET and HEAD of the three paths, and of payments where they may be asked after, else 404 or 405.
    Nothing of a request is ever echoed to one who holds no token.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        about_payment = payments is not None and path.startswith(PREFIX)
        if path not in ("/livez", "/readyz", "/metrics") and not about_payment:
            await _answer(scope, send, 404, _json({"error": "not found"}))
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(scope, send, 405, _json({"error": "method not allowed"}), (b"allow", b"GET, HEAD"))
        elif payments is not None and about_payment:
            answer = payments.answer(path, _headers(scope, b"authorization"))
            challenge = [(b"www-authenticate", b"Bearer")] if answer.status == 401 else []
            await _answer(scope, send, answer.status, _json(answer.body), *challenge)
        elif path == "/metrics":
            await _answer(scope, send, 200, render(_header(scope, b"accept")))
        else:
            verdict = (liveness if path == "/livez" else readiness)(snapshot())
            await _answer(scope, send, 200 if verdict.holds else 503, _json(verdict.body()))

    return application


def _json(body: object) -> tuple[str, bytes]:
    return "application/json", json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _header(scope: Scope, name: bytes) -> str:
    return b",".join(_headers(scope, name)).decode("latin-1")


def _headers(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


async def _answer(
    scope: Scope, send: Send, status: int, content: tuple[str, bytes], *extra: tuple[bytes, bytes]
) -> None:
    content_type, body = content
    headers = [
        (b"content-type", content_type.encode("latin-1")),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
