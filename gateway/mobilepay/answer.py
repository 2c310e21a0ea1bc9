"""An answer, or why there is none, for others: httpx's client, and people."""

from typing import Final

import aiohttp
import httpx
from aiohttp.http import HttpProcessingError

from gateway.mobilepay.exchange import Answer

DISTRUSTED: Final = "its certificate is not trusted"
_RAW = ("utf-8", "surrogateescape")


def response_of(answer: Answer) -> httpx.Response:
    """The same for httpx's client, which would keep cookies and send them along with later requests."""
    given = ((name.encode(*_RAW), value.encode(*_RAW)) for name, value in answer.headers.items())
    return httpx.Response(
        answer.status,
        headers=[(name, value) for name, value in given if name.lower() != b"set-cookie"],
        stream=httpx.ByteStream(answer.body),
        extensions={"http_version": b"HTTP/1.1"},
    )


def told(error: Exception) -> str:
    """The error for people, without a byte of the answer: it may hold what belongs in no log."""
    match error:
        case aiohttp.ClientResponseError():
            return f"the proxy answered {error.status}"
        case HttpProcessingError():
            return error.message.partition(":")[0]
        case aiohttp.ServerDisconnectedError():
            return "closed without an answer"
        case aiohttp.ClientPayloadError():
            return "the answer was cut off"
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or "the host's name"
            return f"{DISTRUSTED}: {reason}"
        case TimeoutError():
            return "timed out"
        case _:
            return str(error) or type(error).__name__
