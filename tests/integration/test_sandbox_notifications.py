"""The sandbox tells of check-ins over HTTP, until it is heard, four times at most."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.gateway_process import Running, wait_until

TILL = {
    "pos_id": "c85916b1-8e17-4275-a388-551e16aa6293",
    "merchant_pos_id": "till-1",
    "beacon_id": "123456789012345",
    "callback_alias": "shop",
}
SILENT = {
    "pos_id": "c85916b1-8e17-4275-a388-551e16aa6294",
    "merchant_pos_id": "till-2",
    "beacon_id": "123456789012346",
}


class Shop(BaseHTTPRequestHandler):
    """Answers what it is told to, one after the other, then 200."""

    statuses: list[int]
    heard: list[tuple[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.heard.append((self.path, body))
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Shop,), {"statuses": [], "heard": []}))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def sandbox(shop: ThreadingHTTPServer, tmp_path: Path) -> Iterator[str]:
    scenario = tmp_path / "scenario.json"
    told = {"points_of_sale": [TILL, SILENT], "notification_retry_seconds": 0.05}
    scenario.write_text(json.dumps(told))
    url = f"http://127.0.0.1:{shop.server_address[1]}/notifications/check-in"
    arguments = ("sandbox", "--port", "0", "--scenario", str(scenario), "--notifications-url", url)
    with Running(arguments, {}) as process:
        wait_until(lambda: "http://" in process.output, "the sandbox")
        yield process.output[process.output.index("http://") :].split()[0]


def ask(url: str, method: str, path: str, body: Any = None) -> Any:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, json.dumps(body) if body else None)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def check_in(url: str, till: dict[str, str]) -> None:
    body = {"posId": till["pos_id"], "phoneNumber": "+4520031801"}
    assert "error" not in ask(url, "POST", "/_sandbox/users/check-in", body)


def tries(url: str) -> list[tuple[int, int, bool]]:
    rows = ask(url, "GET", "/_sandbox/notifications")["tries"]
    return [(row["attempt"], row["status"], row["took"]) for row in rows]


def test_until_it_is_answered_200(sandbox: str, shop: ThreadingHTTPServer) -> None:
    handler: Any = shop.RequestHandlerClass
    handler.statuses += [500, 202]
    check_in(sandbox, TILL)
    wait_until(lambda: len(tries(sandbox)) == 3, "three tries")
    assert tries(sandbox) == [(1, 500, False), (2, 202, False), (3, 200, True)]
    path, body = handler.heard[0]
    assert path == "/notifications/check-in"
    assert body.keys() == {"MerchantId", "MerchantBrandId", "MerchantLocationId", "MerchantPosId", "PosId"}
    assert (body["MerchantPosId"], body["PosId"]) == ("till-1", TILL["pos_id"])
    assert [told for _, told in handler.heard] == [body] * 3


def test_four_times_and_no_more(sandbox: str, shop: ThreadingHTTPServer) -> None:
    handler: Any = shop.RequestHandlerClass
    handler.statuses += [503] * 9
    check_in(sandbox, TILL)
    wait_until(lambda: len(tries(sandbox)) == 4, "four tries")
    handler.statuses.clear()
    check_in(sandbox, TILL)
    wait_until(lambda: len(tries(sandbox)) == 5, "the next one's")
    assert [attempt for attempt, _, _ in tries(sandbox)] == [1, 2, 3, 4, 1]


def test_nobody_is_told_where_no_alias_is_set(sandbox: str, shop: ThreadingHTTPServer) -> None:
    check_in(sandbox, SILENT)
    check_in(sandbox, TILL)
    wait_until(lambda: tries(sandbox), "a try")
    handler: Any = shop.RequestHandlerClass
    assert [body["MerchantPosId"] for _, body in handler.heard] == ["till-1"]
