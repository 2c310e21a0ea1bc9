"""Histories of the whole gateway under faults, and what must hold of each: the guarantees, by number."""

import os
from collections import defaultdict

import pytest

from gateway.sandbox import ledger
from tests.fakes.virtual_time import run
from tests.simulation.town import Plan, Town

SEEDS = int(os.environ.get("SEEDS", "40"))
FIRST_SEED = int(os.environ.get("FIRST_SEED", "1"))

FINAL = {
    "Captured": "captured",
    "CancelledByUser": "cancelled",
    "CancelledByClient": "cancelled",
    "CancelledByMobilePay": "cancelled",
    "Reserved": "reserved",
}


def history(plan: Plan) -> Town:
    async def live() -> Town:
        town = Town(plan)
        await town.live()
        return town

    return run(live())


def judge(town: Town) -> None:
    seed = town.plan.seed
    events = town.events()
    answers = town.answers()
    asked = {sent.id for sent in town.sent}
    assert set(answers) == asked, f"I2 seed {seed}: unanswered {sorted(asked - set(answers))}"
    twice = {id_: [e["type"] for e in found] for id_, found in answers.items() if len(found) > 1}
    assert not twice, f"I2 seed {seed}: answered twice {twice}"
    sequences = defaultdict(list)
    for event in events:
        sequences[event["paymentId"]].append(event["sequence"])
    for payment_id, found in sequences.items():
        assert found == list(range(1, len(found) + 1)), f"I6 seed {seed}: {payment_id} {found}"
    violations = list(town.sandbox.recorder.violations)
    assert not violations, f"I7 seed {seed}: {violations[:3]}"
    judge_ledger(town)


def judge_ledger(town: Town) -> None:
    seed = town.plan.seed
    last = {}
    owned = {}
    for event in town.events():
        last[event["paymentId"]] = event
        provider_id = event.get("provider", {}).get("paymentId")
        if provider_id is not None:
            owned[provider_id] = event["paymentId"]
    captures = defaultdict(int)
    for payment in town.sandbox.world.register.payments.values():
        book = ledger.describe_payment(town.sandbox, payment)
        for operation in ("initiate", "capture", "cancel"):
            assert book["effects"].get(operation, 0) <= 1, f"I1 seed {seed}: {book}"
        payment_id = owned.get(payment.payment_id)
        if payment_id is None:
            # A payment that ended by itself before anybody could name it shows in no list.
            assert book["status"].startswith("Cancelled"), f"I5 seed {seed}: nobody tells of {book}"
            continue
        assert book["status"] in FINAL, f"I8 seed {seed}: still alive {book}"
        captures[payment_id] += book["captured"]
        told = last[payment_id]
        if (
            told.get("provider", {}).get("paymentId") == payment.payment_id
            and told["type"] != "command.rejected"
        ):
            assert told["status"] in (FINAL[book["status"]], "none"), f"I5 seed {seed}: {told} {book}"
    for payment_id, event in last.items():
        captured = event.get("amounts", {}).get("captured", 0)
        assert captured == captures.get(payment_id, 0), f"I5 seed {seed}: {event} {captures[payment_id]}"


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_a_history_keeps_the_guarantees(seed: int) -> None:
    judge(history(Plan(seed)))


def test_without_faults_all_is_plain() -> None:
    town = history(Plan(7, faulty=False, violent=False))
    judge(town)
    assert "payment.unknown" not in {event["type"] for event in town.events()}


def test_the_same_seed_gives_the_same_history() -> None:
    """I12."""
    assert history(Plan(11)).history_hash() == history(Plan(11)).history_hash()
