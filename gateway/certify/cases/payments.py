"""Checklist E: payments that are initiated."""

import asyncio
import re
from decimal import Decimal
from typing import Any, Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.provider import CREDIT
from gateway.certify.stage import Stage, money
from gateway.certify.witness import error

CASES: Final = Cases()
ENDED_LATER_SECONDS: Final = 2.0
UNKNOWN_TILL: Final = "00000000-0000-4000-8000-000000000000"


@CASES.case(43, 44, 51, 54, 56, 57)
async def a_payment_from_end_to_end(stage: Stage, found: Findings) -> None:
    payment = await stage.start(capture="automatic")
    await stage.wire.answer(payment.start)
    await stage.provider.user("checkin", payment.till)
    await stage.wire.event(payment.id, "payment.issued")
    await stage.provider.user("acceptpayment", payment.till)
    reserved = await stage.wire.event(payment.id, "payment.reserved")
    captured = await stage.wire.event(payment.id, "payment.captured")
    types = [event.type.removeprefix("payment.") for event in stage.wire.of(payment.id)]
    found.equal(51, types, ["initiated", "issued", "reserved", "captured"], "events")
    body = stage.seen("initiate", payment.id)[0].ask.data
    required = {"posId", "orderId", "amount", "currencyCode", "plannedCaptureDelay"}
    found.that(44, required <= body.keys(), f"initiate carries {sorted(body)}")
    found.equal(57, body["orderId"], payment.id, "orderId where the command names none")
    found.equal(56, len(stage.seen("prepare", payment.id)), 0, "payment.initiate led to prepare calls")
    captures = stage.seen("capture", payment.id)
    found.equal(43, [one.status for one in captures], [200], "explicit captures")
    read = next(one for one in stage.seen("get_payment", payment.id) if one.data.get("status") == "Reserved")
    order = reserved.number < captured.number and (read.left_at or 0) <= captures[0].arrived_at
    found.that(54, order, f"payment.reserved is event {reserved.data['sequence']}, before the capture")


@CASES.case(33, place="after")
async def approved_means_read_back(stages: object, found: Findings) -> None:
    assert isinstance(stages, dict)
    for name, stage in stages.items():
        told = {event.key for event in stage.wire.events if event.type == "payment.reserved"}
        read = {one.subject for one in stage.seen("get_payment") if one.data.get("status") == "Reserved"}
        found.that(
            33,
            told <= read,
            f"{name}: {len(told)} payments called reserved, all of them read so: {told <= read}",
        )


@CASES.case(45, 46, 47)
async def amounts_and_delays(stage: Stage, found: Findings) -> None:
    delays = {"none": "None", "lessThan24Hours": "LessThan24Hours", "lessThan14Days": "LessThan14Days"}
    for value, currency, delay in (
        (1, "DKK", "none"), (99, "EUR", "lessThan24Hours"), (100, "DKK", "lessThan14Days"),
        (1250, "EUR", ""), (1_000_000_007, "DKK", "none"),
    ):  # fmt: skip
        more: dict[str, Any] = {"plannedCaptureDelay": delay} if delay else {}
        payment = await stage.start(amount=money(value, currency), **more)
        await stage.wire.answer(payment.start)
        ask = stage.seen("initiate", payment.id)[0].ask
        match = re.search(rb'"amount":\s*([^,}]+)', ask.body)
        text = match[1].decode() if match else ""
        exact = bool(re.fullmatch(r"\d+(?:\.\d{1,2})?", text)) and Decimal(text) * 100 == value
        shown = f"{value} minor units of {currency} went out as {text} {ask.data['currencyCode']}"
        found.that(45, exact and ask.data["currencyCode"] == currency, shown)
        sent = ask.data["plannedCaptureDelay"]
        item = 47 if delay == "lessThan14Days" else 46
        found.equal(item, sent, delays.get(delay, "None"), f"plannedCaptureDelay of {delay or 'nothing'}")
        if item == 46:
            found.that(47, sent != "LessThan14Days", f"LessThan14Days only where asked for: {sent}")
        await stage.ask("payment.cancel", payment)


@CASES.case(51, 52, 53, simulator=True)
async def every_way_to_end(stage: Stage, found: Findings) -> None:
    declined = await stage.start()
    await stage.wire.answer(declined.start)
    await stage.provider.user("checkin", declined.till)
    await stage.provider.user("cancelpaymentbyuser", declined.till)
    event = await stage.wire.event(declined.id, "payment.cancelled")
    found.equal(53, (event.data["by"], event.reason), ("customer", "declined"), "declined by the customer")
    cancelled = await stage.start()
    await stage.wire.answer(cancelled.start)
    event = await stage.ask("payment.cancel", cancelled)
    found.equal(51, (event.data["by"], event.reason), ("merchant", "command"), "cancelled by command")
    failing = await stage.start(paymentId="fail-" + stage.fresh("pay")[:30])
    event = await stage.wire.event(failing.id, "payment.cancelled")
    found.equal(52, (event.data["by"], event.reason), ("provider", "provider"), "cancelled by the provider")


@CASES.case(48, 49, 50)
async def one_active_payment_a_till(stage: Stage, found: Findings) -> None:
    first = await stage.start()
    await stage.wire.answer(first.start)
    second = await stage.start(till=first.till)
    answer = await stage.wire.answer(second.start)
    named = answer.data.get("provider", {}).get("candidates", [])
    orders = [one.get("orderId") for one in named]
    found.that(
        48,
        answer.reason == "point_of_sale_busy" and orders == [first.id],
        f"a second start: {answer.reason}, which names {orders}",
    )
    found.equal(50, len(stage.seen("cancel", first.id)), 0, "cancels of the payment in the way")
    waiting = await stage.start(till=first.till, whenBusy="wait")
    await stage.until(lambda: len(stage.seen("initiate", waiting.id)) > 0, "a try")
    await stage.ask("payment.cancel", first)
    answer = await stage.wire.answer(waiting.start, 60)
    tries = stage.seen("initiate", waiting.id)
    keys = {one.ask.key for one in tries}
    found.that(
        49,
        answer.type == "payment.initiated" and len(keys) == len(tries),
        f"the one in the way cancelled by its owner, then {answer.type} after {len(tries)} tries, "
        f"{len(keys)} keys",
    )
    foreign = await stage.till()
    await stage.provider.initiate(foreign, stage.fresh("foreign"))
    answer = await stage.wire.answer((await stage.start(till=foreign)).start)
    active = answer.data.get("provider", {}).get("candidates", [{}])[0].get("status")
    found.that(
        50,
        answer.reason == "point_of_sale_busy" and active == "Initiated",
        f"somebody else's payment: {answer.reason}, and it stays {active}",
    )


@CASES.case(55)
async def check_in_before_and_after(stage: Stage, found: Findings) -> None:
    till = await stage.till()
    await stage.provider.user("checkin", till, CREDIT)
    early = await stage.start(till=till)
    answer = await stage.wire.answer(early.start)
    found.equal(55, answer.type, "payment.issued", "checked in before the start")
    await stage.provider.user("acceptpayment", till, CREDIT)
    await stage.wire.event(early.id, "payment.reserved")
    late = await stage.start()
    answer = await stage.wire.answer(late.start)
    await stage.provider.user("checkin", late.till)
    await stage.wire.event(late.id, "payment.issued")
    found.equal(55, answer.type, "payment.initiated", "checked in after it")


@CASES.case(58)
async def another_payment_with_the_same_order(stage: Stage, found: Findings) -> None:
    till, name = await stage.till(), stage.fresh("same")
    theirs = await stage.provider.initiate(till, name, 5)
    stage.witness.plan("initiate", name, error())
    ours = await stage.start(700, till=till, paymentId=name)
    answer = await stage.wire.answer(ours.start, 60)
    told = await stage.provider.call("GET", f"v10/payments/{theirs}")
    looks = stage.seen("list_payments", name)
    found.that(
        58,
        answer.reason == "point_of_sale_busy" and looks and told.data["status"] == "Initiated",
        f"{len(looks)} look found one of another amount: {answer.reason}, theirs stays {told.data['status']}",
    )


@CASES.case(59, simulator=True)
async def refusals_of_a_point_of_sale(stage: Stage, found: Findings) -> None:
    for pos_id, reason in (
        (UNKNOWN_TILL, "point_of_sale_not_found"),
        (stage.provider.closed_till, "store_not_active"),
        (stage.provider.foreign_till, "not_permitted"),
    ):
        name = stage.fresh("refused")
        sent = await stage.wire.command(
            "payment.initiate", {"paymentId": name, "posId": pos_id, "amount": money(100)}
        )
        answer = await stage.wire.answer(sent)
        tries = stage.seen("initiate", name)
        code = answer.data.get("provider", {}).get("code")
        found.that(
            59, answer.reason == reason and len(tries) == 1, f"{code}: {answer.reason}, {len(tries)} request"
        )


@CASES.case(60)
async def restrictions_pass_through(stage: Stage, found: Findings) -> None:
    wanted = {"debitCardDisallowed": True, "creditCardDisallowed": False}
    with_them = await stage.start(restrictions=wanted)
    without = await stage.start()
    prepared = await stage.prepare()
    for payment in (with_them, without, prepared):
        await stage.wire.answer(payment.start)
    await stage.ask("payment.ready", prepared, amount=money(900), restrictions=wanted)
    sent = stage.seen("initiate", with_them.id)[0].ask.data.get("restrictions")
    found.equal(60, sent, wanted, "restrictions of an initiate")
    found.equal(60, stage.seen("ready", prepared.id)[0].ask.data.get("restrictions"), wanted, "of a ready")
    plain = stage.seen("initiate", without.id)[0].ask.data.get("restrictions")
    found.that(60, not plain, f"of a command without: {plain}")
    await asyncio.gather(*(stage.ask("payment.cancel", one) for one in (with_them, without, prepared)))
