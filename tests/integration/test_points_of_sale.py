"""Points of sale, check-ins and notifications: real processes, a real Kafka, the simulator's own users."""

import base64
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.gateway_process import (
    GatewayProcess,
    Running,
    command,
    free_port,
    own_settings,
    wait_until,
)

STORE_ID = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
BEACON_ID = "a7b69d37-6753-4e94-afc3-ef5dab04b7f4"
LOYAL_USER = "+4520031804"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Nobody comes by himself."""
    scenario = tmp_path_factory.mktemp("sandbox") / "scenario.json"
    scenario.write_text(json.dumps({"poll_delay_ms": 50, "customers": {"automatic": False}}))
    with Running(("sandbox", "--port", "0", "--scenario", str(scenario)), {}) as process:
        wait_until(lambda: "http://" in process.output, "the sandbox")
        yield process.output[process.output.index("http://") :].split()[0]


class Place:
    """One gateway, and the commands and events of its points of sale."""

    def __init__(self, settings: dict[str, str], gateway: GatewayProcess, notifications: int) -> None:
        self.settings = settings
        self.gateway = gateway
        self.notifications = notifications

    def send(self, type_: str, message_id: str, **data: Any) -> None:
        line = json.dumps({"type": type_, "id": message_id, "source": "/shop", "data": data})
        sent = command("send", "-", settings=self.settings, stdin=line.encode())
        assert sent.returncode == 0, sent.stderr.decode()

    def events(self) -> list[dict[str, Any]]:
        shown = command("events", "--json", settings=self.settings)
        assert shown.returncode == 0, shown.stderr.decode()
        read = [json.loads(line) for line in shown.stdout.splitlines()]
        return [{**one["data"], "type": one["headers"]["ce_type"], "key": one["key"]} for one in read]

    def event(self, type_: str, **fields: Any) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [
                e
                for e in self.events()
                if e["type"] == type_ and all(e.get(name) == value for name, value in fields.items())
            ]
            return bool(found)

        wait_until(there, f"{type_} {fields}")
        assert len(found) == 1, found
        return found[0]

    def notify(self, body: bytes, path: str = "/notifications/check-in", method: str = "POST") -> int:
        connection = HTTPConnection("127.0.0.1", self.notifications, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.read() == b"", "nothing is echoed"
            return answer.status
        finally:
            connection.close()


@pytest.fixture(scope="module")
def place(kafka: Any, sandbox: str) -> Iterator[Place]:
    port = free_port()
    settings = own_settings(kafka.bootstrap_servers, sandbox)
    settings["GATEWAY_NOTIFICATIONS__PORT"] = str(port)
    made = command("topics", "create", "--partitions", "3", settings=settings)
    assert made.returncode == 0, made.stderr.decode()
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(3)
        yield Place(settings, gateway, port)


def check_in(sandbox: str, beacon_id: str, phone: str = LOYAL_USER) -> None:
    """As the app does, by the simulation of users that the provider's sandbox has."""
    address = urlsplit(sandbox)
    assert address.hostname is not None
    connection = HTTPConnection(address.hostname, address.port, timeout=5)

    def post(path: str, body: str, headers: dict[str, str]) -> bytes:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        return said

    pair = base64.b64encode(b"client:s3cret-of-the-test").decode()
    form = {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"}
    token_path = "/integrator-authentication/connect/token"
    token = json.loads(post(token_path, "grant_type=client_credentials", form))["access_token"]
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "X-MobilePay-Client-System-Version": "1.0.0",
        "X-MobilePay-Merchant-VAT-Number": "DK12345678",
        "X-IBM-Client-Id": "client",
    }
    body = json.dumps({"beaconId": beacon_id, "phoneNumber": phone})
    post("/pos/app/usersimulation/checkin", body, headers)
    connection.close()


def create(place: Place, name: str, **more: Any) -> dict[str, Any]:
    place.send(
        "point-of-sale.create",
        f"create-{name}",
        merchantPosId=name,
        storeId=STORE_ID,
        name=f"Till {name}",
        supportedBeaconTypes=["QR"],
        **more,
    )
    return place.event("point-of-sale.created", commandId=f"create-{name}")


def test_a_till_is_made_watched_and_removed(place: Place, sandbox: str) -> None:
    made = create(place, "till-1", beaconId=BEACON_ID)
    assert made["merchantPosId"] == made["key"] == "till-1" and made["sequence"] == 1
    assert made["storeId"] == STORE_ID and made["supportedBeaconTypes"] == ["QR"]
    assert made["qrContent"] == f"mobilepaypos://pos?id={BEACON_ID}&source=qr"
    assert "status" not in made and "paymentId" not in made
    place.send("checkin.watch", "watch-1", merchantPosId="till-1", posId=made["posId"], seconds=60)
    check_in(sandbox, BEACON_ID)
    started = place.event("checkin.started", commandId="watch-1")
    assert started["loyaltyIds"] and started["posId"] == made["posId"]
    place.send("point-of-sale.delete", "delete-1", merchantPosId="till-1", posId=made["posId"])
    gone = place.event("point-of-sale.deleted", commandId="delete-1")
    assert gone["posId"] == made["posId"] and gone["name"] == "Till till-1"
    place.send("checkin.watch", "watch-2", merchantPosId="till-1", posId=made["posId"], seconds=5)
    refused = place.event("command.rejected", commandId="watch-2")
    assert refused["reason"] == "point_of_sale_not_found"


def test_a_till_with_an_open_payment_is_in_use(place: Place) -> None:
    made = create(place, "till-2")
    amount = {"value": 1250, "currency": "DKK"}
    place.send("payment.initiate", "pay", paymentId="open-1", posId=made["posId"], amount=amount)
    place.event("payment.initiated", commandId="pay")
    place.send("point-of-sale.delete", "delete-2", merchantPosId="till-2", posId=made["posId"])
    refused = place.event("command.rejected", commandId="delete-2")
    assert refused["reason"] == "point_of_sale_in_use"
    assert [one["orderId"] for one in refused["provider"]["candidates"]] == ["open-1"]
    place.send("payment.cancel", "cancel", paymentId="open-1")
    place.event("payment.cancelled", commandId="cancel")
    place.send("point-of-sale.delete", "delete-3", merchantPosId="till-2", posId=made["posId"])
    place.event("point-of-sale.deleted", commandId="delete-3")


def test_a_notification_is_durable_before_it_is_answered_and_told(place: Place, sandbox: str) -> None:
    beacon = "123456789012345"
    made = create(place, "till-3", beaconId=beacon, callbackAlias="alias")
    check_in(sandbox, beacon, "+4520031801")
    hint = {
        "MerchantId": "m",
        "MerchantBrandId": "POSDK12345",
        "MerchantLocationId": "10001",
        "MerchantPosId": "till-3",
        "PosId": made["posId"],
    }
    assert [place.notify(json.dumps(hint).encode()) for _ in range(3)] == [200, 200, 200]
    started = place.event("checkin.started", merchantPosId="till-3")
    assert "commandId" not in started and started["posId"] == made["posId"]
    assert place.notify(json.dumps({**hint, "MerchantPosId": "nobody"}).encode()) == 200
    wait_until(
        lambda: b"gateway_notifications_dropped_total 1.0" in place.gateway.get("/metrics")[1], "dropped"
    )


def test_what_is_no_notification_is_refused_without_a_word(place: Place) -> None:
    assert place.notify(b"{}") == 400
    assert place.notify(b"\xff") == 400
    assert place.notify(json.dumps({"MerchantPosId": "x" * 37}).encode()) == 400
    assert place.notify(b" " * 9000) == 413
    assert place.notify(b"{}", path="/metrics") == 404
    assert place.notify(b"", method="GET") == 405
    assert place.gateway.get("/notifications/check-in")[0] == 404, "the other port knows nothing of it"
