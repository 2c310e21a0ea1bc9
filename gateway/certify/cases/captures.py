"""Checklist G and H: captures, and what must not stay reserved."""

import asyncio
from datetime import datetime
from typing import Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.provider import PARTIAL
from gateway.certify.stage import Stage, money
from gateway.certify.witness import hold, reset

CASES: Final = Cases()
WEEK_HOURS: Final = 7 * 24


@CASES.case(66, 67)
async def captures_that_cannot_be(stage: Stage, found: Findings) -> None:
    payment = await stage.start()
    await stage.wire.answer(payment.start)
    answer = await stage.ask("payment.capture", payment)
    sent = len(stage.seen("capture", payment.id))
    found.that(
        66, answer.reason == "wrong_status" and sent == 0, f"not approved: {answer.reason}, {sent} calls"
    )
    await stage.provider.approve(payment.till)
    await stage.wire.event(payment.id, "payment.reserved")
    answer = await stage.ask("payment.capture", payment, amount=money(1251))
    sent = len(stage.seen("capture", payment.id))
    found.that(
        67,
        answer.reason == "amount_above_reserved" and sent == 0,
        f"1251 of 1250: {answer.reason}, {sent} calls",
    )
    answer = await stage.ask("payment.capture", payment)
    body = stage.seen("capture", payment.id)[0].ask.body
    found.that(
        67,
        b"12.5" in body and answer.type == "payment.captured",
        f"the amount is always sent: {body.decode()}",
    )


@CASES.case(68)
async def captured_elsewhere_with_another_amount(stage: Stage, found: Findings) -> None:
    payment = await stage.reserved(phone=PARTIAL)
    provider_id = stage.witness.names.ids[payment.id]
    await stage.provider.call("POST", f"v10/payments/{provider_id}/capture", {"amount": 5})
    answer = await stage.ask("payment.capture", payment)
    code = stage.seen("capture", payment.id)[-1].data.get("code")
    event = await stage.wire.event(payment.id, "payment.captured")
    honest = "captured" not in event.data["amounts"] and "commandId" not in event.data
    found.that(
        68,
        answer.reason == "wrong_status" and code == "1307" and honest,
        f"{code}: {answer.reason}, payment.captured with amounts {event.data['amounts']}",
    )


@CASES.case(69, 70, 74)
async def captures_in_part(stage: Stage, found: Findings) -> None:
    whole, part = await stage.reserved(), await stage.reserved(phone=PARTIAL)
    for payment, possible in ((whole, False), (part, True)):
        event = stage.wire.of(payment.id, "payment.reserved")[0]
        found.equal(
            70, event.data.get("partialCapturePossible"), possible, "partialCapturePossible in the event"
        )
    answer = await stage.ask("payment.capture", whole, amount=money(500))
    sent = len(stage.seen("capture", whole.id))
    found.that(
        69,
        answer.reason == "partial_capture_not_possible" and sent == 0,
        f"where it is not possible: {answer.reason}, {sent} calls",
    )
    answer = await stage.ask("payment.capture", part, amount=money(500))
    found.equal(69, answer.data["amounts"]["captured"], 500, f"where it is: {answer.type}, captured")
    answer = await stage.ask("payment.capture", part, amount=money(500))
    sent = len(stage.seen("capture", part.id))
    found.that(
        74, answer.reason == "wrong_status" and sent == 1, f"the rest: {answer.reason}, {sent} capture in all"
    )


@CASES.case(78)
async def reserved_payments_are_not_polled(stage: Stage, found: Findings) -> None:
    payments = [await stage.reserved() for _ in range(3)]
    before = [len(stage.seen("get_payment", payment.id)) for payment in payments]
    await asyncio.sleep(3)
    after = [len(stage.seen("get_payment", payment.id)) for payment in payments]
    found.equal(78, after, before, "reads of three reserved payments, 3 s later")
    for payment in payments:
        await stage.ask("payment.cancel", payment)


@CASES.case(72, 76, place="aged")
async def a_capture_outlives_its_process(stage: Stage, found: Findings) -> None:
    payment, held = await stage.reserved(), hold()
    stage.witness.plan("capture", payment.id, held)
    sent = await stage.wire.command("payment.capture", {"paymentId": payment.id})
    await stage.until(held.arrived.is_set, "the capture")
    record = await stage.state_of(payment.id)
    found.that(
        72, '"pending"' in record and sent.id in record, "the intent to capture is in the committed state"
    )
    lists = len(stage.seen("list_payments", payment.id))
    await stage.restart(kill=True)
    held.released.set()
    answer = await stage.wire.answer(sent, 40)
    books = (await stage.provider.ledger(payment.id))[0]
    more = len(stage.seen("list_payments", payment.id)) - lists
    found.that(
        72,
        answer.type == "payment.captured" and books["effects"].get("capture") == 1,
        f"SIGKILL in the capture: {answer.type}, captured {books['effects'].get('capture')} time",
    )
    found.that(76, more == 0, f"the payment was known from the state: {more} listings")


@CASES.case(75, 77, place="aged")
async def an_outage_ends_as_it_was_meant(stage: Stage, found: Findings) -> None:
    taken, given = await stage.reserved(), await stage.reserved()
    untouched = await stage.reserved()
    stage.witness.outage = reset()
    capture = await stage.wire.command("payment.capture", {"paymentId": taken.id})
    cancel = await stage.wire.command("payment.cancel", {"paymentId": given.id})
    for payment in (taken, given):
        await stage.wire.event(payment.id, "payment.unknown")
    await asyncio.to_thread(stage.gateway.kill)
    stage.witness.outage = None
    await stage.open()
    answers = [(await stage.wire.answer(sent, 60)).type for sent in (capture, cancel)]
    ends = [(await stage.provider.status(payment.id))[0] for payment in (taken, given, untouched)]
    found.equal(75, answers, ["payment.captured", "payment.cancelled"], "after an outage and a SIGKILL")
    found.equal(
        77, ends, ["Captured", "CancelledByClient", "Reserved"], "told to capture, to cancel, nothing"
    )
    await stage.ask("payment.cancel", untouched)


@CASES.case(73, place="aged")
async def reservations_lapse(stage: Stage, found: Findings) -> None:
    payment = await stage.reserved()
    event = stage.wire.of(payment.id, "payment.reserved")[0]
    until = datetime.fromisoformat(str(event.data["expiresAt"]))
    days = (until - datetime.fromisoformat(str(event.data["occurredAt"]))).total_seconds() / 86_400
    found.that(73, 6.9 < days < 400, f"expiresAt is {days:.1f} days ahead")
    await stage.provider.advance(WEEK_HOURS * 3600 + 60)
    answer = await stage.ask("payment.capture", payment, 40)
    await stage.wire.event(payment.id, "payment.expired")
    found.that(
        73,
        answer.reason == "wrong_status" and answer.data["status"] == "expired",
        f"captured after 7 days: {answer.reason}, status {answer.data['status']}",
    )
