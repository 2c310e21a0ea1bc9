"""`make bench`: each measurement in turn, one JSON line a figure. They stand in `deploy/docs/bench.jsonl`, from
which the README's tables are made.
"""

import argparse
import asyncio

from gateway.demo.broker import EmbeddedKafka
from tests.bench.contest import CONTENDERS, contest
from tests.bench.latency import latency
from tests.bench.state import polls, state


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--commands", type=int, default=6_000)
    reader.add_argument("--rounds", type=int, default=2)
    reader.add_argument("--payments", type=int, default=100_000)
    reader.add_argument("--polled", type=int, default=10_000)
    reader.add_argument("--seconds", type=float, default=30.0)
    given = reader.parse_args()
    with EmbeddedKafka() as broker:
        at = broker.bootstrap_servers
        for delay_ms in (0.0, 50.0):
            for in_flight in (64, 256):
                kinds = list(CONTENDERS) if in_flight == 64 and not delay_ms else list(CONTENDERS[:3])
                asyncio.run(contest(at, delay_ms, in_flight, given.commands, given.rounds, kinds))
        for partitions in (1, 64):
            asyncio.run(contest(at, 0.0, 64, given.commands, given.rounds, ["gateway"], partitions))
        asyncio.run(contest(at, 0.0, 64, given.commands, given.rounds, ["gateway"], 12, processes=3))
        # The last is half of the most that the backlogs above come to.
        for rate in (100.0, 500.0, 740.0):
            for kind in CONTENDERS[:3]:
                asyncio.run(latency(at, kind, rate, given.seconds))
    with EmbeddedKafka() as broker:
        asyncio.run(polls(broker.bootstrap_servers, given.polled, 5_000))
        asyncio.run(state(broker.bootstrap_servers, given.payments))


if __name__ == "__main__":
    main()
