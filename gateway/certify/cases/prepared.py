"""Checklist F: payments that are prepared before their amount is known."""

from typing import Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.provider import CREDIT, LOYAL
from gateway.certify.stage import Stage, money

CASES: Final = Cases()


@CASES.case(61, 62, 63)
async def prepared_then_readied(stage: Stage, found: Findings) -> None:
    paired = await stage.prepare()
    answer = await stage.wire.answer(paired.start)
    found.equal(63, answer.type, "payment.prepared", "nobody checked in")
    body = stage.seen("prepare", paired.id)[0].ask.data
    found.equal(61, sorted(body), ["orderId", "posId"], "prepare carries")
    await stage.provider.user("checkin", paired.till)
    await stage.wire.event(paired.id, "payment.paired")
    answer = await stage.ask("payment.ready", paired, amount=money(900), capture="automatic")
    found.equal(63, answer.type, "payment.issued", "readied when paired")
    ready = stage.seen("ready", paired.id)[0].ask.data
    required = {"amount", "currencyCode", "plannedCaptureDelay"}
    found.that(62, required <= ready.keys(), f"ready carries {sorted(ready)}")
    await stage.provider.user("acceptpayment", paired.till)
    await stage.wire.event(paired.id, "payment.captured")
    types = [event.type.removeprefix("payment.") for event in stage.wire.of(paired.id)]
    found.equal(63, types, ["prepared", "paired", "issued", "reserved", "captured"], "events")
    early = await stage.prepare()
    await stage.wire.answer(early.start)
    answer = await stage.ask("payment.ready", early, amount=money(900))
    found.equal(63, answer.type, "payment.initiated", "readied before the check-in")
    again = await stage.ask("payment.ready", early, amount=money(900))
    sent = len(stage.seen("ready", early.id))
    found.that(
        62, again.reason == "wrong_status" and sent == 1, f"readied again: {again.reason}, {sent} call in all"
    )
    refused = await stage.prepare()
    await stage.wire.answer(refused.start)
    terms = {"amount": 8, "currencyCode": "DKK", "plannedCaptureDelay": "None"}
    await stage.provider.call("POST", f"v10/payments/{stage.witness.names.ids[refused.id]}/ready", terms)
    answer = await stage.ask("payment.ready", refused, amount=money(900))
    code = stage.seen("ready", refused.id)[-1].data.get("code", "not asked")
    found.that(
        62, answer.reason == "wrong_status", f"readied elsewhere: {code}, {answer.type} {answer.reason}"
    )
    for payment in (early, refused):
        await stage.ask("payment.cancel", payment)


@CASES.case(64)
async def loyalty_absent_empty_and_present(stage: Stage, found: Findings) -> None:
    for phone, expected in ((LOYAL, True), (CREDIT, False)):
        payment = await stage.prepare()
        await stage.wire.answer(payment.start)
        before = stage.wire.of(payment.id)[0].data.get("loyaltyIds")
        found.equal(64, before, None, "loyaltyIds before anybody came")
        await stage.provider.user("checkin", payment.till, phone)
        await stage.wire.event(payment.id, "payment.paired")
        await stage.ask("payment.ready", payment, amount=money(900))
        await stage.provider.user("acceptpayment", payment.till, phone)
        event = await stage.wire.event(payment.id, "payment.reserved")
        told = event.data.get("loyaltyIds")
        text = f"of a user {'with' if expected else 'without'} any: {told}"
        found.that(64, bool(told) if expected else told == [], text)


@CASES.case(65)
async def cancelled_before_the_end(stage: Stage, found: Findings) -> None:
    for paired in (False, True):
        payment = await stage.prepare()
        await stage.wire.answer(payment.start)
        if paired:
            await stage.provider.user("checkin", payment.till)
            await stage.wire.event(payment.id, "payment.paired")
        event = await stage.ask("payment.cancel", payment)
        text = f"cancelled by the client when {'paired' if paired else 'prepared'}"
        found.equal(65, (event.type, event.data.get("by")), ("payment.cancelled", "merchant"), text)
    payment = await stage.prepare()
    await stage.wire.answer(payment.start)
    await stage.provider.user("checkin", payment.till)
    await stage.provider.user("cancelpaymentbyuser", payment.till)
    event = await stage.wire.event(payment.id, "payment.cancelled")
    found.equal(65, event.data.get("by"), "customer", "declined when paired")
