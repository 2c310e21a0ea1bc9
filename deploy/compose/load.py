"""Sends commands for as long as it runs: payments at many tills, and what shops do with them later.

    python deploy/compose/load.py --every 5 --payments 5

Each round is one `pos-gateway send`. Each command has an id of its own, so a round that could not be sent is sent
again as it was.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

SOURCE = "/load"
TILLS = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:pos-gateway:load:{number}")) for number in range(50)]
"""Enough that a till is mostly free again when its turn comes; where it is not, the command waits."""

CAPTURED, CAPTURED_LATER, CANCELLED, REFUNDED = range(4)
SHARES = {CAPTURED: 55, CAPTURED_LATER: 20, CANCELLED: 10, REFUNDED: 15}
LATER_SECONDS = (10.0, 30.0)
"""By then most customers have decided. Where one has not, or has declined, the command is rejected, as in life."""


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """One line for `send`, and the time from which it may leave."""

    at: float
    line: str


def payment(chance: random.Random, now: float, till: str) -> list[Due]:
    """A payment that starts now, and what follows it."""
    payment_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    amount = {"value": chance.randrange(500, 50_000), "currency": "DKK"}
    [fate] = chance.choices(list(SHARES), weights=list(SHARES.values()))
    start = {
        "paymentId": payment_id,
        "posId": till,
        "amount": amount,
        "capture": "automatic" if fate in (CAPTURED, REFUNDED) else "manual",
        "approvalTimeoutSeconds": 60,
        "whenBusy": "wait",
    }
    later = now + chance.uniform(*LATER_SECONDS)
    begun = [_due(now, "payment.initiate", start)]
    if fate == CAPTURED_LATER:
        return [*begun, _due(later, "payment.capture", {"paymentId": payment_id})]
    if fate == CANCELLED:
        return [*begun, _due(later, "payment.cancel", {"paymentId": payment_id})]
    if fate == REFUNDED:
        part = {**amount, "value": chance.randint(1, amount["value"])}
        refund = {"paymentId": payment_id, "refundId": f"r-{payment_id[:8]}", "amount": part}
        return [*begun, _due(later, "refund.create", refund)]
    return begun


def _due(at: float, type_: str, data: dict[str, Any]) -> Due:
    command_id = f"{data.get('refundId', data['paymentId'])}/{type_}"
    return Due(at, json.dumps({"type": type_, "id": command_id, "source": SOURCE, "data": data}))


def send(lines: list[str]) -> bool:
    """False where it must be tried again. `send` itself says what was sent, or why not."""
    command = ["pos-gateway", "send", "-"]
    done = subprocess.run(command, input="\n".join(lines), text=True, check=False)
    if done.returncode == 2:
        sys.exit("the commands or the settings are wrong: trying again would not help")
    return done.returncode == 0


def run(every_seconds: float, payments: int, rounds: int | None) -> None:
    chance = random.Random()
    waiting: list[Due] = []
    made = 0
    while rounds is None or rounds > 0:
        now = time.monotonic()
        for _ in range(payments):
            waiting += payment(chance, now, TILLS[made % len(TILLS)])
            made += 1
        due = sorted(one for one in waiting if one.at <= now)
        while not send([one.line for one in due]):
            time.sleep(every_seconds)
        waiting = [one for one in waiting if one.at > now]
        rounds = None if rounds is None else rounds - 1
        time.sleep(max(0.0, now + every_seconds - time.monotonic()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Sends commands for as long as it runs.")
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help="Between two rounds.")
    parser.add_argument("--payments", type=int, default=5, metavar="N", help="New ones in each round.")
    parser.add_argument("--rounds", type=int, metavar="N", help="Then end. Default: never.")
    told = parser.parse_args()
    # The first process of a container has no default for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run(told.every, told.payments, told.rounds)


if __name__ == "__main__":
    main()
