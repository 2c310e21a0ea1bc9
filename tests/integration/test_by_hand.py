"""The provider's API by hand: the commands as a person types them, against a real simulator."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway_process import Running, command, wait_until

STORE_ID = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    scenario: Path = tmp_path_factory.mktemp("sandbox") / "scenario.json"
    # The first creating call takes effect unheard; the same key names what it made.
    faults = {"rules": [{"fault": "error_after", "operation": "create_point_of_sale", "times": 1}]}
    scenario.write_text(json.dumps({"faults": faults}))
    with Running(("sandbox", "--port", "0", "--scenario", str(scenario)), {}) as process:
        wait_until(lambda: "http://" in process.output, "the sandbox")
        url = process.output[process.output.index("http://") :].split()[0]
        yield {
            "GATEWAY_POS__BASE_URL": url,
            "GATEWAY_POS__CLIENT_ID": "client",
            "GATEWAY_POS__CLIENT_SECRET": "s3cret-of-the-test",
            "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
        }


def told(settings: dict[str, str], *arguments: str) -> Any:
    done = command(*arguments, "--json", settings=settings)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_stores_are_listed_and_shown(settings: dict[str, str]) -> None:
    assert told(settings, "stores", "list") == {"storeIds": [STORE_ID]}
    [store] = told(settings, "stores", "list", "--detailed", "--brand", "POSDK12345")
    assert store["storeId"] == STORE_ID
    assert told(settings, "stores", "get", STORE_ID) == store
    table = command("stores", "list", "--detailed", settings=settings).stdout.decode()
    assert store["storeCity"] in table and "storeId" in table


def test_a_point_of_sale_from_its_making_to_its_end(settings: dict[str, str]) -> None:
    wanted = ("till-1", "--store", STORE_ID, "--name", "Till 1", "--beacon-type", "QR")
    made = command("pos", "create", *wanted, "--json", settings=settings)
    assert made.returncode == 0, made.stderr.decode()
    pos_id, key = (json.loads(made.stdout)[name] for name in ("posId", "idempotencyKey"))
    assert f"idempotency key {key}" in made.stderr.decode()
    assert told(settings, "pos", "create", *wanted, "--key", key)["posId"] == pos_id, "the same key again"
    found = told(settings, "pos", "get", pos_id)
    assert found["name"] == "Till 1" and found["beaconId"]
    assert told(settings, "pos", "list", "--merchant-pos-id", "till-1") == {"posIds": [pos_id]}
    content = f"mobilepaypos://pos?id={found['beaconId']}&source=qr".lower()
    assert told(settings, "pos", "qr", pos_id)["qrContent"] == content
    drawn = command("pos", "qr", pos_id, settings=settings).stdout.decode()
    assert content in drawn and len(drawn.splitlines()) > 10
    taken = command("pos", "create", *wanted, settings=settings)
    assert taken.returncode == 1 and "1200" in taken.stderr.decode()
    assert told(settings, "pos", "delete", pos_id) == {"deleted": pos_id}
    assert command("pos", "get", pos_id, settings=settings).returncode == 1


def test_payments_and_refunds_are_shown_as_the_provider_has_them(settings: dict[str, str]) -> None:
    wanted = ("till-2", "--store", STORE_ID, "--name", "Till 2", "--beacon-type", "QR")
    pos_id = told(settings, "pos", "create", *wanted)["posId"]
    assert told(settings, "payment", "list", "--pos", pos_id) == {"paymentIds": []}
    assert told(settings, "payment", "list", "--pos", pos_id, "--order", "o-1", "--captured") == {
        "paymentIds": []
    }
    assert told(settings, "refund", "list", "--payment", UNKNOWN) == {"refundIds": []}
    for arguments in (("payment", "get", UNKNOWN), ("refund", "get", UNKNOWN)):
        absent = command(*arguments, settings=settings)
        assert absent.returncode == 1 and "404" in absent.stderr.decode()


def test_a_provider_out_of_reach_ends_with_3_and_wrong_usage_with_2(settings: dict[str, str]) -> None:
    away = {**settings, "GATEWAY_POS__BASE_URL": "http://127.0.0.1:1"}
    silent = command("stores", "list", settings=away)
    assert silent.returncode == 3 and "http://127.0.0.1:1" in silent.stderr.decode()
    assert "Traceback" not in silent.stderr.decode()
    assert command("pos", "list", settings=settings).returncode == 2
    secret = settings["GATEWAY_POS__CLIENT_SECRET"]
    assert secret not in silent.stderr.decode() + silent.stdout.decode()
