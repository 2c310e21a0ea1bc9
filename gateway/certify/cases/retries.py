"""Checklist C: network errors, server errors and refusals; time-outs; what stays unknown."""

import asyncio
from typing import Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.provider import Till
from gateway.certify.stage import Stage
from gateway.certify.traffic import gaps
from gateway.certify.witness import error, refusal, reset, silence

CASES: Final = Cases()
WRITE_SECONDS: Final = (1.8, 2.8)
READ_SECONDS: Final = (0.4, 0.9)


def _within(seconds: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= seconds <= limits[1]


@CASES.case(23, 24)
async def three_classes_of_errors(stage: Stage, found: Findings) -> None:
    for word, fault in (("a reset", reset()), ("a 500", error()), ("a 503", error(status=503))):
        name = stage.fresh("class")
        stage.witness.plan("initiate", name, fault)
        payment = await stage.start(paymentId=name)
        answer = await stage.wire.answer(payment.start)
        requests = stage.seen("initiate", name)
        keys = {one.ask.key for one in requests}
        text = f"{word}: {len(requests)} requests, {len(keys)} key, then {answer.type}"
        found.that(23, answer.type == "payment.initiated", text)
        found.that(24, len(requests) == 2 and len(keys) == 1, text)
    for status, code, reason in ((409, "1204", "store_not_active"), (400, "1102", "invalid_at_provider")):
        name = stage.fresh("class")
        stage.witness.plan("initiate", name, refusal(status, code))
        answer = await stage.wire.answer((await stage.start(paymentId=name)).start)
        requests = stage.seen("initiate", name)
        text = f"{status} {code}: {len(requests)} request, then {answer.type} {answer.reason}"
        found.that(23, answer.reason == reason, text)
        found.that(24, len(requests) == 1, text)


@CASES.case(25, place="bound")
async def never_more_than_six_requests(stage: Stage, found: Findings) -> None:
    name = stage.fresh("six")
    with stage.witness.lasting("initiate", name, error()):
        payment = await stage.start(paymentId=name)
        await stage.wire.event(name, "payment.unknown", seconds=60)
        await stage.until(lambda: stage.seen("list_payments", name), "a look")
    requests, looks = stage.seen("initiate", name), stage.seen("list_payments", name)
    run = [one for one in requests if one.arrived_at < looks[0].arrived_at]
    found.equal(25, len(run), 6, "requests before the first look with a limit of 6")
    answer = await stage.wire.answer(payment.start, 60)
    found.equal(
        25, len({one.ask.key for one in stage.seen("initiate", name)}), 1, f"keys, then {answer.type}"
    )
    refused = await stage.cli("run", GATEWAY_POS__MAX_REQUESTS_PER_CALL="7")
    said = (refused.stdout + refused.stderr).decode()
    told = refused.returncode == 2 and "GATEWAY_POS__MAX_REQUESTS_PER_CALL" in said
    found.that(25, told, f"a limit of 7 is refused at start, exit {refused.returncode}")


@CASES.case(26, 27, 34)
async def two_retries_then_a_look(stage: Stage, found: Findings) -> None:
    async def unheard() -> tuple[float, float]:
        name = stage.fresh("three")
        with stage.witness.lasting("initiate", name, error()):
            payment = await stage.start(paymentId=name)
            await _look(stage, name)
        unknown = stage.wire.of(name, "payment.unknown")
        rejected = stage.wire.of(name, "command.rejected")
        answer = await stage.wire.answer(payment.start)
        first_look = stage.seen("list_payments", name)[0].arrived_at
        run = [one for one in stage.seen("initiate", name) if one.arrived_at < first_look]
        found.equal(26, len(run), 3, "requests of a call that is never heard")
        found.that(
            34,
            not rejected and answer.type == "payment.initiated",
            f"{len(unknown)} payment.unknown while not known, then {answer.type}",
        )
        first, second, *_ = [*gaps(run), 0.0, 0.0]
        return first, second

    # By jitter alone the second pause may be the shorter one; of so many the longest are told apart.
    delays: list[tuple[float, float]] = []
    for _ in range(4):
        delays += await asyncio.gather(*(unheard() for _ in range(3)))
    shown = ", ".join(f"{first:.2f} s then {second:.2f} s" for first, second in delays)
    spread = len({round(first, 3) for first, _ in delays}) > 1
    grows = max(second for _, second in delays) > max(first for first, _ in delays)
    found.that(27, spread and grows, f"pauses between requests: {shown}")


@CASES.case(28, 21)
async def writes_time_out_after_two_seconds(stage: Stage, found: Findings) -> None:
    payment = await stage.reserved()
    stage.witness.plan("capture", payment.id, silence(reaches=True))
    answer = await stage.ask("payment.capture", payment)
    tries = stage.seen("capture", payment.id)
    found.that(
        28,
        _within(tries[0].waited_seconds, WRITE_SECONDS),
        f"the client hung up a silent capture after {tries[0].waited_seconds:.2f} s",
    )
    found.that(
        21,
        answer.type == "payment.captured" and [one.told for one in tries] == [200, 200],
        f"a capture sent twice was answered {[one.told for one in tries]}, event {answer.type}",
    )
    name = stage.fresh("slow")
    stage.witness.plan("initiate", name, silence())
    await stage.wire.answer((await stage.start(paymentId=name)).start)
    waited = stage.seen("initiate", name)[0].waited_seconds
    found.that(28, _within(waited, WRITE_SECONDS), f"a silent initiate after {waited:.2f} s")
    till = await _made(stage)
    stage.witness.plan("delete_point_of_sale", till.merchant_pos_id, silence(reaches=True))
    data = {"merchantPosId": till.merchant_pos_id, "posId": till.pos_id}
    await stage.wire.answer(await stage.wire.command("point-of-sale.delete", data))
    waited = stage.seen("delete_point_of_sale", till.merchant_pos_id)[0].waited_seconds
    found.that(28, _within(waited, WRITE_SECONDS), f"a silent DELETE after {waited:.2f} s")


@CASES.case(21)
async def a_cancel_sent_twice(stage: Stage, found: Findings) -> None:
    payment = await stage.reserved()
    stage.witness.plan("cancel", payment.id, reset(reaches=True))
    answer = await stage.ask("payment.cancel", payment)
    told = [one.told for one in stage.seen("cancel", payment.id)]
    found.that(
        21,
        told == [200, 200] and answer.type == "payment.cancelled",
        f"a cancel sent twice was answered {told}, event {answer.type}",
    )


@CASES.case(29)
async def looks_time_out_after_half_a_second(stage: Stage, found: Findings) -> None:
    name = stage.fresh("look")
    stage.witness.plan("list_payments", name, silence())
    with stage.witness.lasting("initiate", name, error()):
        await stage.start(paymentId=name)
        await stage.until(lambda: len(stage.seen("list_payments", name)) > 1, "a second look")
    looks = stage.seen("list_payments", name)
    found.that(
        29,
        _within(looks[0].waited_seconds, READ_SECONDS),
        f"a silent GET was given up after {looks[0].waited_seconds:.2f} s and sent again",
    )


@CASES.case(30, 39)
async def a_poll_without_an_answer(stage: Stage, found: Findings) -> None:
    payment = await stage.start()
    await stage.wire.answer(payment.start)
    stage.witness.plan("get_payment", payment.id, silence())
    await stage.until(lambda: _silent(stage, payment.id) is not None, "a silent poll")
    at = _silent(stage, payment.id)
    assert at is not None
    await stage.until(lambda: len(stage.seen("get_payment", payment.id)) > at + 1, "the poll after it")
    polls = stage.seen("get_payment", payment.id)
    before, silent, after = polls[at - 1], polls[at], polls[at + 1]
    delay = float(before.data["pollDelayInMs"]) / 1000
    pause = after.arrived_at - (silent.left_at or 0)
    found.that(
        30,
        _within(silent.waited_seconds, READ_SECONDS),
        f"a silent poll was given up after {silent.waited_seconds:.2f} s",
    )
    for item in (30, 39):
        found.that(
            item,
            pause >= delay - 0.005,
            f"then polled after {pause:.2f} s, the last delay being {delay:.2f} s",
        )


async def _look(stage: Stage, name: str) -> None:
    await stage.until(lambda: stage.seen("list_payments", name), "a look")


def _silent(stage: Stage, payment_id: str) -> int | None:
    """Where the poll stands that found no answer."""
    polls = stage.seen("get_payment", payment_id)
    return next((n for n, one in enumerate(polls) if one.fault == "silence" and one.left_at), None)


@CASES.case(31, 34, 42, simulator=True)
async def errors_that_persist_are_cleaned_up(stage: Stage, found: Findings) -> None:
    name = stage.fresh("clean")
    with stage.witness.lasting("initiate", name, error(reaches=True)):
        payment = await stage.start(paymentId=name, approvalTimeoutSeconds=6)
        answer = await stage.wire.answer(payment.start, 40)
    ended = await stage.wire.event(name, "payment.cancelled")
    books = await stage.provider.ledger(name)
    seen = [str(one["status"]) for one in books]
    text = f"{len(stage.seen('initiate', name))} requests answered 500, then {answer.type} "
    text += f"{ended.reason}; books {seen}"
    found.that(31, seen == ["CancelledByClient"] and len(stage.seen("cancel", name)) >= 1, text)
    found.that(42, ended.reason == "approval_timeout", text)
    found.that(
        34, stage.wire.of(name)[0].type == "payment.unknown", f"first said: {stage.wire.of(name)[0].type}"
    )


@CASES.case(32, 66)
async def a_conflict_is_read_and_repaired(stage: Stage, found: Findings) -> None:
    payment = await stage.reserved()
    provider_id = stage.witness.names.ids[payment.id]
    await stage.provider.call("POST", f"v10/payments/{provider_id}/cancel")
    answer = await stage.ask("payment.capture", payment)
    await stage.wire.event(payment.id, "payment.cancelled")
    conflict = stage.seen("capture", payment.id)[-1]
    read = [one for one in stage.seen("get_payment", payment.id) if one.arrived_at > conflict.arrived_at]
    text = f"capture answered {conflict.status} {conflict.data.get('code')}, {len(read)} GET after it, "
    text += f"then {[event.type for event in stage.wire.of(payment.id)][-2:]} {answer.reason}"
    found.that(32, conflict.data.get("code") == "1304" and len(read) == 1, text)
    found.that(66, answer.reason == "wrong_status" and answer.data["status"] == "cancelled", text)


async def _made(stage: Stage) -> Till:
    """A point of sale that the gateway made, so that the witness knows its name."""
    name = stage.fresh("till")
    body = {
        "merchantPosId": name,
        "storeId": stage.provider.store_id,
        "name": "Till",
        "supportedBeaconTypes": ["QR"],
    }
    made = await stage.wire.answer(await stage.wire.command("point-of-sale.create", body))
    return Till(str(made.data["posId"]), str(made.data["beaconId"]), name)
