"""Checklist B: idempotency keys."""

import json
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.stage import Stage
from gateway.certify.traffic import CREATING
from gateway.certify.wire import SOURCE, Sent
from gateway.certify.witness import error, hold

CASES: Final = Cases()
NAMESPACE: Final = uuid.UUID("54296f96-b32a-5ec8-833f-94c0bdd1c4bb")
ATTEMPTS_MAX: Final = 30
_WORDS: Final = {
    "payment.initiate": "initiate",
    "payment.prepare": "prepare",
    "refund.create": "refund",
    "point-of-sale.create": "create-point-of-sale",
}


@CASES.case(15, 16, 17, 18, 20, place="after")
async def every_key_that_was_sent(stages: Mapping[str, Stage], found: Findings) -> None:
    ours: dict[str, str] = {}
    for stage in stages.values():
        for sent in stage.wire.sent:
            ours |= dict.fromkeys(_keys(sent), sent.id)
    requests = [one for stage in stages.values() for one in stage.seen() if one.operation in CREATING]
    once = [len(one.ask.values("x-mobilepay-idempotency-key")) for one in requests]
    found.that(15, set(once) == {1}, f"{len(requests)} creating POSTs, keys each: {sorted(set(once))}")
    derived = [one.ask.key in ours for one in requests]
    found.that(16, all(derived), f"{sum(derived)} of {len(derived)} keys follow from the command's id")
    bodies: dict[str, set[tuple[str, bytes]]] = defaultdict(set)
    for one in requests:
        bodies[one.ask.key].add((one.operation, one.ask.body))
    reused = [key for key, seen in bodies.items() if len(seen) > 1]
    found.that(20, not reused, f"{len(bodies)} keys, {len(reused)} of them with two different requests")
    repeated = len(requests) - len(bodies)
    found.that(17, repeated > 10, f"{repeated} requests repeated an earlier one with its key")
    guids = [_is_guid(key) for key in bodies]
    found.that(18, all(guids), f"{sum(guids)} of {len(guids)} keys are GUIDs of 36 characters")


def _is_guid(key: str) -> bool:
    try:
        return str(uuid.UUID(key)) == key
    except ValueError:
        return False


def _keys(sent: Sent) -> list[str]:
    """The keys that this command may lead to, attempt by attempt."""
    word = _WORDS.get(sent.type)
    if word is None:
        return []
    names = [["key", SOURCE, sent.id, sent.key, word, attempt] for attempt in range(1, ATTEMPTS_MAX)]
    texts = [json.dumps(name, separators=(",", ":"), ensure_ascii=False) for name in names]
    return [str(uuid.uuid5(NAMESPACE, text)) for text in texts]


@CASES.case(17, 22, place="aged")
async def the_intent_is_there_before_the_first_byte(stage: Stage, found: Findings) -> None:
    name, held = stage.fresh("intent"), hold()
    stage.witness.plan("initiate", name, held)
    payment = await stage.start(paymentId=name)
    await stage.until(held.arrived.is_set, "the first request")
    record = await stage.state_of(name)
    there = payment.start.id in record and '"pending"' in record
    found.that(
        22, there, "the committed state names the command and its pending call while its first request waits"
    )
    await stage.restart(kill=True)
    held.released.set()
    answer = await stage.wire.answer(payment.start, 40)
    keys = {one.ask.key for one in stage.seen("initiate", name)}
    status = await stage.provider.status(name)
    found.that(
        17,
        len(keys) == 1 and len(status) == 1,
        f"SIGKILL in the call: {len(stage.seen('initiate', name))} requests, {len(keys)} key, then "
        f"{answer.type}, {len(status)} payment at the provider",
    )


@CASES.case(19, place="aged")
async def a_key_of_yesterday_is_not_used(stage: Stage, found: Findings) -> None:
    name = stage.fresh("yesterday")
    with stage.witness.lasting("initiate", name, error()):
        payment = await stage.start(paymentId=name)
        await stage.wire.event(name, "payment.unknown")

        async def a_day() -> None:
            await stage.age(24)

        await stage.restart(kill=False, between=a_day)
    sent = len(stage.seen("initiate", name))
    answer = await stage.wire.answer(payment.start, 40)
    later = stage.seen("initiate", name)[sent:]
    looks = stage.seen("list_payments", name)
    found.that(
        19,
        not later and looks and answer.reason == "expired",
        f"a day later: {len(later)} requests with the key, {len(looks)} looks, then {answer.type} "
        f"{answer.reason}",
    )
