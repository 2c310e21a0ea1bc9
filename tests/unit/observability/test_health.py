"""`/livez`, `/readyz` and `/metrics`: what fails which, and what the body says."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.observability.health import PartitionReport, Snapshot, http_application, liveness, readiness

OPEN = PartitionReport(partition=3, phase="open", open=True, stopped=False)
WELL = Snapshot(
    broker_in_reach=True, token_held=True, draining=False, loop_silent_seconds=0.2, partitions=(OPEN,)
)


def test_all_is_well() -> None:
    assert liveness(WELL).holds
    assert readiness(WELL).holds
    assert readiness(WELL).body() == {
        "status": "ok",
        "checks": {"broker": "ok", "token": "ok", "provider": "ok", "draining": "ok", "partition-3": "ok"},
        "reasons": [],
    }


def test_no_partition_assigned_is_ready() -> None:
    assert readiness(replace(WELL, partitions=())).holds


@pytest.mark.parametrize(
    ("snapshot", "check", "words"),
    [
        (replace(WELL, broker_in_reach=False), "broker", "out of reach"),
        (replace(WELL, token_held=False), "token", "none held"),
        (replace(WELL, provider_fault="refuses"), "provider", "refuses"),
        (replace(WELL, draining=True), "draining", "shutting down"),
        (replace(WELL, partitions=(replace(OPEN, open=False, phase="opening"),)), "partition-3", "opening"),
        (
            replace(
                WELL,
                partitions=(
                    replace(OPEN, phase="stopped", stopped=True, undecodable_offset=17, reason="bad CRC"),
                ),
            ),
            "partition-3",
            "stopped at offset 17: bad CRC",
        ),
    ],
)
def test_each_reason_makes_it_unready_and_is_named(snapshot: Snapshot, check: str, words: str) -> None:
    verdict = readiness(snapshot)
    assert not verdict.holds
    body: Any = verdict.body()
    assert words in body["checks"][check]
    assert [name for name, said in body["checks"].items() if said != "ok"] == [check]
    assert body["reasons"] == [f"{check}: {body['checks'][check]}"]


def test_unready_is_not_unlive() -> None:
    away = Snapshot(
        False, False, True, 0.0, None, (replace(OPEN, open=False, stopped=True, phase="stopped"),)
    )
    assert not readiness(away).holds
    assert liveness(away).holds


@pytest.mark.parametrize(("silent", "lives"), [(9.9, True), (10.0, False)])
def test_a_loop_that_has_not_turned_for_ten_seconds_is_not_live(silent: float, lives: bool) -> None:
    assert liveness(replace(WELL, loop_silent_seconds=silent)).holds is lives


@pytest.mark.parametrize(
    ("idle", "in_reach", "lives"), [(59.9, True, True), (60.0, True, False), (600.0, False, True)]
)
def test_due_work_that_stands_still_is_not_live_while_the_broker_is_there(
    idle: float, in_reach: bool, lives: bool
) -> None:
    snapshot = replace(WELL, broker_in_reach=in_reach, partitions=(replace(OPEN, idle_seconds=idle),))
    assert liveness(snapshot).holds is lives


def ask(
    path: str, snapshot: Snapshot = WELL, method: str = "GET", accept: str = ""
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("no body is read")

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"accept", accept.encode())]}
    application = http_application(lambda: snapshot)
    asyncio.run(application(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


def test_over_http_a_failing_check_is_503_and_json() -> None:
    status, headers, body = ask("/readyz", replace(WELL, token_held=False))
    assert (status, headers["content-type"]) == (503, "application/json")
    assert json.loads(body)["reasons"] == ["token: none held"]
    assert ask("/livez", replace(WELL, token_held=False))[0] == 200


def test_metrics_in_both_forms() -> None:
    _, headers, body = ask("/metrics")
    assert headers["content-type"].startswith("text/plain")
    assert b"# TYPE gateway_provider_requests_total counter" in body
    _, headers, body = ask("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert body.rstrip().endswith(b"# EOF")


def test_what_is_not_served() -> None:
    status, _, body = ask("/payments/<script>")
    assert status == 404
    assert b"script" not in body
    assert ask("/livez", method="POST")[0] == 405
    status, headers, body = ask("/livez", method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0
