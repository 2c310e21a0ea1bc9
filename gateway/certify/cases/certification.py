"""Checklist P: the self-certification, whose every call first times out, then is answered 500, then works."""

from typing import Any, Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.provider import CREDIT, Till
from gateway.certify.stage import Payment, Stage, money
from gateway.certify.witness import error, silence

CASES: Final = Cases()
RESTRICTIONS: Final = {"debitCardDisallowed": True, "creditCardDisallowed": False}


def _stubborn(stage: Stage, operation: str, subject: str, reaches: bool = False) -> None:
    """The provider's way: time-out, 500, and only then the answer; with or without effect the first time."""
    stage.witness.plan(operation, subject, silence(reaches=reaches), error(reaches=reaches))


def _came_through(stage: Stage, found: Findings, item: int, operation: str, subject: str) -> None:
    rows = stage.seen(operation, subject)
    faults = [one.fault or one.status for one in rows]
    keys = {one.ask.key for one in rows}
    found.that(
        item,
        faults[:2] == ["silence", "error"] and rows[-1].status in (200, 204) and len(keys) == 1,
        f"{operation}: {faults}, {len(keys)} key",
    )


@CASES.case(126, 127, 128)
async def onboarding(stage: Stage, found: Findings) -> None:
    for reaches in (False, True):
        name = stage.fresh("onboard")
        _stubborn(stage, "create_point_of_sale", name, reaches)
        body = {
            "merchantPosId": name,
            "storeId": stage.provider.store_id,
            "name": "Check-out 1",
            "supportedBeaconTypes": ["QR"],
        }
        made = await stage.wire.answer(await stage.wire.command("point-of-sale.create", body), 40)
        _came_through(stage, found, 126, "create_point_of_sale", name)
        there = await stage.provider.call("GET", f"v10/pointofsales?merchantPosId={name}")
        found.equal(126, (made.type, len(there.data["posIds"])), ("point-of-sale.created", 1), "made, once")
        pos_id = str(made.data["posId"])
        _stubborn(stage, "delete_point_of_sale", name, reaches)
        sent = await stage.wire.command("point-of-sale.delete", {"merchantPosId": name, "posId": pos_id})
        gone = await stage.wire.answer(sent, 40)
        tries = [one.fault or one.status for one in stage.seen("delete_point_of_sale", name)]
        there = await stage.provider.call("GET", f"v10/pointofsales?merchantPosId={name}")
        found.that(
            127, gone.type == "point-of-sale.deleted" and not there.data["posIds"], f"{tries}: {gone.type}"
        )
    made = await stage.wire.answer(await stage.wire.command("point-of-sale.create", body), 40)
    till = Till(str(made.data["posId"]), str(made.data["beaconId"]), name)
    payment = await stage.start(till=till)
    answer = await stage.wire.answer(payment.start)
    found.equal(128, answer.type, "payment.initiated", "the point of sale serves")
    await stage.ask("payment.cancel", payment)


async def _begun(stage: Stage, found: Findings, item: int, **data: Any) -> Payment:
    name = stage.fresh("cert")
    _stubborn(stage, "initiate", name, reaches=True)
    payment = await stage.start(paymentId=name, **data)
    await stage.wire.answer(payment.start, 40)
    _came_through(stage, found, item, "initiate", name)
    return payment


@CASES.case(129)
async def payments(stage: Stage, found: Findings) -> None:
    whole = await _begun(stage, found, 129)
    await stage.provider.approve(whole.till)
    await stage.wire.event(whole.id, "payment.reserved")
    _stubborn(stage, "capture", whole.id, reaches=True)
    found.equal(129, (await stage.ask("payment.capture", whole, 40)).type, "payment.captured", "complete")
    _came_through(stage, found, 129, "capture", whole.id)
    declined = await _begun(stage, found, 129)
    await stage.provider.user("checkin", declined.till)
    await stage.provider.user("cancelpaymentbyuser", declined.till)
    event = await stage.wire.event(declined.id, "payment.cancelled")
    found.equal(129, event.data["by"], "customer", "cancelled by the user")
    active = await _begun(stage, found, 129)
    waiting = await stage.start(till=active.till, whenBusy="wait")
    _stubborn(stage, "cancel", active.id)
    event = await stage.ask("payment.cancel", active, 40)
    found.equal(129, event.data.get("by"), "merchant", "cancelled by the client")
    _came_through(stage, found, 129, "cancel", active.id)
    answer = await stage.wire.answer(waiting.start, 60)
    found.equal(129, answer.type, "payment.initiated", "a new one where an active payment was cleaned up")
    await stage.ask("payment.cancel", waiting)


@CASES.case(130)
async def refunds(stage: Stage, found: Findings) -> None:
    payment = await stage.captured(2000)
    for capture, last, word in (
        ("automatic", "capture_refund", "captured"),
        ("manual", "cancel_refund", "cancelled"),
    ):
        refund_id = stage.fresh("cert")
        for operation in ("create_refund", last):
            _stubborn(stage, operation, refund_id, reaches=True)
        await stage.refund(payment, 500, refundId=refund_id, capture=capture)
        if word == "cancelled":
            await stage.wire.event(payment.id, "refund.reserved")
            await stage.until(
                lambda: len(stage.wire.of(payment.id, "refund.reserved")) == 2, "the second refund"
            )
            await stage.ask("refund.cancel", payment, 40, refundId=refund_id)
        event = await stage.wire.event(payment.id, f"refund.{word}", seconds=40)
        _came_through(stage, found, 130, "create_refund", refund_id)
        _came_through(stage, found, 130, last, refund_id)
        found.equal(130, event.data["refundStatus"], word, "a refund")
    listed = await stage.provider.call("GET", f"v10/refunds?paymentId={stage.witness.names.ids[payment.id]}")
    found.equal(130, len(listed.data.get("refundIds", [])), 2, "refunds at the provider")


@CASES.case(131)
async def prepared_and_restricted(stage: Stage, found: Findings) -> None:
    for restricted in (False, True):
        more: dict[str, Any] = {"restrictions": RESTRICTIONS} if restricted else {}
        prepared = stage.fresh("cert")
        _stubborn(stage, "prepare", prepared, reaches=True)
        till = await stage.till()
        body = {"paymentId": prepared, "posId": till.pos_id}
        start = await stage.wire.command("payment.prepare", body)
        answer = await stage.wire.answer(start, 40)
        _came_through(stage, found, 131, "prepare", prepared)
        payment = Payment(prepared, till, start)
        await stage.provider.user("checkin", till, CREDIT)
        await stage.wire.event(prepared, "payment.paired")
        _stubborn(stage, "ready", prepared)
        answer = await stage.ask("payment.ready", payment, 40, amount=money(900), capture="automatic", **more)
        _came_through(stage, found, 131, "ready", prepared)
        found.equal(131, answer.type, "payment.issued", "a prepared payment, readied")
        await stage.provider.user("acceptpayment", till, CREDIT)
        event = await stage.wire.event(prepared, "payment.captured", seconds=40)
        found.equal(131, event.data["amounts"]["captured"], 900, f"captured, restricted {restricted}")
    plain = await _begun(stage, found, 131, restrictions=RESTRICTIONS, capture="automatic")
    await stage.provider.approve(plain.till, CREDIT)
    await stage.wire.event(plain.id, "payment.captured", seconds=40)
    sent = stage.seen("initiate", plain.id)[-1].ask.data["restrictions"]
    found.equal(131, sent, RESTRICTIONS, "a payment with restrictions, captured")
