"""`POST /notifications/check-in`, on a port of its own since it alone is reached from outside.

A notification is durable as a command before it is answered with 200, so whoever owns its point of sale reads the
check-in, also after a crash. Nothing is echoed: not what was wrong, not what is known.
"""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

from gateway.codec.notifications import read_notification, write_checkin_notified
from gateway.codec.records import Wire
from gateway.kafka.log import BrokerTrouble
from gateway.observability import metrics
from gateway.observability.health import Asgi, Receive, Scope, Send
from gateway.observability.logs import get_logger

log = get_logger(__name__)

PATH: Final = "/notifications/check-in"
MAX_BODY_BYTES: Final = 8 * 1024
MAX_PER_SECOND: Final = 50
MAX_BURST: Final = 100


class Bucket:
    """So many at once, and so many a second after that."""

    def __init__(self, per_second: float, burst: float, steady: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._steady = steady
        self._left = burst
        self._at = steady()

    def take(self) -> bool:
        now = self._steady()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def notification_application(
    send_command: Callable[[Wire], Awaitable[None]], fresh_id: Callable[[], str], bucket: Bucket
) -> Asgi:
    """200 once the command is durable; 400, 404, 405, 413 or 429 without a word; 503 while the broker is away, so
    that the provider sends it again. `send_command` raises `BrokerTrouble`.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] != PATH:
            status, result = 404, "misdirected"
        elif scope["method"] != "POST":
            status, result = 405, "misdirected"
        elif not bucket.take():
            status, result = 429, "throttled"
        else:
            body = await _body(receive)
            status, result = (413, "too_large") if body is None else await _take(body)
        metrics.NOTIFICATIONS.labels(result=result).inc()
        headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _take(body: bytes) -> tuple[int, str]:
        merchant_pos_id = read_notification(body)
        if merchant_pos_id is None:
            return 400, "unreadable"
        try:
            await send_command(write_checkin_notified(merchant_pos_id, fresh_id()))
        except BrokerTrouble as trouble:
            log.warning("a notification could not be kept", reason=str(trouble))
            return 503, "not_kept"
        return 200, "kept"

    return application


async def _body(receive: Receive) -> bytes | None:
    """None where it is larger than is read."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return body
