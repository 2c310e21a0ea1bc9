"""Checklist D: how often resources are read."""

import asyncio
import statistics
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from gateway.certify.findings import Cases, Findings
from gateway.certify.stage import Stage
from gateway.certify.traffic import POLLED, WRITES, Exchange

CASES: Final = Cases()
TOLERANCE_SECONDS: Final = 0.005
USUAL_LATENESS_SECONDS: Final = 0.25


class Poll(NamedTuple):
    """The pause since the last answer about this resource, and the delay that it asked for."""

    exchange: Exchange
    pause_seconds: float
    delay_seconds: float


def polls(stage: Stage) -> Iterator[Poll]:
    """Reads that only the delay justifies. One read may come early after a call on the resource, and one after a
    list or a conflict that named it: whoever asked for that reads it beside its own poller."""
    last: dict[tuple[str, str], Exchange] = {}
    allowed: dict[tuple[str, str], str] = {}
    for one in stage.seen():
        if one.operation in WRITES or one.operation.startswith("list_"):
            for place, read in last.items():
                if one.subject == read.subject or one.ask.resource == place[1]:
                    allowed[place] = "repair" if one.operation in WRITES else "candidate"
                elif place[1].encode() in one.answer or one.status == 409:
                    allowed[place] = "candidate"
        elif one.operation in POLLED:
            place = (one.operation, one.ask.resource)
            before, heard = last.get(place), one.status == 200 and "pollDelayInMs" in one.data
            if before is not None:
                delay = float(before.data["pollDelayInMs"]) / 1000
                pause = one.arrived_at - (before.left_at or 0)
                kind = allowed.get(place, "")
                if heard:
                    allowed.pop(place, None)
                if not kind or pause >= delay - TOLERANCE_SECONDS:
                    yield Poll(one, pause, delay)
                elif kind == "candidate":
                    continue
            if heard:
                last[place] = one


@CASES.case(35, 36, 37, 41, place="after")
async def every_poll_that_was_sent(stages: Mapping[str, Stage], found: Findings) -> None:
    for name, stage in stages.items():
        seen = list(polls(stage))
        early = [poll for poll in seen if poll.pause_seconds < poll.delay_seconds - TOLERANCE_SECONDS]
        kinds = sorted({poll.exchange.operation for poll in seen})
        text = f"{name}: {len(seen)} polls of {kinds}, {len(early)} before their pollDelayInMs "
        text += ", ".join(
            f"{poll.exchange.subject} {poll.pause_seconds:.3f} of {poll.delay_seconds:.3f} s"
            for poll in early[:3]
        )
        for item in (35, 36, 41):
            found.that(item, not early, text)
        if name == "open":
            found.that(35, set(kinds) == set(POLLED) and len(seen) > 50, text)
            late = sorted(max(0.0, poll.pause_seconds - poll.delay_seconds) for poll in seen)
            shown = (
                f"{statistics.median(late) * 1000:.0f} ms, p99 {late[int(len(late) * 0.99)] * 1000:.0f} ms"
            )
            found.that(
                37, statistics.median(late) < USUAL_LATENESS_SECONDS, f"later than asked for: median {shown}"
            )


@CASES.case(36, 41, 20, place="after", simulator=True)
async def what_the_simulator_saw(stages: Mapping[str, Stage], found: Findings) -> None:
    # Where the witness itself answered, the simulator knows only half of what the gateway was told.
    deceived = {one.subject for stage in stages.values() for one in stage.seen() if one.fault}
    names = {made: name for stage in stages.values() for made, name in stage.witness.names.of_ids.items()}
    seen: set[str] = set()
    for provider in {id(stage.provider): stage.provider for stage in stages.values()}.values():
        for one in await provider.violations():
            subject = names.get(one["resource"], one["resource"])
            # The command line asks for the stores of ill-formed brands on purpose.
            if subject not in deceived and one["operation"] not in ("list_stores", "detail_stores"):
                seen.add(f"{one['name']} of {one['operation']} {subject}")
    text = f"breaks of the protocol by the simulator's own count: {len(seen)} {sorted(seen)[:3]}"
    for item in (20, 36, 41):
        found.that(item, not seen, text)


@CASES.case(38, place="bound")
async def a_floor_for_the_polls(stage: Stage, found: Findings) -> None:
    payment = await stage.start()
    await stage.wire.answer(payment.start)
    floor = int(stage.settings["GATEWAY_POS__MIN_POLL_DELAY_MS"]) / 1000
    await stage.until(lambda: len(stage.seen("get_payment", payment.id)) > 3, "three polls")
    mine = [poll for poll in polls(stage) if poll.exchange.subject == payment.id]
    shortest = min(poll.pause_seconds for poll in mine)
    asked = max(poll.delay_seconds for poll in mine)
    found.that(
        38, shortest >= floor > asked, f"asked for {asked:.2f} s, floor {floor:.1f} s: {shortest:.2f} s"
    )


@CASES.case(40, 123)
async def a_check_in_is_read_only_while_it_is_watched(stage: Stage, found: Findings) -> None:
    till = await stage.till()
    data = {"merchantPosId": till.merchant_pos_id, "posId": till.pos_id, "seconds": 3}
    before = len(stage.seen("get_check_in", till.pos_id))
    nobody = await stage.wire.answer(await stage.wire.command("checkin.watch", data))
    during = len(stage.seen("get_check_in", till.pos_id))
    await asyncio.sleep(1.5)
    after = len(stage.seen("get_check_in", till.pos_id))
    found.that(
        40,
        before == 0 and during > 1 and after == during,
        f"reads before, during and after a watch of 3 s: {before}, {during}, {after - during}",
    )
    told = {one.data.get("isUserCheckedIn") for one in stage.seen("get_check_in", till.pos_id)}
    found.that(
        123,
        told == {False} and (nobody.type, nobody.reason) == ("checkin.ended", "nobody"),
        f"200 with isUserCheckedIn {told}: {nobody.type} {nobody.reason}",
    )
    sent = await stage.wire.command("checkin.watch", {**data, "seconds": 10})
    await stage.provider.user("checkin", till)
    started = await stage.wire.answer(sent)
    found.equal(123, started.type, "checkin.started", "once somebody is there")


@CASES.case(42)
async def polling_ends_with_the_payment(stage: Stage, found: Findings) -> None:
    payment = await stage.start(approvalTimeoutSeconds=2)
    ended = await stage.wire.event(payment.id, "payment.cancelled")
    at = len(stage.seen("get_payment", payment.id))
    declined = await stage.start()
    await stage.wire.answer(declined.start)
    await stage.provider.user("checkin", declined.till)
    await stage.provider.user("cancelpaymentbyuser", declined.till)
    await stage.wire.event(declined.id, "payment.cancelled")
    read = len(stage.seen("get_payment", declined.id))
    await asyncio.sleep(1.5)
    more = (
        len(stage.seen("get_payment", payment.id)) - at + len(stage.seen("get_payment", declined.id)) - read
    )
    found.that(
        42,
        ended.reason == "approval_timeout" and more == 0,
        f"not approved in 2 s: {ended.reason}; reads of ended payments afterwards: {more}",
    )


@CASES.case(41, place="aged")
async def one_poller_over_a_take_over(stage: Stage, found: Findings) -> None:
    payments = [await stage.start() for _ in range(6)]
    for payment in payments:
        await stage.wire.answer(payment.start)
    before = len(stage.seen("get_payment"))
    await stage.restart(kill=True)
    await stage.until(lambda: len(stage.seen("get_payment")) > before + 30, "polls by the new owner")
    ours = {payment.id for payment in payments}
    mine = [poll for poll in polls(stage) if poll.exchange.subject in ours]
    early = [poll for poll in mine if poll.pause_seconds < poll.delay_seconds - TOLERANCE_SECONDS]
    found.that(
        41,
        len(mine) > len(payments) and not early,
        f"{len(mine)} polls over a SIGKILL and a new owner, {len(early)} early",
    )
    for payment in payments:
        await stage.ask("payment.cancel", payment)
