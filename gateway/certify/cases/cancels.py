"""Checklist I and J: cancels, and how a lost payment is found."""

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.stage import SETTLE_SECONDS, Stage, money
from gateway.certify.witness import error, hold, silence

CASES: Final = Cases()
TOO_WIDE: Final = {"1109", "1110", "1121", "1122"}


@CASES.case(80, 81)
async def cancels_that_come_too_late(stage: Stage, found: Findings) -> None:
    captured = await stage.captured()
    answer = await stage.ask("payment.cancel", captured)
    sent = len(stage.seen("cancel", captured.id))
    found.that(
        80, answer.reason == "wrong_status" and sent == 0, f"after a capture: {answer.reason}, {sent} calls"
    )
    elsewhere = await stage.reserved()
    provider_id = stage.witness.names.ids[elsewhere.id]
    await stage.provider.call("POST", f"v10/payments/{provider_id}/capture", {"amount": 12.5})
    answer = await stage.ask("payment.cancel", elsewhere)
    refused = stage.seen("cancel", elsewhere.id)[-1]
    read = [one for one in stage.seen("get_payment", elsewhere.id) if one.arrived_at > refused.arrived_at]
    types = [event.type for event in stage.wire.of(elsewhere.id)][-2:]
    text = f"captured elsewhere: {refused.data.get('code')}, {len(read)} GET, {types}, "
    text += f"status {answer.data['status']}"
    found.that(80, refused.data.get("code") == "1300" and answer.reason == "wrong_status", text)
    found.that(81, len(read) == 1 and answer.data["status"] == "captured", text)
    gone = await stage.reserved()
    await stage.provider.call("POST", f"v10/payments/{stage.witness.names.ids[gone.id]}/cancel")
    answer = await stage.ask("payment.cancel", gone)
    found.equal(81, answer.type, "payment.cancelled", "cancelled elsewhere, which is what was wanted")


@CASES.case(82, 79, simulator=True)
async def a_start_without_an_answer_is_cancelled(stage: Stage, found: Findings) -> None:
    name = stage.fresh("lost")
    with stage.witness.lasting("initiate", name, silence(reaches=True)):
        payment = await stage.start(paymentId=name)
        await stage.wire.event(name, "payment.unknown")
        cancelled = await stage.ask("payment.cancel", payment, 40)
    await stage.wire.answer(payment.start)
    looks = stage.seen("list_payments", name)
    cancels = stage.seen("cancel", name)
    books = await stage.provider.status(name)
    asked = sorted(looks[-1].ask.parameters) if looks else []
    text = f"looked up by {asked}, then {len(cancels)} cancel; {cancelled.type}, books {books}"
    for item in (79, 82):
        found.that(
            item, asked == ["orderId", "posId"] and len(cancels) == 1 and books == ["CancelledByClient"], text
        )


@CASES.case(86, simulator=True)
async def what_takes_effect_late_is_found(stage: Stage, found: Findings) -> None:
    name = stage.fresh("late")
    stage.witness.plan("initiate", name, silence(late_seconds=7.5), silence(), silence())
    payment = await stage.start(paymentId=name)
    await stage.wire.event(name, "payment.unknown")
    cancelled = await stage.ask("payment.cancel", payment, 40)
    books = await stage.provider.status(name)
    looks = len(stage.seen("list_payments", name))
    posts = len(stage.seen("initiate", name))
    found.that(
        86,
        books == ["CancelledByClient"] and cancelled.type == "payment.cancelled",
        f"the first of {posts} POSTs took effect when all had been given up: {looks} looks, books {books}",
    )


@CASES.case(86, place="aged")
async def what_takes_effect_after_the_answer(stage: Stage, found: Findings) -> None:
    name, late = stage.fresh("later"), hold()
    stage.witness.plan("initiate", name, late)
    with stage.witness.lasting("initiate", name, error()):
        payment = await stage.start(1200, paymentId=name)
        await stage.wire.event(name, "payment.unknown")
        first = await stage.ask("payment.cancel", payment, 40)
    # The provider takes the first request only now, long after its client has hung up.
    await asyncio.to_thread(stage.gateway.stop)
    await stage.provider.initiate(payment.till, name)
    late.released.set()
    await stage.age(0.2)
    await stage.open()
    await stage.until(lambda: len(stage.wire.of(name, "payment.cancelled")) > 1, "the late effect's end", 40)
    second = stage.wire.of(name, "payment.cancelled")[-1]
    books = await stage.provider.status(name)
    found.that(
        86,
        second.reason == "late_effect" and set(books) == {"CancelledByClient"},
        f"answered {first.reason}; twelve minutes later found and {second.reason}, books {books}",
    )


@CASES.case(83, place="aged")
async def a_restart_goes_on_or_cleans_up(stage: Stage, found: Findings) -> None:
    lapsed = await stage.start(approvalTimeoutSeconds=4)
    alive = await stage.start(approvalTimeoutSeconds=300)
    for payment in (lapsed, alive):
        await stage.wire.answer(payment.start)

    async def wait() -> None:
        await asyncio.sleep(5)

    await stage.restart(kill=True, between=wait)
    event = await stage.wire.event(lapsed.id, "payment.cancelled", seconds=40)
    found.equal(83, event.reason, "approval_timeout", "its time ran out while the gateway was away")
    await stage.provider.approve(alive.till)
    event = await stage.wire.event(alive.id, "payment.reserved", seconds=40)
    found.equal(83, event.type, "payment.reserved", "the other one goes on")
    await stage.ask("payment.cancel", alive)


@CASES.case(84, 87, place="after")
async def every_listing_that_was_sent(stages: Mapping[str, Stage], found: Findings) -> None:
    for name, stage in stages.items():
        lists = stage.seen("list_payments")
        filters = {tuple(sorted(one.ask.parameters)) for one in lists}
        allowed = {("orderId", "posId"), ("orderId", "posId", "state"), ("posId",)}
        found.that(84, filters <= allowed, f"{name}: {len(lists)} listings by {sorted(filters)}")
        codes = {str(one.data.get("code")) for one in stage.seen() if one.status == 400 and not one.fault}
        found.that(87, not codes & TOO_WIDE, f"{name}: 400 codes seen {sorted(codes)}")


@CASES.case(85, 84)
async def a_captured_payment_of_before_is_adopted(stage: Stage, found: Findings) -> None:
    till, order_id = await stage.till(), stage.fresh("before")
    provider_id = await stage.provider.initiate(till, order_id)
    await stage.provider.approve(till)
    await stage.provider.call("POST", f"v10/payments/{provider_id}/capture", {"amount": 12})
    body = {
        "paymentId": order_id,
        "refundId": stage.fresh("ref"),
        "amount": money(1200),
        "posId": till.pos_id,
    }
    answer = await stage.wire.answer(await stage.wire.command("refund.create", body))
    asked = [one.ask.parameters for one in stage.seen("list_payments", order_id)]
    states = [parameters.get("state") for parameters in asked]
    found.that(
        85,
        "Captured" in states and answer.type.startswith("refund."),
        f"found with state={states}, then {answer.type}",
    )
    active = await stage.provider.call("GET", f"v10/payments?posId={till.pos_id}&orderId={order_id}")
    found.equal(
        84, active.data.get("paymentIds"), [], "a captured one in the list of the active and reserved"
    )


@CASES.case(88, place="aged")
async def a_lost_refund_is_found(stage: Stage, found: Findings) -> None:
    payment, held = await stage.captured(), hold()
    refund_id = stage.fresh("ref")
    stage.witness.plan("create_refund", refund_id, held)
    body = {"paymentId": payment.id, "refundId": refund_id, "amount": money(400)}
    sent = await stage.wire.command("refund.create", body)
    await stage.until(held.arrived.is_set, "the refund's request")
    held.released.set()
    await asyncio.to_thread(stage.gateway.kill)
    await stage.open()
    await stage.wire.answer(sent, 40)
    await stage.wire.event(payment.id, "refund.captured", seconds=40)
    lists = [sorted(one.ask.parameters) for one in stage.seen("list_refunds", payment.id)]
    refunds = (await stage.provider.ledger(payment.id))[0]["refunds"]
    keys = {one.ask.key for one in stage.seen("create_refund", refund_id)}
    found.that(
        88,
        ["paymentId"] in lists and len(refunds) == 1 and len(keys) == 1,
        f"SIGKILL in the call: listed by {lists}, {len(keys)} key, {len(refunds)} refund in the books",
    )


@CASES.case(86)
async def not_found_is_not_said_at_once(stage: Stage, found: Findings) -> None:
    name = stage.fresh("settle")
    with stage.witness.lasting("initiate", name, error()):
        payment = await stage.start(paymentId=name)
        await stage.wire.event(name, "payment.unknown")
        await stage.ask("payment.cancel", payment, 40)
    last = stage.seen("initiate", name)[-1]
    settled = stage.seen("list_payments", name)[-1].arrived_at - last.arrived_at
    found.that(
        86, settled >= SETTLE_SECONDS, f"the look that counts began {settled:.1f} s after the last request"
    )
