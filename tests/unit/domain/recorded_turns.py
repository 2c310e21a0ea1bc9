"""Every turn of the product in test_every_turn.py, and walks from each stage, as a digest a stage.

The other tests say what must hold; this says that nothing else has changed: no wake time, no word for people, no
name in an event. Whoever changes a rule on purpose renews it by `make generated`, and sees which stages it met.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from gateway.domain.commands import CheckinNotified
from gateway.domain.operations import (
    Accepted,
    FindPayments,
    Found,
    Observed,
    PaymentReading,
    ProviderStatus,
    ReadPayment,
    Refusal,
    Rejected,
)
from gateway.domain.points_of_sale.operations import (
    FindPointsOfSale,
    MakePointOfSale,
    PointOfSaleObserved,
    PointOfSaleOperation,
    PointOfSaleOutcome,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.vocabulary import Reason
from tests.unit.domain.play import Play
from tests.unit.domain.test_every_turn import SILENCES, STAGES, fork, prompts
from tests.unit.domain.test_points_of_sale import (
    ABSENT,
    CREATE,
    DELETE,
    EMPTY,
    NOBODY,
    POS_ID,
    READ,
    READING,
    TILL,
    WATCH,
    Till,
    checked_in,
)

WALKS = 40
STEPS = 6
TILL_GROUPS = 8
TILL_WALKS = 60
TILL_STEPS = 30

NOTICE = CheckinNotified(TILL)
TILL_REFUSALS = tuple(
    Rejected(Refusal(reason, status), unheard)
    for reason, status in (
        (Reason.STORE_NOT_FOUND, 404),
        (Reason.POINT_OF_SALE_EXISTS, 409),
        (Reason.BEACON_EXISTS, 409),
        (Reason.NOT_PERMITTED, 403),
        (Reason.POINT_OF_SALE_NOT_FOUND, 404),
    )
    for unheard in (0, 2)
)


def told(play: Play) -> bytes:
    """All that the last turns have left."""
    left = (
        play.state,
        play.memo,
        play.running,
        play.wake_at,
        play.withdrawn,
        play.dead_letters,
        play.events[-3:],
    )
    return repr(left).encode()


def digest(stage: str) -> str:
    origin = STAGES[stage]()
    found = hashlib.sha256(told(origin))
    for name, prompt in prompts(origin):
        play = fork(origin)
        prompt(play)
        found.update(name.encode() + told(play))
    for walk in range(WALKS):
        draws, play = random.Random(f"{stage} {walk}"), fork(origin)
        for _ in range(STEPS):
            _, prompt = draws.choice(list(prompts(play)))
            prompt(play)
            found.update(told(play))
            if play.state is None:
                # Forgotten: it may be asked all anew, which the play would take for a repeat.
                break
    return found.hexdigest()[:16]


def till_prompts(till: Till, step: int) -> list[Callable[[], object]]:
    """What may happen to a point of sale as it is now; each command is a new one."""
    asked = (CREATE, DELETE, WATCH, NOTICE, replace(CREATE, name="Till 2"), replace(WATCH, seconds=5))
    found: list[Callable[[], object]] = [partial(till.command, data, f"m-{step}") for data in asked]
    expired = till.clock.wall_ms - 1
    found.append(partial(till.command, CREATE, f"m-{step}", expires_at_ms=expired))
    if till.state is not None:
        found.append(till.restore)
    if till.running is None and till.wake_at is not None:
        found += [till.due_while_away, *[till.due] * 4]
    if till.running is not None:
        found.append(till.reopen)
        found += [partial(till.outcome, each) for each in till_outcomes(till.running)]
    return found


def till_outcomes(operation: PointOfSaleOperation) -> Iterator[PointOfSaleOutcome]:
    yield from (*SILENCES, *TILL_REFUSALS)
    match operation:
        case MakePointOfSale():
            yield from [Accepted(POS_ID)] * 6
        case RemovePointOfSale():
            yield from [Accepted()] * 6
        case ReadPointOfSale():
            other = replace(READING, store_id="other", name="other")
            yield from (READ, READ, READ, READ, PointOfSaleObserved(other), ABSENT)
        case ReadCheckin():
            yield from (NOBODY, checked_in(), checked_in(("1",)), NOBODY, checked_in())
        case ReadPayment():
            for status in ProviderStatus:
                name = operation.provider_payment_id
                yield Observed(PaymentReading(name, POS_ID, "order", None, status, status.name, 1000))
        case FindPayments():
            yield from (EMPTY, EMPTY, EMPTY, Found(("p-1",)), Found(("p-1", "p-2")))
        case FindPointsOfSale():
            yield from (EMPTY, Found((POS_ID,)), Found((POS_ID,)), Found(("other", POS_ID)))


def till_digest(group: int) -> str:
    found = hashlib.sha256()
    for walk in range(TILL_WALKS):
        draws, till = random.Random(f"till {group} {walk}"), Till()
        for step in range(TILL_STEPS):
            draws.choice(till_prompts(till, step))()
            left = (till.state, till.memo, till.running, till.wake_at, till.dead_letters, till.events[-3:])
            found.update(repr(left).encode())
            if till.state is None and till.events:
                # Forgotten, and counted anew from here on.
                break
    return found.hexdigest()[:16]


def recorded() -> str:
    found = {stage: digest(stage) for stage in STAGES}
    found |= {f"points of sale {group}": till_digest(group) for group in range(TILL_GROUPS)}
    return "".join(f"{each}  {stage}\n" for stage, each in found.items())
