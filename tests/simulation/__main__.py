"""Histories by the thousand: `python -m tests.simulation --seeds 20000 --jobs 2`.

A seed that breaks a guarantee is told with what broke and the command that plays it again; then its plan is made
smaller, part by part, for as long as something still breaks. One seed in 25 has an outage of hours, one in 1,000
of a day and more.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import structlog

from tests.simulation.judge import judge
from tests.simulation.town import Plan, history

CHUNK = 4
TOLD_EVERY = 500


def plan_of(seed: int) -> Plan:
    hours = 30.0 if seed % 1000 == 999 else 3.0 if seed % 25 == 24 else 0.0
    return Plan(seed, outage_hours=hours)


def broken(plan: Plan) -> str:
    """What does not hold of the history of this plan; empty where all does."""
    try:
        judge(history(plan))
    # Whatever a history raises is a finding.
    except Exception as fault:
        return f"{type(fault).__name__}: {fault}"[:600]
    return ""


def play(seed: int) -> tuple[int, str]:
    return seed, broken(plan_of(seed))


def smaller(plan: Plan) -> Iterator[Plan]:
    """Each plan that leaves one thing out; first the hours of an outage, which make a history long to play."""
    if plan.outage_hours:
        yield replace(plan, outage_hours=0.0)
    for kind in plan.faults:
        yield replace(plan, faults=tuple(one for one in plan.faults if one != kind))
    for step in plan.troubles:
        yield replace(plan, troubles=tuple(one for one in plan.troubles if one != step))
    for deed in plan.violence:
        yield replace(plan, violence=tuple(one for one in plan.violence if one != deed))
    for name in ("misdelivered", "poison", "undecodable", "versions"):
        if getattr(plan, name):
            yield replace(plan, **{name: False})
    if plan.tills:
        yield replace(plan, tills=0)
    if plan.old_payments:
        yield replace(plan, old_payments=0)
    if plan.payments > 1:
        yield replace(plan, payments=plan.payments // 2)


def shrunk(plan: Plan) -> Plan:
    """The smallest plan found that still breaks something; the draws shift with the plan, so it may not be it."""
    found = True
    while found:
        found = False
        for candidate in smaller(plan):
            if broken(candidate):
                plan, found = candidate, True
                break
    return plan


def hush() -> None:
    """The gateway's own log would drown what is told here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def told(seeds: Iterable[int], jobs: int) -> Iterator[tuple[int, str]]:
    with ProcessPoolExecutor(jobs, initializer=hush) as pool:
        yield from pool.map(play, seeds, chunksize=CHUNK)


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.simulation")
    reader.add_argument("--seeds", type=int, default=500)
    reader.add_argument("--first", type=int, default=1)
    reader.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = reader.parse_args()
    begun, failed, played = time.monotonic(), 0, 0
    for seed, finding in told(range(arguments.first, arguments.first + arguments.seeds), arguments.jobs):
        played += 1
        if played % TOLD_EVERY == 0:
            print(f"{played} histories, {time.monotonic() - begun:.0f} s", flush=True)
        if finding:
            failed += 1
            print(
                f"seed {seed}: {finding}\n  again: python -m tests.simulation --first {seed} --seeds 1",
                flush=True,
            )
            if failed == 1:
                print(f"  smaller: {shrunk(plan_of(seed))}", flush=True)
    seconds = time.monotonic() - begun
    print(f"{played} histories in {seconds:.0f} s, {failed} broke a guarantee")
    return 1 if failed else 0


if __name__ == "__main__":
    hush()
    sys.exit(main())
