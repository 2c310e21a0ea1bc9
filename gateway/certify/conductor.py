"""Plays every case on its stage and gathers what was found."""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import traceback
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from gateway.certify.cases import ALL
from gateway.certify.checklist import checklist
from gateway.certify.findings import Case, Finding, Findings, Unmet
from gateway.certify.provider import Provider
from gateway.certify.report import Verdict, judge
from gateway.certify.stage import Stage, staged
from gateway.demo.broker import EmbeddedKafka
from gateway.demo.processes import Child, free_port

SIDE_BY_SIDE: Final = 5
CASE_SECONDS: Final = 150
MERCHANT: Final = "DK12345678"
STORE_ID: Final = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
CLOSED_STORE_ID: Final = "0c0a3f0e-53c8-4d5c-a3a9-6a1a8a1f0001"
POOR_STORE_ID: Final = "0c0a3f0e-53c8-4d5c-a3a9-6a1a8a1f0002"
CLOSED_TILL: Final = "0c0a3f0e-53c8-4d5c-a3a9-6a1a8a1f0003"
FOREIGN_TILL: Final = "0c0a3f0e-53c8-4d5c-a3a9-6a1a8a1f0004"
CLIENT_ID: Final = "7d1a1c0e-6d5f-4c56-9a0b-0a1b2c3d4e5f"
SHORT_TOKEN_SECONDS: Final = 40
_STAGES: Final = ("open", "bound", "alone", "aged")


@dataclass(frozen=True, slots=True)
class Target:
    """A provider that is not the simulator, with the credentials of an integrator of its sandbox."""

    url: str
    client_id: str
    client_secret: str
    merchant: str
    store_id: str


def scenario(secret: str, token_seconds: int = 3700) -> dict[str, Any]:
    """What the simulator is told: nobody comes by himself to an order whose name begins with `manual`."""
    return {
        "any_pos": False,
        "poll_delay_ms": [150, 400],
        "refund_reserve_seconds": [0.1, 0.5],
        "wait_tolerance_seconds": 1.0,
        "token_lifetime_seconds": token_seconds,
        "clients": [{"client_id": CLIENT_ID, "client_secret": secret}],
        "customers": {"decline": 0, "never": 0, "check_in_seconds": 0.1, "decision_seconds": 0.1},
        "stores": [
            {"store_id": STORE_ID},
            {"store_id": CLOSED_STORE_ID, "activated": False, "location_id": "10002"},
            {"store_id": POOR_STORE_ID, "balance": 1000, "location_id": "10003"},
        ],
        "points_of_sale": [
            {"pos_id": CLOSED_TILL, "merchant_pos_id": "closed", "beacon_id": "100000000000001",
             "store_id": CLOSED_STORE_ID},
            {"pos_id": FOREIGN_TILL, "merchant_pos_id": "foreign", "beacon_id": "100000000000002",
             "integrator": "stranger"},
        ],
    }  # fmt: skip


async def certify(
    broker: str | None, target: Target | None, tell: Callable[[str], None]
) -> tuple[list[Verdict], dict[str, Any]]:
    """The verdicts and what they are about. Raises BrokerUnavailable or NotReady where something cannot start."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-certify-"))
    canary = target.client_secret if target else f"canary-{uuid.uuid4().hex}"
    findings: dict[int, list[Finding]] = defaultdict(list)
    async with contextlib.AsyncExitStack() as stack:
        if broker is None:
            tell("starting Apache Kafka …")
            broker = (await stack.enter_async_context(EmbeddedKafka())).bootstrap_servers
        stages = await _set_up(stack, broker, folder, canary, target, tell)
        cases = [case for case in ALL if target is None or not case.needs_simulator]
        tell(f"{len(cases)} cases on {len(stages)} gateways …")
        groups = [_play(stages[name], [c for c in cases if c.place == name], tell) for name in stages]
        for found in [one for group in await asyncio.gather(*groups) for one in group]:
            _gather(findings, found)
        for case in cases:
            if case.place == "after":
                _gather(findings, await _one(case, stages, tell))
    items = checklist()
    missing = [
        item.number
        for item in items
        if not (findings[item.number] or item.not_checkable) and item.number != 132
    ]
    run = Finding(
        "the report itself", target is not None or not missing, f"items without a finding: {missing}"
    )
    findings[132].append(run)
    verdicts = judge(items, findings)
    if all(verdict.result != "failed" for verdict in verdicts):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        tell(f"logs: {folder}")
    about = {
        "gateway": version("pos-gateway"),
        "against": target.url if target else "sandbox",
        "cases": len(cases),
    }
    return verdicts, about


async def _set_up(
    stack: contextlib.AsyncExitStack, broker: str, folder: Path, canary: str, target: Target | None,
    tell: Callable[[str], None],
) -> dict[str, Stage]:  # fmt: skip
    """The stages by name; all but `aged` and `bound` share a provider."""
    told = {
        "bound": {
            "GATEWAY_POS__TOKEN_PER_MERCHANT": "true",
            "GATEWAY_POS__SEND_IBM_CLIENT_ID": "false",
            "GATEWAY_POS__MIN_POLL_DELAY_MS": "1000",
            "GATEWAY_POS__MAX_REQUESTS_PER_CALL": "6",
        }
    }
    names = [name for name in _STAGES if target is None or name != "aged"]
    stages: dict[str, Stage] = {}
    shared: Provider | None = None
    for name in names:
        if target is not None:
            provider = Provider(target.url, target.client_id, canary, target.merchant, target.store_id)
        elif name in ("open", "alone") and shared is not None:
            provider = shared
        else:
            seconds = SHORT_TOKEN_SECONDS if name == "bound" else 3700
            provider = await stack.enter_async_context(_simulator(name, folder, scenario(canary, seconds)))
            shared = provider if name == "open" else shared
        settings = told.get(name, {}) | {
            "GATEWAY_POS__CLIENT_ID": target.client_id if target else CLIENT_ID,
            "GATEWAY_POS__CLIENT_VERSION": ".".join(version("pos-gateway").split(".")[:3]),
        }
        tell(f"gateway {name!r} …")
        stages[name] = await stack.enter_async_context(
            staged(name, broker, folder, provider, canary, **settings)
        )
    return stages


@contextlib.asynccontextmanager
async def _simulator(name: str, folder: Path, told: Mapping[str, Any]) -> AsyncIterator[Provider]:
    path, port = folder / f"scenario-{name}.json", free_port()
    path.write_text(json.dumps(told), encoding="utf-8")
    path.chmod(0o600)
    secret = str(told["clients"][0]["client_secret"])
    child = Child(f"sandbox-{name}", ["sandbox", "--port", str(port), "--scenario", str(path)], {}, folder)
    try:
        child.start()
        await asyncio.to_thread(child.wait_for, port, "/_sandbox/stats")
        yield Provider(
            f"http://127.0.0.1:{port}", CLIENT_ID, secret, MERCHANT, STORE_ID,
            closed_till=CLOSED_TILL, foreign_till=FOREIGN_TILL, poor_store=POOR_STORE_ID,
        )  # fmt: skip
    finally:
        await asyncio.to_thread(child.stop)


async def _play(stage: Stage, cases: Sequence[Case], tell: Callable[[str], None]) -> list[Findings]:
    """Side by side where the cases do not touch the process itself, else one after the other."""
    places = asyncio.Semaphore(SIDE_BY_SIDE if stage.name == "open" else 1)

    async def one(case: Case) -> Findings:
        async with places:
            return await _one(case, stage, tell)

    return list(await asyncio.gather(*(one(case) for case in cases)))


async def _one(case: Case, stage: Any, tell: Callable[[str], None]) -> Findings:
    """A case that ends otherwise than it should fails for all of its items."""
    found = Findings(case.name)
    try:
        async with asyncio.timeout(CASE_SECONDS):
            await case.run(stage, found)
    except Unmet as unmet:
        _fail(case, found, str(unmet))
    except TimeoutError:
        _fail(case, found, f"did not end within {CASE_SECONDS} s")
    except Exception as fault:  # One case that breaks must not end the others.
        where = traceback.extract_tb(fault.__traceback__)[-1]
        _fail(
            case,
            found,
            f"{type(fault).__name__}: {fault} ({os.path.basename(where.filename)}:{where.lineno})",
        )
    failed = [row.evidence for rows in found.rows.values() for row in rows if not row.holds]
    if failed:
        tell(f"{case.name}: {failed[0]}")
    return found


def _fail(case: Case, found: Findings, evidence: str) -> None:
    for item in case.items:
        found.that(item, False, evidence)


def _gather(findings: dict[int, list[Finding]], found: Findings) -> None:
    for item, rows in found.rows.items():
        findings[item] += rows
