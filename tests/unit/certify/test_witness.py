"""The witness records what passes through it and misbehaves exactly as it was told."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.certify.witness import Witness, error, extra, hold, passed, refusal, reset, silence

ORDER = {"orderId": "order-1", "posId": "p"}


class Provider(BaseHTTPRequestHandler):
    """Answers every POST with a paymentId and remembers it."""

    protocol_version = "HTTP/1.1"
    taken: list[tuple[str, list[tuple[str, str]]]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.taken.append((self.path, self.headers.items()))
        body = b'{"paymentId":"id-1"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 - the names are the library's

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (Provider,), {"taken": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def witness(provider: ThreadingHTTPServer) -> Iterator[Witness]:
    with Witness(f"http://127.0.0.1:{provider.server_address[1]}") as witness:
        yield witness


def taken(provider: ThreadingHTTPServer) -> int:
    return len(provider.RequestHandlerClass.taken)  # type: ignore[attr-defined]


def ask(
    witness: Witness, method: str = "POST", path: str = "payments", seconds: float = 5
) -> tuple[int, bytes]:
    """Status 0: no answer."""
    connection = HTTPConnection("127.0.0.1", witness.port, timeout=seconds)
    try:
        connection.request(
            method, f"/pos/v10/{path}", json.dumps(ORDER), {"X-MobilePay-Idempotency-Key": "k", "Twice": "a"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


def test_what_passes_is_recorded_with_the_name_that_it_is_about(witness: Witness) -> None:
    assert ask(witness) == (200, b'{"paymentId":"id-1"}')
    ask(witness, "GET", "payments/id-1")
    first, second = witness.seen()
    assert (first.operation, first.subject, first.ask.key, first.status) == ("initiate", "order-1", "k", 200)
    assert (second.operation, second.subject, second.ask.resource) == ("get_payment", "order-1", "id-1")
    assert first.ask.data == ORDER
    assert 0 <= first.waited_seconds < 5


@pytest.mark.parametrize("reaches", [False, True])
def test_faults_with_and_without_effect(
    witness: Witness, provider: ThreadingHTTPServer, reaches: bool
) -> None:
    witness.plan(
        "initiate", "order-1", error(reaches=reaches), reset(reaches=reaches), silence(reaches=reaches)
    )
    assert ask(witness)[0] == 500
    assert ask(witness)[0] == 0
    begun = time.monotonic()
    assert ask(witness, seconds=0.3)[0] == 0
    assert time.monotonic() - begun >= 0.3
    assert taken(provider) == (3 if reaches else 0)
    assert ask(witness)[0] == 200
    assert [one.fault for one in witness.seen("initiate")] == ["error", "reset", "silence", ""]


def test_an_answer_in_place_of_the_providers(witness: Witness, provider: ThreadingHTTPServer) -> None:
    witness.plan("initiate", "order-1", refusal(409, "1301"), refusal(401), extra())
    status, body = ask(witness)
    assert (status, json.loads(body)["code"]) == (409, "1301")
    assert ask(witness) == (401, b"")
    assert taken(provider) == 0
    assert json.loads(ask(witness)[1]).keys() == {"futureField", "paymentId"}


def test_a_plan_is_for_its_operation_and_subject_alone(witness: Witness) -> None:
    witness.plan("initiate", "another", error())
    witness.plan("capture", "order-1", error())
    assert ask(witness)[0] == 200


def test_a_lasting_fault_and_an_outage_end(witness: Witness) -> None:
    with witness.lasting("initiate", "order-1", error()):
        witness.plan("initiate", "order-1", passed())
        assert [ask(witness)[0] for _ in range(3)] == [200, 500, 500]
    witness.outage = reset()
    assert ask(witness)[0] == 0
    witness.outage = None
    assert ask(witness)[0] == 200


def test_a_late_request_takes_effect_when_its_client_is_gone(
    witness: Witness, provider: ThreadingHTTPServer
) -> None:
    witness.plan("initiate", "order-1", silence(late_seconds=0.5))
    assert ask(witness, seconds=0.2)[0] == 0
    assert taken(provider) == 0
    deadline = time.monotonic() + 5
    while not taken(provider) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert taken(provider) == 1


def test_a_held_request_goes_on_when_it_is_released(witness: Witness, provider: ThreadingHTTPServer) -> None:
    held = hold()
    witness.plan("initiate", "order-1", held)
    answers: list[tuple[int, bytes]] = []
    client = threading.Thread(target=lambda: answers.append(ask(witness)))
    client.start()
    assert held.arrived.wait(5)
    assert taken(provider) == 0
    held.released.set()
    client.join(5)
    assert answers[0][0] == 200


def test_a_reset_is_one(witness: Witness) -> None:
    witness.plan("initiate", "order-1", reset())
    with socket.create_connection(("127.0.0.1", witness.port), 5) as connection:
        connection.sendall(
            b'POST /pos/v10/payments HTTP/1.1\r\nhost: x\r\ncontent-length: 21\r\n\r\n{"orderId":"order-1"}'
        )
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
