"""The long form: `python -m tests.chaos --minutes 60 --brokers 3 --seed 1`.

Gateways are killed with calls under way, rolled, frozen, cut off, joined and left; brokers restarted and killed;
the provider goes dark, fails, resets. Then one auditor judges, one line a guarantee; exit 1 if one fails.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.brokers import running
from tests.chaos.run import Outcome, at_random, play


async def storm(minutes: float, brokers: int, seed: int, per_second: float, folder: Path) -> Outcome:
    async with running(brokers) as those:
        plan = at_random(random.Random(f"plan-{seed}"), minutes * 60)
        return await play(those, folder, plan, seed, per_second)


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.chaos")
    reader.add_argument("--minutes", type=float, default=10.0)
    reader.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--per-second", type=float, default=5.0, help="payments, beside the bursts")
    reader.add_argument("--json", type=Path, metavar="FILE", help="where the figures are written")
    told = reader.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gateway-chaos-"))
    outcome = asyncio.run(storm(told.minutes, told.brokers, told.seed, told.per_second, folder))
    figures = json.dumps(outcome.facts, indent=2)
    if told.json is not None:
        told.json.write_text(figures + "\n", encoding="utf-8")
    print(figures)
    print("\n".join(outcome.lines))
    print(f"logs in {folder}")
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
