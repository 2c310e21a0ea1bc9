"""Where the API is: requests built by hand on its address and handed to the transport.

httpx's own client would look after redirects, cookies and defaults that this API has none of: measured side by
side, that costs as much as all the rest of a call.
"""

from functools import lru_cache
from typing import Any

import httpx

from gateway.mobilepay.verdicts import Answer
from gateway.mobilepay.wire import WireRequest

MOST_TARGETS = 1024
_WITH_BODY = ("POST", "PUT", "PATCH")


class Origin:
    """Requests below `base_url`, over one transport."""

    def __init__(self, base_url: str, transport: httpx.AsyncBaseTransport) -> None:
        base = base_url.rstrip("/")
        self._host = httpx.URL(base_url).netloc
        self._url = lru_cache(MOST_TARGETS)(lambda target: httpx.URL(base + target))
        self._transport = transport

    async def send(
        self, request: WireRequest, headers: list[tuple[str, str]], extensions: dict[str, Any]
    ) -> Answer:
        """The whole answer. Raises httpx's transport errors, and whatever an extension raises."""
        body = request.body or b""
        fields = [(b"Host", self._host)]
        if body or request.method in _WITH_BODY:
            fields.append((b"Content-Length", b"%d" % len(body)))
        fields += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
        outgoing = httpx.Request(
            request.method,
            self._url(request.target),
            headers=fields,
            stream=httpx.ByteStream(body),
            extensions=extensions,
        )
        outgoing.read()
        answer = await self._transport.handle_async_request(outgoing)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        # As it came: an encoded answer is refused by the transport, so that nothing is left to be decoded.
        return Answer(answer.status_code, answer.headers, b"".join([part async for part in answer.stream]))
