"""Looks from outside while a run goes on: the provider's requests, the group's offsets, what the processes say."""

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gateway.demo.processes import get
from gateway.sandbox.operations import CREATING, REPEATABLE_WRITES
from tests.chaos.brokers import Brokers
from tests.chaos.fleet import PARTITIONS, Fleet
from tests.chaos.verdict import Canaries, Sample, Write

LOOK_SECONDS = 2.0
ROWS = 4_000
CHANGES = {*CREATING, *REPEATABLE_WRITES}


class Watch:
    """`leaks` names the canaries seen in metrics; `look` is called every LOOK_SECONDS and once at the end."""

    def __init__(self, fleet: Fleet, brokers: Brokers, canaries: Canaries) -> None:
        self.samples: list[Sample] = []
        self.leaks: set[str] = set()
        self._fleet = fleet
        self._brokers = brokers
        self._canaries = canaries
        self.requests_path = fleet.folder / "requests.jsonl"
        """Every request that the provider saw, for whoever looks into a finding."""
        self._rows: list[Write] = []
        self._seen: set[int] = set()
        self._places = [TopicPartition(fleet.topics["commands"], number) for number in range(PARTITIONS)]

    async def go_on(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        await asyncio.to_thread(self._read_requests)
        seen = await asyncio.to_thread(self._read_pages)
        with contextlib.suppress(KafkaError, OSError, asyncio.TimeoutError):
            offsets = await self._brokers.committed(self._fleet.run)
            ends = await self._ends()
            lags = {number: end - offsets.get(number, 0) for number, end in ends.items()}
            self.samples.append(Sample(time.time(), lags, offsets, seen))
            return
        # A broker that is away is no partition that stands still.
        self.samples.append(Sample(time.time(), {}, {}, True))

    def writes(self, payment_of: Mapping[str, str]) -> list[Write]:
        """By arrival; `payment_of` tells whose payment an orderId or refundOrderId is."""
        found = (row._replace(payment_id=payment_of.get(row.payment_id, "")) for row in self._rows)
        return sorted(row for row in found if row.payment_id)

    def arrivals(self, resources: set[str]) -> dict[str, list[float]]:
        """When each request for one of these came, sorted."""
        found: dict[str, list[float]] = {}
        with self.requests_path.open(encoding="utf-8") as kept:
            for row in map(json.loads, kept):
                if row["subject"] in resources:
                    found.setdefault(row["subject"], []).append(row["at"])
        return {resource: sorted(times) for resource, times in found.items()}

    def _read_requests(self) -> None:
        told = get(self._fleet.sandbox_port, f"/_sandbox/requests?limit={ROWS}")[1]
        with self.requests_path.open("ab") as kept:
            for line in told.splitlines():
                row = json.loads(line)
                if row["number"] in self._seen:
                    continue
                self._seen.add(row["number"])
                kept.write(line + b"\n")
                if row["operation"] in CHANGES:
                    self._rows.append(Write(row["at"], row["version"], row["order_id"]))

    def _read_pages(self) -> bool:
        seen = False
        for number in self._fleet.running:
            status, body = self._fleet.page(number, "/readyz")
            seen = seen or status != 200
            page = self._fleet.page(number, "/metrics")[1]
            self.leaks.update(self._canaries.shown_in(page + body))
        return seen

    async def _ends(self) -> dict[int, int]:
        reader = AIOKafkaConsumer(bootstrap_servers=self._brokers.bootstrap, request_timeout_ms=8_000)
        await reader.start()
        try:
            return {place.partition: end for place, end in (await reader.end_offsets(self._places)).items()}
        finally:
            await reader.stop()


async def written(bootstrap: str, topics: Mapping[str, str], canaries: Canaries) -> tuple[int, set[str]]:
    """All committed events, dead letters and states from the beginning: how many, and the canaries in them."""
    reader = AIOKafkaConsumer(
        *(topics[name] for name in ("events", "dlq", "state")),
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    count, found = 0, set[str]()
    await reader.start()
    try:
        places = reader.assignment()
        ends = await reader.end_offsets(places)
        while any([await reader.position(place) < ends[place] for place in places]):
            for records in (await reader.getmany(timeout_ms=200)).values():
                for record in records:
                    count += 1
                    headers = b"\n".join(value or b"" for _, value in record.headers)
                    found.update(
                        canaries.shown_in(b"\n".join([record.key or b"", record.value or b"", headers]))
                    )
    finally:
        await reader.stop()
    return count, found
