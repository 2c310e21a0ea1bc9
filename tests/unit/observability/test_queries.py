"""Who may ask after a payment, and what the others learn: nothing."""

import asyncio
import json
from typing import Any

import pytest

from gateway.observability.health import Snapshot, http_application
from gateway.observability.queries import Answer, PaymentQueries

TOKEN = "a token of the operators"
QUERIES = PaymentQueries(TOKEN, lambda payment: Answer(200, {"asked": payment}))


def ask(
    path: str, *authorization: str, queries: PaymentQueries | None = QUERIES, method: str = "GET"
) -> tuple[int, dict[str, str], Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("no body is read")

    headers = [(b"authorization", value.encode("utf-8")) for value in authorization]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    application = http_application(lambda: Snapshot(True, True, False, 0.0), queries)
    asyncio.run(application(scope, receive, send))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = sent[1]["body"]
    return sent[0]["status"], told, json.loads(body) if body else None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_with_the_token_the_question_is_put(scheme: str) -> None:
    status, headers, body = ask("/payments/p-1", f"{scheme} {TOKEN}")
    assert (status, body) == (200, {"asked": "p-1"})
    assert headers["cache-control"] == "no-store"
    assert ask("/payments/p-1", f"{scheme} {TOKEN}", method="HEAD")[::2] == (200, None)
    assert ask("/payments/p-1", f"{scheme} {TOKEN}", method="POST")[0] == 405


@pytest.mark.parametrize(
    "authorization",
    [
        (),
        ("",),
        ("Bearer",),
        ("Bearer ",),
        (TOKEN,),
        (f"Basic {TOKEN}",),
        (f"Bearer {TOKEN}x",),
        (f"Bearer {TOKEN[:-1]}",),
        (f"Bearer {TOKEN.upper()}",),
        ("Bearer ø",),
        (f"Bearer {TOKEN}", f"Bearer {TOKEN}"),
    ],
)
def test_without_it_no_one_learns_whether_there_is_a_payment(authorization: tuple[str, ...]) -> None:
    status, headers, body = ask("/payments/p-1", *authorization)
    assert (status, headers["www-authenticate"], body) == (401, "Bearer", {"error": "unauthorized"})


def test_no_token_no_path() -> None:
    unserved = ask("/payments/p-1", f"Bearer {TOKEN}", queries=None)
    assert unserved == ask("/nothing", queries=None)
    assert unserved[0] == 404


def test_what_is_no_payment_and_an_id_with_a_slash() -> None:
    assert ask("/payments/", f"Bearer {TOKEN}")[0] == 404
    assert ask("/payments/a/b", f"Bearer {TOKEN}")[2] == {"asked": "a/b"}


def test_the_token_shows_nowhere() -> None:
    assert TOKEN not in repr(QUERIES)
