"""Checklist L, M and N: points of sale, stores, check-ins and notifications."""

import json
import uuid
from http.client import HTTPConnection
from typing import Any, Final

from gateway.certify.findings import Cases, Findings
from gateway.certify.stage import Stage, money
from gateway.certify.wire import Event
from gateway.certify.witness import error, refusal

CASES: Final = Cases()


def _body(stage: Stage, name: str, /, **more: Any) -> dict[str, Any]:
    body = {
        "merchantPosId": name,
        "storeId": stage.provider.store_id,
        "name": "Check-out 1",
        "supportedBeaconTypes": ["QR"],
    }
    return {**body, **more}


async def _create(stage: Stage, name: str, /, **more: Any) -> Event:
    return await stage.wire.answer(
        await stage.wire.command("point-of-sale.create", _body(stage, name, **more))
    )


async def _delete(stage: Stage, name: str, pos_id: str) -> Event:
    body = {"merchantPosId": name, "posId": pos_id}
    return await stage.wire.answer(await stage.wire.command("point-of-sale.delete", body))


@CASES.case(101, 104, 106, 112, 115)
async def a_point_of_sale_is_made(stage: Stage, found: Findings) -> None:
    name = stage.fresh("till")
    made = await _create(
        stage, name, callbackAlias="certify", supportedBeaconTypes=["QR", "NFC", "Bluetooth"]
    )
    sent = stage.seen("create_point_of_sale", name)[0].ask.data
    found.equal(101, sent["merchantPosId"], name, "merchantPosId")
    found.equal(104, sent["supportedBeaconTypes"], ["QR", "NFC", "Bluetooth"], "beacon types sent")
    found.equal(106, sent["callbackAlias"], "certify", "callbackAlias")
    kept = {"posId", "merchantPosId", "storeId", "name", "beaconId", "supportedBeaconTypes"}
    found.that(112, kept <= made.data.keys(), f"the event keeps {sorted(kept)}")
    beacon = made.data["beaconId"]
    found.equal(115, made.data["qrContent"], f"mobilepaypos://pos?id={beacon}&source=qr", "QR content")
    found.that(
        115,
        made.data["qrContent"] == made.data["qrContent"].lower() and made.data["posId"] != beacon,
        "all in lower case, of the beacon and not of the posId",
    )
    dead = await stage.wire.refused("point-of-sale.create", _body(stage, "x" * 37))
    found.equal(101, dead.reason, "invalid_data", "37 characters")
    for wrong in (["BluetoothMPx"], []):
        dead = await stage.wire.refused(
            "point-of-sale.create", _body(stage, stage.fresh("till"), supportedBeaconTypes=wrong)
        )
        found.equal(104, dead.reason, "invalid_data", f"beacon types {wrong}")


@CASES.case(101, 102)
async def names_and_beacons_are_unique(stage: Stage, found: Findings) -> None:
    for beacon in (f"{uuid.uuid4().int % 10**15:015d}", str(uuid.uuid4()), None):
        more = {"beaconId": beacon} if beacon else {}
        made = await _create(stage, stage.fresh("till"), **more)
        text = f"beacon {beacon or 'left out'}: {made.data['beaconId']}"
        found.that(102, made.data["beaconId"] == beacon if beacon else made.data["beaconId"], text)
    answer = await _create(stage, stage.fresh("till"), beaconId=made.data["beaconId"])
    found.equal(102, answer.reason, "beacon_exists", "the same beacon again")
    theirs = await stage.till()
    answer = await _create(stage, theirs.merchant_pos_id)
    code = answer.data.get("provider", {}).get("code")
    found.equal(101, answer.reason, "point_of_sale_exists", f"a merchantPosId that is there, {code}")


@CASES.case(107)
async def a_payment_before_the_check_in(stage: Stage, found: Findings) -> None:
    name = stage.fresh("till")
    made = await _create(stage, name, requirePaymentBeforeCheckin=True)
    sent = stage.seen("create_point_of_sale", name)[0].ask.data
    told = (await stage.provider.call("GET", f"v10/pointofsales/{made.data['posId']}")).data
    found.that(
        107,
        sent["requirePaymentBeforeCheckin"] is True and told.get("requirePaymentBeforeCheckin") is True,
        "requirePaymentBeforeCheckin is sent, and read back",
    )


@CASES.case(108, 109, 110)
async def changed_means_deleted_and_made_anew(stage: Stage, found: Findings) -> None:
    name = stage.fresh("till")
    first = await _create(stage, name)
    pos_id = str(first.data["posId"])
    body = {"paymentId": stage.fresh("pay"), "posId": pos_id, "amount": money(1250)}
    start = await stage.wire.command("payment.initiate", body)
    await stage.wire.answer(start)
    answer = await _delete(stage, name, pos_id)
    sent = len(stage.seen("delete_point_of_sale", name))
    found.that(
        109,
        answer.reason == "point_of_sale_in_use" and sent == 0,
        f"deleted under an active payment: {answer.reason}, {sent} calls",
    )
    beacon = {"beaconId": first.data["beaconId"], "phoneNumber": "+4520031801"}
    for act in ("checkin", "acceptpayment"):
        await stage.provider.call("POST", f"app/usersimulation/{act}", beacon)
    await stage.wire.event(str(body["paymentId"]), "payment.reserved")
    await stage.provider.call("DELETE", f"v10/pointofsales/{pos_id}")
    answer = await stage.wire.answer(
        await stage.wire.command("payment.capture", {"paymentId": body["paymentId"]})
    )
    found.equal(110, answer.type, "payment.captured", "captured after its point of sale was deleted")
    await _delete(stage, name, pos_id)
    second = await _create(stage, name, name="Check-out 2")
    found.that(
        108,
        second.type == "point-of-sale.created" and second.data["posId"] != pos_id,
        f"deleted and made anew with another name: {second.type}, another posId",
    )


@CASES.case(111)
async def made_once(stage: Stage, found: Findings) -> None:
    name = stage.fresh("till")
    sent = await stage.wire.command("point-of-sale.create", _body(stage, name))
    first = await stage.wire.answer(sent)
    await stage.wire.again(sent)
    await _create(stage, stage.fresh("till"))
    posts = len(stage.seen("create_point_of_sale", name))
    found.equal(111, posts, 1, "the same command at each start of a till: creating calls")
    found.equal(111, len(stage.wire.of(name)), 1, f"answers, {first.type}")
    lost = stage.fresh("till")
    with stage.witness.lasting("create_point_of_sale", lost, error(reaches=True)):
        sent = await stage.wire.command("point-of-sale.create", _body(stage, lost))
        await stage.until(lambda: stage.seen("list_points_of_sale", lost), "a look by merchantPosId")
    answer = await stage.wire.answer(sent, 40)
    there = await stage.provider.call("GET", f"v10/pointofsales?merchantPosId={lost}")
    found.equal(
        111,
        (answer.type, len(there.data["posIds"])),
        ("point-of-sale.created", 1),
        "an answer that was lost: looked up by merchantPosId",
    )


@CASES.case(113)
async def the_qr_code_is_read_anew(stage: Stage, found: Findings) -> None:
    till = await stage.till()
    done = await stage.cli("pos", "qr", till.pos_id)
    read = [one for one in stage.seen("get_point_of_sale", till.pos_id) if one.status == 200]
    found.that(
        113, done.returncode == 0 and len(read) == 1, f"pos qr: exit {done.returncode}, read {len(read)} time"
    )
    shown = await stage.cli("pos", "get", till.pos_id, "--json")
    found.equal(113, json.loads(shown.stdout).get("beaconId"), till.beacon_id, "beaconId by pos get")


@CASES.case(114)
async def refusals_of_the_onboarding(stage: Stage, found: Findings) -> None:
    for status, code, reason in (
        (409, "1002", "store_not_found"), (403, "1403", "not_permitted"), (400, "1100", "invalid_at_provider"),
        (409, "1202", "beacon_exists"), (409, "1200", "point_of_sale_exists"),
    ):  # fmt: skip
        name = stage.fresh("till")
        stage.witness.plan("create_point_of_sale", name, refusal(status, code))
        answer = await _create(stage, name)
        tries = len(stage.seen("create_point_of_sale", name))
        found.that(114, answer.reason == reason and tries == 1, f"{code}: {answer.reason}, {tries} request")
    answer = await _create(stage, stage.fresh("till"), storeId=str(uuid.uuid4()))
    found.equal(114, answer.reason, "store_not_found", "a store that is none")
    for field, value in (
        ("beaconId", "12345"), ("beaconId", "G" * 36), ("merchantPosId", ""), ("name", "€" * 3),
        ("callbackAlias", "x" * 37), ("storeId", "no-uuid"),
    ):  # fmt: skip
        name = stage.fresh("till")
        dead = await stage.wire.refused("point-of-sale.create", _body(stage, name, **{field: value}))
        calls = len(stage.seen("create_point_of_sale", name))
        told = dead.reason == "invalid_data" and field in dead.message
        found.that(114, told and calls == 0, f"{field}: {dead.reason}, {calls} calls")


@CASES.case(116, 117, 118)
async def stores_are_found(stage: Stage, found: Findings) -> None:
    listed = await stage.cli("stores", "list", "--json")
    ids = json.loads(listed.stdout)
    detailed = await stage.cli("stores", "list", "--detailed", "--json")
    rows = json.loads(detailed.stdout)
    found.that(
        116, stage.provider.store_id in str(ids) and rows, f"{len(rows)} stores listed with their details"
    )
    row = next(one for one in rows if one["storeId"] == stage.provider.store_id)
    brand, location = row["merchantBrandId"], row["merchantLocationId"]
    by_name = await stage.cli("stores", "list", "--brand", brand, "--location", location, "--json")
    found.that(117, stage.provider.store_id in by_name.stdout.decode(), f"found by {brand} and {location}")
    got = await stage.cli("stores", "get", stage.provider.store_id, "--json")
    found.equal(116, json.loads(got.stdout).get("storeId"), stage.provider.store_id, "details of one store")
    made = await _create(stage, stage.fresh("till"), storeId=row["storeId"])
    found.equal(118, made.type, "point-of-sale.created", "a storeId kept from that list serves")


@CASES.case(119)
async def ids_of_brands_and_locations(stage: Stage, found: Findings) -> None:
    for option, value, code in (("--brand", "MPPOS1", "1119"), ("--location", "123456", "1120")):
        brand = () if option == "--brand" else ("--brand", "POSDK12345")
        done = await stage.cli("stores", "list", *brand, option, value)
        said = (done.stdout + done.stderr).decode()
        found.that(
            119, done.returncode == 1 and code in said, f"{option} {value}: exit {done.returncode}, {code}"
        )


@CASES.case(120, 121, 122, simulator=True)
async def notifications_of_a_check_in(stage: Stage, found: Findings) -> None:
    name = stage.fresh("till")
    made = await _create(stage, name, callbackAlias="certify")
    pos_id = str(made.data["posId"])
    phone = {"beaconId": made.data["beaconId"], "phoneNumber": "+4520031804"}
    await stage.provider.call("POST", "app/usersimulation/checkin", phone)
    body = {
        "MerchantId": "1", "MerchantBrandId": "POSDK12345", "MerchantLocationId": "10001",
        "MerchantPosId": name, "PosId": pos_id,
    }  # fmt: skip
    statuses = [_notify(stage, body) for _ in range(3)]
    started = await stage.wire.event(name, "checkin.started")
    found.equal(120, statuses[0], 200, "POST /notifications/check-in is answered")
    reads = len(stage.seen("get_check_in", name))
    found.that(
        122, reads >= 1, f"a notification is only a hint: {reads} read of the check-in before the event"
    )
    await _create(stage, stage.fresh("till"))
    events = len(stage.wire.of(name, "checkin.started"))
    found.that(
        121,
        statuses == [200, 200, 200] and events == 1,
        f"sent three times, answered {statuses}: {events} event, loyalty {started.data.get('loyaltyIds')}",
    )
    found.equal(120, _notify(stage, {"MerchantPosId": 1}), 400, "a malformed one is answered")


def _notify(stage: Stage, body: dict[str, Any]) -> int:
    connection = HTTPConnection("127.0.0.1", stage.notifications_port, timeout=10)
    try:
        connection.request(
            "POST", "/notifications/check-in", json.dumps(body), {"content-type": "application/json"}
        )
        return connection.getresponse().status
    finally:
        connection.close()
