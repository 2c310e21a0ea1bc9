"""Checklist O: what is sent has a format that the API takes; what has not is told apart before any call."""

import random
from collections.abc import Mapping
from typing import Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.stage import Stage, money

CASES: Final = Cases()
LETTERS: Final = (
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZæÆøØåÅäÄöÖšŠžŽâÂàÀáÁãÃéÉêÊëËèÈíÍîÎïÏìÌüÜûÛùÙúÚôÔòÒóÓõÕÿýÝñÑ"
    '!"#$%&\'()*+,-./":;<=>?@[\\]^_`{|}~¦¯¨\u00b4\u00d7«»ðþçß¤ÇµÐÞ±°ªº©§¶¼½¾¬®¢£¥¡¿¹²³ '
)
STRANGE: Final = ("€", "ł", "\u0416", "\u4e2d", "\n", "\t", "\x00", "😀")
TRIES: Final = 16


@CASES.case(124)
async def every_character_of_the_set(stage: Stage, found: Findings) -> None:
    draws, till = random.Random(stage.name), await stage.till()
    names = [LETTERS[at : at + 32] for at in range(0, len(LETTERS), 32)]
    names += ["".join(draws.choices(LETTERS, k=36)) for _ in range(TRIES)]
    taken = 0
    for number, text in enumerate(names):
        payment = await stage.start(
            till=till, orderId=text, label=text, paymentId=stage.fresh(f"set{number}")
        )
        answer = await stage.wire.answer(payment.start)
        sent = stage.seen("initiate", text)[-1].ask.data
        taken += answer.type == "payment.initiated" and (sent["orderId"], sent["merchantPaymentLabel"]) == (
            text,
            text,
        )
        await stage.ask("payment.cancel", payment)
    found.equal(
        124, taken, len(names), "orderIds and labels out of the whole set that went through unchanged"
    )


@CASES.case(124, 125)
async def what_the_api_would_refuse(stage: Stage, found: Findings) -> None:
    till = await stage.till()
    wrong: list[dict[str, object]] = [{"orderId": f"order{letter}"} for letter in STRANGE]
    wrong += [{"label": "x" * 37}, {"orderId": ""}, {"amount": money(0)}, {"amount": money(-1)}]
    wrong += [{"amount": {"value": 1.5, "currency": "DKK"}}, {"amount": money(1, "SEK")}, {"posId": "till"}]
    wrong += [{"plannedCaptureDelay": "never"}, {"approvalTimeoutSeconds": 0}]
    calls = 0
    for more in wrong:
        name = stage.fresh("wrong")
        body = {"paymentId": name, "posId": till.pos_id, "amount": money(100), **more}
        dead = await stage.wire.refused("payment.initiate", body)
        field = next(iter(more))
        calls += sum(one.subject in (name, more.get("orderId")) for one in stage.seen("initiate"))
        item = 124 if field in ("orderId", "label") else 125
        found.that(item, dead.reason == "invalid_data" and field in dead.message, f"{field}: {dead.reason}")
    found.equal(125, calls, 0, f"calls for {len(wrong)} commands with invalid data")


@CASES.case(125, place="after")
async def no_request_was_malformed(stages: Mapping[str, Stage], found: Findings) -> None:
    for name, stage in stages.items():
        refused = [one for one in stage.seen() if one.status == 400 and not one.fault]
        asked = [one for one in refused if one.operation not in ("list_stores", "detail_stores")]
        codes = sorted({f"{one.operation} {one.data.get('code')}" for one in asked})
        found.equal(125, codes, [], f"{name}: 400 answers among {len(stage.seen())} requests")
