"""Checklist K: refunds."""

from typing import Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.stage import Payment, Stage, money
from gateway.certify.witness import hold, refusal

CASES: Final = Cases()
DAY_SECONDS: Final = 86_400


@CASES.case(89)
async def refunds_of_what_cannot_be_refunded(stage: Stage, found: Findings) -> None:
    reserved = await stage.reserved()
    _, answer = await stage.refund(reserved, 100)
    sent = len(stage.seen("list_refunds", reserved.id))
    found.that(
        89, answer.reason == "wrong_status" and sent == 0, f"not captured: {answer.reason}, {sent} calls"
    )
    await stage.ask("payment.cancel", reserved)
    payment = await stage.captured()
    for status, code, reason in (
        (409, "1001", "payment_not_found"), (403, "1401", "not_permitted"), (409, "1354", "wrong_status"),
        (409, "1367", "refund_above_captured"), (409, "1365", "currency_mismatch"),
    ):  # fmt: skip
        refund_id = stage.fresh("ref")
        stage.witness.plan("create_refund", refund_id, refusal(status, code))
        _, answer = await stage.refund(payment, 100, refundId=refund_id)
        tries = len(stage.seen("create_refund", refund_id))
        found.that(89, answer.reason == reason and tries == 1, f"{code}: {answer.reason}, {tries} request")


@CASES.case(90, 92, 94, 95, 96)
async def several_refunds(stage: Stage, found: Findings) -> None:
    payment = await stage.captured(1250)
    first, answer = await stage.refund(payment, 800)
    await stage.wire.event(payment.id, "refund.captured")
    types = [event.type for event in stage.wire.of(payment.id) if event.data.get("refundId") == first]
    found.equal(95, types, [answer.type, "refund.reserved", "refund.captured"], "events of a refund")
    body = stage.seen("create_refund", first)[0].ask.data
    required = {"paymentId", "refundOrderId", "amount", "currencyCode"}
    found.that(94, required <= body.keys() and len(first) <= 36, f"a refund carries {sorted(body)}")
    found.equal(96, len(stage.seen("capture_refund", first)), 1, "captures of the reserved refund")
    second, answer = await stage.refund(payment, 451)
    sent = len(stage.seen("create_refund", second))
    found.that(
        90,
        answer.reason == "refund_above_captured" and sent == 0,
        f"800 + 451 of 1250: {answer.reason}, {sent} calls",
    )
    await stage.refund(payment, 450)
    await stage.until(lambda: len(stage.wire.of(payment.id, "refund.captured")) == 2, "the second refund")
    refunded = stage.wire.of(payment.id, "refund.captured")[-1].data["amounts"]["refunded"]
    found.equal(90, refunded, 1250, "800 + 450 refunded")
    other = stage.fresh("ref")
    sent_command = await stage.wire.command(
        "refund.create", {"paymentId": payment.id, "refundId": other, "amount": money(1, "EUR")}
    )
    answer = await stage.wire.answer(sent_command)
    sent = len(stage.seen("create_refund", other))
    found.that(
        92, answer.reason == "currency_mismatch" and sent == 0, f"EUR of DKK: {answer.reason}, {sent} calls"
    )


@CASES.case(95, 96, 99)
async def manual_refunds(stage: Stage, found: Findings) -> None:
    payment = await stage.captured(3000)
    taken, _ = await stage.refund(payment, 500, capture="manual")
    given, _ = await stage.refund(payment, 600, capture="manual")
    await stage.until(lambda: len(stage.wire.of(payment.id, "refund.reserved")) == 2, "two reserved refunds")
    for elsewhere, operation, code, type_ in (
        ("cancel", "capture_refund", "1351", "refund.capture"),
        ("capture", "cancel_refund", "1352", "refund.cancel"),
    ):
        refund_id, _ = await stage.refund(payment, 100, capture="manual")
        await _reserved(stage, payment, refund_id)
        await stage.provider.call("POST", f"v10/refunds/{stage.witness.names.ids[refund_id]}/{elsewhere}")
        answer = await stage.ask(type_, payment, refundId=refund_id)
        seen = stage.seen(operation, refund_id)[-1].data.get("code")
        found.equal(96, (answer.reason, seen), ("wrong_status", code), f"{elsewhere} elsewhere")
    stage.witness.plan("capture_refund", taken, refusal(404, "1004"))
    answer = await stage.ask("refund.capture", payment, refundId=taken)
    found.equal(96, answer.reason, "refund_not_found", "404 with 1004")
    answer = await stage.ask("refund.capture", payment, refundId=taken)
    found.equal(96, answer.type, "refund.captured", "captured by command")
    answer = await stage.ask("refund.cancel", payment, refundId=taken)
    sent = len(stage.seen("cancel_refund", taken))
    found.that(
        99, answer.reason == "wrong_status" and sent == 0, f"cancelled after its capture: {answer.reason}"
    )
    answer = await stage.ask("refund.cancel", payment, refundId=given)
    found.equal(
        99, (answer.type, answer.data.get("by")), ("refund.cancelled", "merchant"), "cancelled by command"
    )


@CASES.case(93, 95, simulator=True)
async def balances_and_failing_reservations(stage: Stage, found: Findings) -> None:
    till = await stage.provider.till(stage.fresh("till"), storeId=stage.provider.poor_store)
    payment = await stage.captured(5000, till=till)
    refund_id, answer = await stage.refund(payment, 2000)
    found.that(
        93,
        answer.reason == "refund_above_balance",
        f"2000 of a balance of 1000: {answer.reason}, code {answer.data.get('provider', {}).get('code')}",
    )
    _, answer = await stage.refund(payment, 900, refundId=refund_id)
    await stage.wire.event(payment.id, "refund.captured")
    found.that(
        93, answer.type.startswith("refund."), f"the same refundId in a new command, 900: {answer.type}"
    )
    failing = await stage.captured(1250)
    await stage.refund(failing, 100, refundId="fail-" + stage.fresh("ref")[:30])
    event = await stage.wire.event(failing.id, "refund.cancelled")
    found.equal(95, event.data["by"], "provider", "a refund that cannot be reserved is cancelled by")


@CASES.case(100)
async def access_across_merchants(stage: Stage, found: Findings) -> None:
    prepared, active = await stage.prepare(), await stage.start()
    for payment in (prepared, active):
        await stage.wire.answer(payment.start)
    reserved, captured = await stage.reserved(), await stage.captured()
    refund_id, _ = await stage.refund(captured, 100, capture="manual")
    await stage.wire.event(captured.id, "refund.reserved")
    for operation, subject, code, type_, payment, data in (
        ("ready", prepared.id, "1406", "payment.ready", prepared, {"amount": money(900)}),
        ("capture", reserved.id, "1407", "payment.capture", reserved, {}),
        ("cancel", active.id, "1408", "payment.cancel", active, {}),
        ("capture_refund", refund_id, "1402", "refund.capture", captured, {"refundId": refund_id}),
        ("cancel_refund", refund_id, "1402", "refund.cancel", captured, {"refundId": refund_id}),
    ):
        stage.witness.plan(operation, subject, refusal(403, code))
        answer = await stage.ask(type_, payment, **data)
        tries = len(stage.seen(operation, subject))
        found.that(
            100, answer.reason == "not_permitted" and tries == 1, f"{code} to {operation}: {answer.reason}"
        )
    till = await stage.provider.till(stage.fresh("till"))
    stage.witness.plan("delete_point_of_sale", till.pos_id, refusal(403, "1409"))
    body = {"merchantPosId": till.merchant_pos_id, "posId": till.pos_id}
    answer = await stage.wire.answer(await stage.wire.command("point-of-sale.delete", body))
    found.equal(100, answer.reason, "not_permitted", "1409 to delete_point_of_sale")
    stage.witness.plan("get_payment", active.id, refusal(403, "1411"))
    seen = len(stage.wire.of(active.id))
    await stage.until(lambda: any(one.status == 403 for one in stage.seen("get_payment", active.id)), "a 403")
    found.equal(100, len(stage.wire.of(active.id)), seen, "1411 to a poll: events")
    await stage.ask("payment.cancel", active)


async def _reserved(stage: Stage, payment: Payment, refund_id: str) -> None:
    def told() -> bool:
        events = stage.wire.of(payment.id, "refund.reserved")
        return any(event.data["refundId"] == refund_id for event in events)

    await stage.until(told, f"{refund_id} reserved")


@CASES.case(98, 72, place="aged")
async def a_refunds_fate_is_remembered(stage: Stage, found: Findings) -> None:
    payment, held = await stage.captured(), hold()
    refund_id, _ = await stage.refund(payment, 700, capture="manual")
    await stage.wire.event(payment.id, "refund.reserved")
    stage.witness.plan("cancel_refund", refund_id, held)
    sent = await stage.wire.command("refund.cancel", {"paymentId": payment.id, "refundId": refund_id})
    await stage.until(held.arrived.is_set, "the refund's cancel")
    await stage.restart(kill=True)
    held.released.set()
    answer = await stage.wire.answer(sent, 40)
    books = (await stage.provider.ledger(payment.id))[0]["refunds"][0]
    text = f"SIGKILL in a refund's cancel: {answer.type}, books {books['status']}"
    for item in (72, 98):
        found.that(item, answer.type == "refund.cancelled" and books["status"] == "CancelledByClient", text)


@CASES.case(97, 99, place="aged")
async def a_reserved_refund_captures_itself(stage: Stage, found: Findings) -> None:
    payment = await stage.captured()
    refund_id, _ = await stage.refund(payment, 300, capture="manual")
    await stage.wire.event(payment.id, "refund.reserved")
    await stage.provider.advance(DAY_SECONDS + 60)
    answer = await stage.ask("refund.cancel", payment, 40, refundId=refund_id)
    event = await stage.wire.event(payment.id, "refund.captured")
    text = f"cancelled after 24 h: {answer.reason}, then refund.captured by {event.data['by']}"
    for item in (97, 99):
        found.that(item, answer.reason == "wrong_status" and event.data["by"] == "expiry", text)


@CASES.case(91, place="aged")
async def refunds_of_old_payments(stage: Stage, found: Findings) -> None:
    payment = await stage.captured()
    await stage.provider.advance(91 * DAY_SECONDS)
    _, answer = await stage.refund(payment, 300)
    code = answer.data.get("provider", {}).get("code")
    found.equal(91, (answer.reason, code), ("refund_too_late", "1366"), "91 days after the capture")
