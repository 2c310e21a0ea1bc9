"""Checklist A: tokens, headers, answers of every kind, what may not be shown."""

import asyncio
import base64
import itertools
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from gateway.certify.findings import Cases, Findings
from gateway.certify.stage import Stage
from gateway.certify.traffic import Ask, Exchange
from gateway.certify.witness import Fault, extra, refusal

CASES: Final = Cases()
VERSION: Final = re.compile(r"\d+\.\d+\.\d+")
VAT: Final = re.compile(r"(?:DK|FI)\d{8}")
HEADER_CODES: Final = {"1151", "1153", "1155", "1156", "1157", "1159", "1161", "1182"}
_VERSION_HEADER: Final = "x-mobilepay-client-system-version"
_VAT_HEADER: Final = "x-mobilepay-merchant-vat-number"
PHONES: Final = (b"20031801", b"20031802", b"20031804", b"20031805")


def _calls(stage: Stage) -> list[Exchange]:
    return [one for one in stage.seen() if one.operation not in ("", "token")]


@CASES.case(2, 3, place="after")
async def how_tokens_are_asked_for(stages: Mapping[str, Stage], found: Findings) -> None:
    for name, stage in stages.items():
        for one in stage.seen("token"):
            form = {key: values[0] for key, values in parse_qs(one.ask.body.decode()).items()}
            basic = one.ask.values("authorization")[0].partition(" ")
            client = base64.b64decode(basic[2]).decode().partition(":")[0]
            kinds = one.ask.values("content-type")
            right = (
                one.ask.method == "POST"
                and kinds[0].startswith("application/x-www-form-urlencoded")
                and form["grant_type"] == "client_credentials"
                and (basic[0], client) == ("Basic", stage.settings["GATEWAY_POS__CLIENT_ID"])
            )
            found.that(2, right, f"{name}: POST {kinds[0]}, Basic of {client}, {sorted(form)}")
    bound = [parse_qs(one.ask.body.decode()) for one in stages["bound"].seen("token")]
    loose = [parse_qs(one.ask.body.decode()) for one in stages["open"].seen("token")]
    merchant = stages["bound"].provider.merchant
    held = bool(bound) and all(form.get("merchant_vat") == [merchant] for form in bound)
    found.that(3, held, f"a token per merchant: merchant_vat in {len(bound)} of {len(bound)} requests")
    found.that(3, loose and not any("merchant_vat" in form for form in loose), "one for all: never")


@CASES.case(4, 5, 6, 7, place="after")
async def headers_of_every_call(stages: Mapping[str, Stage], found: Findings) -> None:
    for name, stage in stages.items():
        asks = [one.ask for one in _calls(stage)]
        bearer = [ask for ask in asks if _once(ask, "authorization").startswith("Bearer ")]
        found.equal(4, len(bearer), len(asks), f"{name}: calls with one bearer token")
        versions = {_once(ask, _VERSION_HEADER) for ask in asks}
        version = stage.settings["GATEWAY_POS__CLIENT_VERSION"]
        well_formed = VERSION.fullmatch(version) is not None
        found.that(5, versions == {version} and well_formed, f"{name}: versions sent {sorted(versions)}")
        vats = {_once(ask, _VAT_HEADER) for ask in asks}
        bound = stage.settings.get("GATEWAY_POS__TOKEN_PER_MERCHANT") == "true"
        right = vats == {"0 times"} if bound else all(VAT.fullmatch(vat) for vat in vats)
        found.that(6, right, f"{name}: merchants sent {sorted(vats)}, tokens bound to one: {bound}")
        ibm = {",".join(ask.values("x-ibm-client-id")) for ask in asks}
        told = stage.settings.get("GATEWAY_POS__SEND_IBM_CLIENT_ID") == "false"
        expected = {""} if told else {stage.settings["GATEWAY_POS__CLIENT_ID"]}
        found.equal(7, ibm, expected, f"{name}: x-ibm-client-id")
        codes = {str(one.data.get("code")) for one in _calls(stage) if one.status == 400 and not one.fault}
        found.that(5, not codes & HEADER_CODES, f"{name}: 400 codes seen {sorted(codes)}")
        found.that(6, not codes & HEADER_CODES, f"{name}: 400 codes seen {sorted(codes)}")


def _once(ask: Ask, name: str) -> str:
    values = ask.values(name)
    return values[0] if len(values) == 1 else f"{len(values)} times"


@CASES.case(8, place="bound")
async def tokens_are_renewed(stage: Stage, found: Findings) -> None:
    token = stage.seen("token")[-1]
    lifetime = float(token.data["expires_in"])
    payment = await stage.start()
    await stage.wire.answer(payment.start)
    await stage.until(lambda: stage.seen("token")[-1].number > token.number, "a new token", lifetime + 5)
    age = stage.seen("token")[-1].arrived_at - (token.left_at or 0)
    early = [one for one in _calls(stage) if one.status == 401]
    found.that(
        8,
        age < lifetime and not early,
        f"renewed at {age:.1f} s of {lifetime:.0f} s, {len(early)} calls answered 401",
    )
    rows = sorted(stage.seen("token"), key=lambda one: one.arrived_at)
    overlap = [a for a, b in itertools.pairwise(rows) if (a.left_at or 0) > b.arrived_at]
    found.that(8, not overlap, f"{len(rows)} token requests, {len(overlap)} at the same time as another")


@CASES.case(8)
async def a_401_costs_one_new_token(stage: Stage, found: Findings) -> None:
    name = stage.fresh("token")
    before = len(stage.seen("token"))
    stage.witness.plan("initiate", name, refusal(401))
    answer = await stage.wire.answer((await stage.start(paymentId=name)).start)
    requests = stage.seen("initiate", name)
    tokens = {one.ask.values("authorization")[0] for one in requests}
    new = len(stage.seen("token")) - before
    found.that(
        8,
        len(requests) == 2 and len({one.ask.key for one in requests}) == 1 and len(tokens) == 2,
        f"401, {new} new token, the same key again, then {answer.type}",
    )


@CASES.case(8, place="alone")
async def credentials_refused_fail_closed(stage: Stage, found: Findings) -> None:
    stage.witness.outage = refusal(401)
    payment = await stage.start()
    await stage.until(lambda: len(stage.seen("initiate", payment.id)) > 1, "a second 401")
    await asyncio.sleep(1)
    status = (await stage.ready()).get("status")
    told = stage.wire.answer_to(payment.start)
    asked = len(stage.seen("initiate", payment.id))
    stage.witness.outage = None
    answer = await stage.wire.answer(payment.start, 40)
    found.that(
        8,
        status != "ok" and told is None and answer.type == "payment.initiated",
        f"{asked} requests answered 401: /readyz {status}, nothing said; afterwards {answer.type}",
    )


@CASES.case(10)
async def the_version_is_the_configured_one(stage: Stage, found: Findings) -> None:
    for wrong in ("1.2", "1.2.3.4", "v1.2.3"):
        done = await stage.cli("run", GATEWAY_POS__CLIENT_VERSION=wrong)
        said = (done.stdout + done.stderr).decode()
        found.that(
            10,
            done.returncode == 2 and "GATEWAY_POS__CLIENT_VERSION" in said,
            f"client version {wrong} is refused at start, exit {done.returncode}",
        )
    sent = stage.seen("token") and {_once(one.ask, _VERSION_HEADER) for one in _calls(stage)}
    found.equal(10, sent or set(), {stage.settings["GATEWAY_POS__CLIENT_VERSION"]}, "versions sent")


@CASES.case(12, 71)
async def no_pointless_traffic(stage: Stage, found: Findings) -> None:
    payment = await stage.captured()
    await asyncio.sleep(1.5)
    counts: dict[str, int] = {}
    for one in stage.seen("", payment.id):
        counts[one.operation] = counts.get(one.operation, 0) + 1
    polls = counts.pop("get_payment", 0)
    found.equal(12, counts, {"initiate": 1, "capture": 1}, f"requests of one payment beside {polls} polls")
    approved = [one for one in stage.seen("get_payment", payment.id) if one.data.get("status") == "Reserved"]
    waited = stage.seen("capture", payment.id)[0].arrived_at - (approved[0].left_at or 0)
    found.that(71, waited < 2, f"captured {waited * 1000:.0f} ms after the approval was read")


@CASES.case(13)
async def answers_of_every_kind(stage: Stage, found: Findings) -> None:
    payment_id = stage.fresh("kinds")
    for operation in ("initiate", "get_payment"):
        stage.witness.plan(operation, payment_id, extra())
    payment = await stage.start(paymentId=payment_id)
    answer = await stage.wire.answer(payment.start)
    found.that(13, answer.type == "payment.initiated", f"unknown members in answers: {answer.type}")
    made = stage.witness.names.ids[payment.id]
    odd = f'{{"paymentId":"{made}","status":"RejectedByMobilePayDueToAgeRestrictions","pollDelayInMs":200}}'
    stage.witness.plan(
        "get_payment", payment.id, Fault("answer", reaches=True, status=200, body=odd.encode())
    )
    stage.witness.plan("get_payment", payment.id, Fault("answer", reaches=True, status=404))
    seen = len(stage.seen("get_payment", payment.id))
    await stage.until(
        lambda: len(stage.seen("get_payment", payment.id)) > seen + 2, "polls after an odd one", 40
    )
    types = [event.type for event in stage.wire.of(payment.id)]
    found.that(13, types == ["payment.initiated"], f"an unknown status and a bare 404 to a poll: {types}")
    await stage.provider.approve(payment.till)
    await stage.wire.event(payment.id, "payment.reserved", seconds=40)
    stage.witness.plan("capture", payment.id, Fault("answer", reaches=True, status=204))
    found.equal(
        13,
        (await stage.ask("payment.capture", payment)).type,
        "payment.captured",
        "an empty 204 to a capture",
    )
    conflict = b'{"code":"7777","CorrelationId":"0d9af2a3-6a6e-4f6e-9f59-6b0f9d4a7c11","origin":"PoS"}'
    name = stage.fresh("kinds")
    stage.witness.plan("initiate", name, Fault("answer", status=409, body=conflict))
    answer = await stage.wire.answer((await stage.start(paymentId=name)).start)
    provider = answer.data.get("provider", {})
    found.that(
        13,
        answer.reason == "rejected_by_provider" and provider.get("correlationId", "")[:8] == "0d9af2a3",
        f"an unknown code with CorrelationId and origin: {answer.reason} {provider}",
    )


@CASES.case(14)
async def what_support_asks_for(stage: Stage, found: Findings) -> None:
    name, correlation_id = stage.fresh("support"), "7b1f5f0e-3a33-4a52-a2b1-9d2a4f3f0a10"
    stage.witness.plan("initiate", name, refusal(409, "1204", correlation_id))
    answer = await stage.wire.answer((await stage.start(paymentId=name)).start)
    provider = answer.data.get("provider", {})
    seen = {word: provider.get(word) for word in ("code", "correlationId")}
    found.equal(14, seen, {"code": "1204", "correlationId": correlation_id}, "kept in the event")


@CASES.case(9, place="after")
async def no_secret_anywhere(stages: Mapping[str, Stage], found: Findings) -> None:
    for name, stage in stages.items():
        pair = f"{stage.settings['GATEWAY_POS__CLIENT_ID']}:{stage.canary}".encode()
        tokens = [str(one.data.get("access_token", "")).encode() for one in stage.seen("token")]
        metrics = await stage.metrics()
        traces = stage.traces() + metrics
        secrets = [stage.canary.encode(), base64.b64encode(pair), *filter(None, tokens), *PHONES]
        shown = [number for number, secret in enumerate(secrets) if secret in traces]
        sought = f"{len(secrets)} secrets and phone numbers in {len(traces) // 1024} KiB"
        found.that(9, not shown and metrics, f"{name}: {sought} of log, metrics, events, state: {len(shown)}")
