"""What must hold of a history: the guarantees, by number."""

from collections import defaultdict
from typing import Any

from prometheus_client import generate_latest

from gateway.flow import PaymentFlow
from gateway.kafka.log import Entry
from gateway.kafka.records import Channel, Outgoing
from gateway.observability.metrics import REGISTRY
from gateway.sandbox import ledger
from tests.canaries import PHONES
from tests.chaos.verdict import Opening, stale_writes, standstills
from tests.conformity import problems_of_dead_letter, problems_of_event, problems_of_state
from tests.simulation.overtaken import told_another
from tests.simulation.process import CLIENT_SECRET, LIMITS
from tests.simulation.town import Town

FINAL = {
    "Captured": "captured",
    "CancelledByUser": "cancelled",
    "CancelledByClient": "cancelled",
    "CancelledByMobilePay": "cancelled",
    "Reserved": "reserved",
}
FINAL_REFUND = {
    "Captured": "captured",
    "ExpiredAndCaptured": "captured",
    "CancelledByClient": "cancelled",
    "CancelledByMobilePay": "cancelled",
    "Reserved": "reserved",
}
OWN_REASONS = {"approval_timeout", "prepared_timeout", "late_effect"}
"""Of cancels that no command asks for."""

Event = dict[str, Any]
Book = dict[str, Any]


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
        sequences[event.get("paymentId") or event["merchantPosId"]].append(event["sequence"])
    for payment_id, found in sequences.items():
        assert found == list(range(1, len(found) + 1)), f"I6 seed {seed}: {payment_id} {found}"
    names = [event["eventId"] for event in events]
    assert len(set(names)) == len(names), f"I6 seed {seed}: two events with one id"
    judge_protocol(town)
    judge_published(town)
    judge_ledger(town)
    judge_intents(town)
    judge_points_of_sale(town)
    judge_secrets(town)
    judge_dead_letters(town)
    judge_progress(town)
    judge_owners(town)


def judge_protocol(town: Town) -> None:
    """What the simulator itself calls a breach."""
    told = list(town.sandbox.recorder.violations)
    if not told:
        return
    requests, owned = list(town.sandbox.requests), keys_of_resources(town.events())

    def fences(resource: str) -> list[Opening]:
        key = owned.get(resource)
        return [one for one in town.fences if key is not None and one.partition == town.partition_of(key)]

    violations = [
        one for one in told if not told_another(one, requests, fences(one.resource), LIMITS.lease_seconds)
    ]
    assert not violations, f"I7 seed {town.plan.seed}: {violations[:3]}"


def keys_of_resources(events: list[Event]) -> dict[str, str]:
    """The paymentId by the provider's ids of the payment and its refunds."""
    named = [(event, event.get("provider", {})) for event in events if "paymentId" in event]
    return {
        words[field]: event["paymentId"]
        for event, words in named
        for field in ("paymentId", "refundId")
        if field in words
    }


def judge_published(town: Town) -> None:
    """Every record that was written, committed or not, is as its published schema says."""
    problems: list[str] = []
    for log in town.broker.partitions:
        for entry in (one.item for one in log.changelog):
            if isinstance(entry, Entry) and entry.value is not None:
                version = str(PaymentFlow.state_version)
                problems += problems_of_state(entry.key, entry.value, version)
        for record in (one.item for one in log.published):
            assert isinstance(record, Outgoing)
            if record.channel is Channel.EVENTS:
                problems += problems_of_event(record.key, dict(record.headers), record.value)
            else:
                problems += problems_of_dead_letter(dict(record.headers))
    assert not problems, f"seed {town.plan.seed}: not as published: {problems[:3]}"


def judge_dead_letters(town: Town) -> None:
    """What cannot be understood is one dead letter each, with its bytes."""
    due = sorted(repr((record.key, record.value)) for record in town.poisoned)
    got = sorted(repr((letter.key, letter.value)) for letter in town.dead_letters())
    assert got == due, f"I2 seed {town.plan.seed}: dead letters {got}, due {due}"


def judge_progress(town: Town) -> None:
    """Lag is gone, and no partition stood still without anybody saying so."""
    seed = town.plan.seed
    lags = {number: town.lag(number)[1] for number in range(town.plan.partitions)}
    assert not any(lags.values()), f"I10 seed {seed}: lag {lags}"
    for samples in town.looks.values():
        still = list(standstills(samples))
        assert not still, f"I10 seed {seed}: {still}"


def judge_owners(town: Town) -> None:
    """Who lost a partition changes nothing more there once another has, or may have, acted."""

    def partition_of(aggregate: str) -> int:
        return town.partition_of(aggregate[2:])

    stale = list(stale_writes(town.changes, town.fences, partition_of, LIMITS.lease_seconds))
    assert town.changes and town.fences, f"seed {town.plan.seed}: nothing was changed, or nobody fenced"
    assert not stale, f"I11 seed {town.plan.seed}: {stale[:3]}"


def secrets_of(town: Town) -> list[str]:
    """What the gateway was handed and may never show: credential, tokens, phone numbers."""
    grants = town.sandbox.world.tokens.grants
    assert grants, f"seed {town.plan.seed}: no token was ever given"
    return [CLIENT_SECRET, *grants, *PHONES]


def judge_secrets(town: Town) -> None:
    """No credential, token or phone number in anything written, committed or not, nor in a metric."""
    seed = town.plan.seed
    secrets = secrets_of(town)
    written = [repr(one.item) for log in town.broker.partitions for one in (*log.changelog, *log.published)]
    pages = [generate_latest(REGISTRY).decode(), *written]
    shown = [number for number, secret in enumerate(secrets) if any(secret in page for page in pages)]
    assert written, f"seed {seed}: nothing was written"
    assert not shown, f"I9 seed {seed}: secrets {shown} of {len(secrets)} were written"


def judge_intents(town: Town) -> None:
    """Nothing is captured or cancelled that nobody meant to: no command, and no time that had passed."""
    seed, captures, cancels = town.plan.seed, set[str](), set[str]()
    for sent in town.sent:
        automatic = sent.type in ("payment.initiate", "payment.ready") and sent.data["capture"] == "automatic"
        if sent.type == "payment.capture" or automatic:
            captures.add(sent.key)
        elif sent.type == "payment.cancel":
            cancels.add(sent.key)
    owned: dict[str, str] = {}
    for event in town.events():
        name = event.get("provider", {}).get("paymentId")
        if name is not None and "paymentId" in event:
            owned[name] = event["paymentId"]
        if event["type"] == "payment.cancelled" and event["reason"] in OWN_REASONS:
            cancels.add(event["paymentId"])
    for name, payment_id in owned.items():
        effects = town.sandbox.world.register.payments[name].effects
        if payment_id.startswith(("accept-old", "lost-accept-old")):
            continue
        assert not effects["capture"] or payment_id in captures, f"I3 seed {seed}: {payment_id} captured"
        assert not effects["cancel"] or payment_id in cancels, f"I3 seed {seed}: {payment_id} cancelled"


def judge_points_of_sale(town: Town) -> None:
    """What exists at the provider is what the last event of each till says."""
    seed, told = town.plan.seed, set[tuple[str, str]]()
    for event in town.events():
        if event["type"] == "point-of-sale.created":
            told.add((event["merchantPosId"], event["posId"]))
        elif event["type"] == "point-of-sale.deleted":
            told.discard((event["merchantPosId"], event["posId"]))
    places = town.sandbox.world.register.points_of_sale.values()
    there = {
        (pos.merchant_pos_id, pos.pos_id)
        for pos in places
        if pos.merchant_pos_id.startswith("till-") and not pos.deleted
    }
    assert there == told, f"I5 seed {seed}: points of sale {there}, told of {told}"


def judge_ledger(town: Town) -> None:
    seed = town.plan.seed
    last: dict[str, Event] = {}
    owned = keys_of_resources(town.events())
    named: set[str] = set()
    for event in town.events():
        if "paymentId" not in event:
            continue
        last[event["paymentId"]] = event
        named |= {one["paymentId"] for one in event.get("provider", {}).get("candidates", ())}
    captures: dict[str, int] = defaultdict(int)
    refunds: dict[str, int] = defaultdict(int)
    for payment in town.sandbox.world.register.payments.values():
        book = ledger.describe_payment(town.sandbox, payment)
        for operation in ("initiate", "prepare", "ready", "capture", "cancel"):
            assert book["effects"].get(operation, 0) <= 1, f"I1 seed {seed}: {book}"
        assert book["refunded"] <= book["captured"], f"I4 seed {seed}: {book}"
        payment_id = owned.get(payment.payment_id)
        judge_refunds(town, book)
        if book["orderId"].startswith("accept-old"):
            assert book["effects"].get("cancel", 0) == 0, f"I3 seed {seed}: {book}"
            refunds[payment_id or ""] += book["refunded"]
            continue
        if payment_id is None:
            # A payment that ended by itself before anybody could name it shows in no list. One whose order is not
            # its payment's id cannot be told from a neighbour's once its key is too old: it is left to a person.
            left = payment.payment_id in named and book["orderId"] not in last
            assert left or book["status"].startswith("Cancelled"), f"I5 seed {seed}: nobody tells of {book}"
            continue
        assert book["status"] in FINAL, f"I8 seed {seed}: still alive {book}"
        captures[payment_id] += book["captured"]
        refunds[payment_id] += book["refunded"]
        told = last[payment_id]
        if (
            told.get("provider", {}).get("paymentId") == payment.payment_id
            and told["type"] != "command.rejected"
        ):
            assert told["status"] in (FINAL[book["status"]], "none"), f"I5 seed {seed}: {told} {book}"
    for payment_id, event in last.items():
        amounts = event.get("amounts", {})
        if not event.get("adopted"):
            captured = amounts.get("captured", 0)
            assert captured == captures.get(payment_id, 0), f"I5 seed {seed}: {event} {captures[payment_id]}"
        refunded = amounts.get("refunded", 0)
        assert refunded == refunds.get(payment_id, 0), f"I5 seed {seed}: {event} {refunds[payment_id]}"


def judge_refunds(town: Town, book: Book) -> None:
    seed = town.plan.seed
    told: dict[str, Event] = {}
    for event in town.events():
        name = event.get("provider", {}).get("refundId")
        if name is not None and event["type"].startswith("refund."):
            told[name] = event
    for refund in book["refunds"]:
        for operation in ("create", "capture", "cancel"):
            assert refund["effects"].get(operation, 0) <= 1, f"I1 seed {seed}: {refund}"
        event = told.get(refund["refundId"])
        if event is None:
            # Of an abandoned command; it ended before the late look could name it.
            assert refund["status"].startswith("Cancelled"), f"I5 seed {seed}: nobody tells of {refund}"
            continue
        assert event["refundStatus"] == FINAL_REFUND[refund["status"]], f"I5 seed {seed}: {event} {refund}"
        assert event["refundAmount"]["value"] == refund["amount"], f"I5 seed {seed}: {event} {refund}"
