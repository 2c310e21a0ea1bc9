"""How long it takes: `python -m tests.chaos.figures --rounds 8`.

Three gateways with a session of 10 s under a steady load. Ends by SIGKILL and by SIGTERM: seconds from there to
the next owner's first write to the provider, partition by partition. Outages with calls under way: seconds from
the provider's return to the answer of each command whose outcome was unknown; those for which nothing was found
there, and which must wait out the settling time, apart. Looks: the most that one process sent in a second.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.demo.evidence import STARTS, Event
from gateway.demo.processes import ledger
from gateway.demo.wire import connected
from tests.chaos.acts import Acts
from tests.chaos.brokers import running
from tests.chaos.fleet import SETTLE_SECONDS, Fleet, open_fleet
from tests.chaos.run import SIZE, beside, canaries, partition_of, payments_by_order
from tests.chaos.trade import SCENARIO, Trade
from tests.chaos.verdict import Tenure, openings, quantile, takeovers
from tests.chaos.watch import Watch

PER_SECOND: Final = 12.0
SESSION_SECONDS: Final = 10
AFTER_KILL_SECONDS: Final = 28.0
AFTER_STOP_SECONDS: Final = 10.0
OUTAGE_SECONDS: Final = 8.0
UNDER_WAY: Final = 120
CALM: Final = SCENARIO | {"faults": {"latency_seconds": [0.02, 0.2]}}
LOOKS: Final = ("list_payments", "list_refunds")


async def ends(acts: Acts, fleet: Fleet, rounds: int) -> None:
    """Each process in turn is killed, and its successor told to stop; all else has settled before the next."""
    for turn in range(rounds):
        number = turn % SIZE
        await acts.end(number, hard=True)
        await asyncio.sleep(AFTER_KILL_SECONDS)
        await asyncio.to_thread(fleet.start, number)
        await asyncio.to_thread(fleet.wait_for, number)
        await asyncio.sleep(AFTER_STOP_SECONDS)
        await acts.end(number, hard=False)
        await asyncio.sleep(AFTER_STOP_SECONDS)
        await asyncio.to_thread(fleet.start, number)
        await asyncio.to_thread(fleet.wait_for, number)
        await asyncio.sleep(AFTER_STOP_SECONDS)


async def outages(trade: Trade, fleet: Fleet, rounds: int) -> list[float]:
    """When the provider came back, each time."""
    returned = []
    for _ in range(rounds):
        await trade.start_payments(UNDER_WAY)
        await asyncio.sleep(0.3)
        fleet.road.cut()
        await asyncio.sleep(OUTAGE_SECONDS)
        fleet.road.break_all()
        fleet.road.mend()
        returned.append(time.time())
        await asyncio.sleep(3 * OUTAGE_SECONDS)
    return returned


def resolved(
    events: Sequence[Event], heard: dict[str, float], returned: Sequence[float], made: dict[str, float]
) -> tuple[list[float], list[float]]:
    """Seconds from the provider's return to the answer of each unknown: found there, and not found. `made` has
    when the provider's payment of each paymentId was made.
    """
    unknown: dict[tuple[str, str | None], float] = {}
    found, settled = list[float](), list[float]()
    for event in events:
        about = (event.payment_id, event.refund_id)
        if event.type == "payment.unknown":
            back = bisect_left(returned, heard[event.id])
            if back < len(returned):
                unknown[about] = returned[back]
        elif event.answered is not None and about in unknown:
            since = unknown.pop(about)
            later = event.data["commandType"] in STARTS and made.get(event.payment_id, 0.0) > since
            (settled if later else found).append(heard[event.id] - since)
    return sorted(found), sorted(settled)


def most_in_a_second(moments: Iterable[float]) -> int:
    ordered = sorted(moments)
    return max((bisect_left(ordered, at + 1.0) - index for index, at in enumerate(ordered)), default=0)


def told(name: str, seconds: Sequence[float]) -> str:
    numbers = ", ".join(f"p{round(share * 100)} {quantile(seconds, share):.1f} s" for share in (0.5, 0.99))
    return f"{name}: {numbers}, most {max(seconds, default=0.0):.1f} s, of {len(seconds)}"


async def measure(rounds: int, folder: Path) -> dict[str, Any]:
    session = {"GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS)}
    async with (
        running(1) as brokers,
        open_fleet(brokers, folder, CALM, SIZE, **session) as fleet,
        connected(brokers.bootstrap, fleet.topics) as wire,
    ):
        trade, watch = Trade(wire, seed=1), Watch(fleet, brokers, canaries())
        acts = Acts(fleet, brokers, trade, random.Random(1))
        async with beside(trade.follow(), watch.go_on()):
            async with beside(trade.sell(PER_SECOND)):
                await ends(acts, fleet, rounds)
            await trade.rest(fleet.sandbox_port, 120.0)
            returned = await outages(trade, fleet, rounds)
            await trade.rest(fleet.sandbox_port, 120.0)
        await watch.look()
        books = await asyncio.to_thread(ledger, fleet.sandbox_port)
    owner = payments_by_order(wire.sent)
    made = {owner[book["orderId"]]: float(book["createdAt"]) for book in books}
    found, settled = resolved(wire.events, trade.heard, returned, made)
    tenures, writes = Tenure.by_partition(openings(fleet.logs())), watch.writes(owner)
    looks: dict[str, list[float]] = defaultdict(list)
    kinds: Counter[str] = Counter()
    for line in watch.requests_path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kinds[row["operation"]] += 1
        if row["operation"] in LOOKS:
            looks[row["version"]].append(row["at"])
    return {
        "killed": takeovers(acts.ended, writes, tenures, partition_of),
        "stopped": takeovers(acts.left, writes, tenures, partition_of),
        "found": found,
        "settled": settled,
        "looks": max((most_in_a_second(moments) for moments in looks.values()), default=0),
        "unanswered": wire.unanswered,
    }


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.chaos.figures")
    reader.add_argument("--rounds", type=int, default=8)
    arguments = reader.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gateway-figures-"))
    facts = asyncio.run(measure(arguments.rounds, folder))
    print(told("SIGKILL to the next owner's first write, a session of 10 s", facts["killed"]))
    print(told("SIGTERM to the next owner's first write", facts["stopped"]))
    print(told("unknown to answered after the provider's return, found there", facts["found"]))
    print(told(f"the same, not found there, a settling time of {SETTLE_SECONDS} s", facts["settled"]))
    print(f"searches in one second by one process: at most {facts['looks']}")
    print(f"messages never answered: {facts['unanswered']}")
    return 1 if facts["unanswered"] else 0


if __name__ == "__main__":
    sys.exit(main())
