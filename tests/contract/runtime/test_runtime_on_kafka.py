"""The partition runtime as processes on the real Kafka: killed, stopped, cut off, rebalanced; one auditor."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.runtime.proxy import Proxy
from tests.contract.runtime.town import KEYS, Act, TownKafka, assert_owners_in_turn, town
from tests.contract.runtime.worker import LIMITS, SESSION_MS, acts, boottime

SESSION_SECONDS = SESSION_MS / 1000
END_TXN = 26


@pytest.fixture(scope="module")
def broker() -> Iterator[TownKafka]:
    with TownKafka() as running:
        yield running


def owners(done: list[Act]) -> set[str]:
    return {act.owner for act in done}


async def test_two_workers_and_three_sigkills_under_load(broker: TownKafka, tmp_path: Path) -> None:
    async with town(broker.bootstrap_servers, tmp_path) as here:
        workers = [here.worker(), here.worker()]
        for worker in workers:
            await worker.opened()
        load = asyncio.create_task(here.send_steadily(2_000, per_second=180))
        for kill in range(3):
            await asyncio.sleep(1.0)
            await workers[kill % 2].end(signal.SIGKILL)
            workers[kill % 2] = here.worker()
            await workers[kill % 2].opened()
        assert not load.done(), "the kills came too late to meet the load"
        await load
        done = await here.audit()
        assert len(owners(done)) >= 4


async def test_a_roll_by_sigterm(broker: TownKafka, tmp_path: Path) -> None:
    async with town(broker.bootstrap_servers, tmp_path) as here:
        workers = [here.worker(), here.worker()]
        for worker in workers:
            await worker.opened()
        load = asyncio.create_task(here.send_steadily(1_000, per_second=150))
        for turn in range(2):
            await asyncio.sleep(0.5)
            assert await workers[turn].end(signal.SIGTERM) == 0
            workers[turn] = here.worker()
            await workers[turn].opened()
        await load
        await here.audit()
        for worker in workers:
            assert await worker.end(signal.SIGTERM) == 0


async def test_a_rebalance_there_and_back(broker: TownKafka, tmp_path: Path) -> None:
    async with town(broker.bootstrap_servers, tmp_path) as here:
        first = here.worker()
        await first.opened()
        load = asyncio.create_task(here.send_steadily(1_000, per_second=150))
        for _ in range(2):
            second = here.worker()
            await second.opened()
            await asyncio.sleep(0.7)
            opens = first.opens()
            assert await second.end(signal.SIGTERM) == 0
            await first.opened(more_than=opens)
        await load
        done = await here.audit()
        # Partitions have gone to the second and come back.
        turns = {n: [a.owner for a in done if a.partition == n] for n in range(here.part.partitions)}
        assert any(first.part.name in seen[seen.index("w1") :] for seen in turns.values() if "w1" in seen)


@pytest.mark.parametrize("stops_at", ["anywhere", "request", "answer"])
async def test_a_zombie_by_sigstop(broker: TownKafka, tmp_path: Path, stops_at: str) -> None:
    async with town(broker.bootstrap_servers, tmp_path) as here:
        if stops_at == "anywhere":
            zombie = here.worker()
            await zombie.opened()
        else:
            zombie = here.worker(stops_at=stops_at, stops_after=40)
        other = here.worker()
        await other.opened()
        load = asyncio.create_task(here.send_steadily(800, per_second=150))
        if stops_at == "anywhere":
            await asyncio.sleep(1.0)
            zombie.send_signal(signal.SIGSTOP)
        else:
            await zombie.says(f"stopping at the {stops_at}")
        opens = other.opens()
        await other.opened(more_than=opens)
        await asyncio.sleep(SESSION_SECONDS + LIMITS.lease_seconds)
        zombie.send_signal(signal.SIGCONT)
        await load
        # It comes back into the group and does its part again.
        acted = sum(act.owner == zombie.part.name for act in acts(here.ledger))
        await asyncio.sleep(3)
        await here.send(300)
        done = await here.audit()
        assert sum(act.owner == zombie.part.name for act in done) > acted


async def test_a_zombie_by_a_cut_connection(broker: TownKafka, tmp_path: Path) -> None:
    async with (
        Proxy(broker.proxied_port, broker.behind_proxy_port) as proxy,
        town(broker.bootstrap_servers, tmp_path) as here,
    ):
        # One effect at a time: those with a committed intent queue up for longer than a lease.
        slow = {"effect_seconds": 0.5, "max_running_effects": 1}
        zombie = here.worker(bootstrap=f"127.0.0.1:{proxy.port}", **slow)
        await zombie.opened()
        other = here.worker()
        await other.opened()
        await asyncio.sleep(1.0)
        await here.send(KEYS * 2)
        await asyncio.sleep(1.5)
        opens = other.opens()
        proxy.cut()
        cut_at = boottime()
        await other.opened(more_than=opens)
        await asyncio.sleep(LIMITS.lease_seconds + 2)
        late = [act.at - cut_at for act in acts(here.ledger) if act.owner == zombie.part.name]
        # It goes on for as long as it may, and no longer.
        assert 0 < max(late) <= LIMITS.lease_seconds - LIMITS.write_timeout_seconds
        proxy.mend()
        await asyncio.sleep(6)
        await here.send(KEYS)
        done = await here.audit()
        assert sum(act.owner == zombie.part.name for act in done) > len(late)


async def test_connections_that_break_and_commits_whose_answer_is_lost(
    broker: TownKafka, tmp_path: Path
) -> None:
    async with (
        Proxy(broker.proxied_port, broker.behind_proxy_port) as proxy,
        town(broker.bootstrap_servers, tmp_path) as here,
    ):
        shaky = here.worker(bootstrap=f"127.0.0.1:{proxy.port}")
        await shaky.opened()
        steady = here.worker()
        await steady.opened()
        load = asyncio.create_task(here.send_steadily(1_200, per_second=120))
        for turn in range(12):
            await asyncio.sleep(0.7)
            if turn % 2:
                proxy.break_all()
            else:
                proxy.lose_next_answer_to(END_TXN)
        await load
        done = await here.audit(60)
        assert proxy.lost >= 3
        assert proxy.broken >= 20
        assert owners(done) == {shaky.part.name, steady.part.name}


async def test_the_broker_killed_and_started_again_under_load(broker: TownKafka, tmp_path: Path) -> None:
    async with town(broker.bootstrap_servers, tmp_path) as here:
        workers = [here.worker(), here.worker()]
        for worker in workers:
            await worker.opened()
        await here.send(600)
        await asyncio.to_thread(broker.kill)
        assert len(acts(here.ledger)) < 600, "all was done before the kill"
        await asyncio.sleep(1)
        await asyncio.to_thread(broker.start)
        await here.send(200)
        done = await here.audit(60)
        assert_owners_in_turn(done)
