"""The notification service: somebody checked in at a point of sale with a callbackAlias, and its owner is told.

The world only notes it; `deliver` is how a server tells it, over HTTP, up to four times.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.sandbox import draws
from gateway.sandbox.entities import PointOfSale, Store
from gateway.sandbox.http import write_json

TRIES_MAX = 4
"""One delivery and three repeats."""
TIMEOUT_SECONDS = 5.0
LOOK_SECONDS = 0.05


class Notification(NamedTuple):
    """One check-in at `at` (seconds since 1970); `body` is what its owner is sent."""

    number: int
    at: float
    pos_id: str
    merchant_pos_id: str
    body: bytes


class Delivery(NamedTuple):
    """One try; `status` 0: no answer. `took`: exactly 200 came back."""

    number: int
    pos_id: str
    merchant_pos_id: str
    attempt: int
    status: int
    took: bool


def notification(seed: int, number: int, pos: PointOfSale, store: Store, now: float) -> Notification:
    body = {
        "MerchantId": draws.identifier(seed, "merchant", store.merchant),
        "MerchantBrandId": store.brand_id,
        "MerchantLocationId": store.location_id,
        "MerchantPosId": pos.merchant_pos_id,
        "PosId": pos.pos_id,
    }
    return Notification(number, now, pos.pos_id, pos.merchant_pos_id, write_json(body))


async def deliver_all(
    notices: deque[Notification],
    settle: Callable[[], None],
    url: str,
    retry_seconds: float,
    tell: Callable[[Delivery], None],
) -> None:
    """Until it is cancelled. `settle` lets happen what is due, so that automatic customers are told of too."""
    async with asyncio.TaskGroup() as under_way:
        while True:
            settle()
            while notices:
                under_way.create_task(deliver(notices.popleft(), url, retry_seconds, tell))
            await asyncio.sleep(LOOK_SECONDS)


async def deliver(
    notice: Notification, url: str, retry_seconds: float, tell: Callable[[Delivery], None]
) -> None:
    """Until it is answered 200, four times at most; each try is told."""
    for attempt in range(1, TRIES_MAX + 1):
        status = await asyncio.to_thread(_post, url, notice.body)
        took = status == 200
        tell(Delivery(notice.number, notice.pos_id, notice.merchant_pos_id, attempt, status, took))
        if took:
            return
        await asyncio.sleep(retry_seconds)


def _post(url: str, body: bytes) -> int:
    split = urlsplit(url)
    kind = HTTPSConnection if split.scheme == "https" else HTTPConnection
    connection = kind(split.hostname or "", split.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", split.path or "/", body, {"content-type": "application/json"})
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()
