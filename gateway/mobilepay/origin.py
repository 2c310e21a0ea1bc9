"""Where the API is: requests on its address, put together from what each has in common and what is its own."""

from collections.abc import Awaitable, Callable, Mapping

import httpx

from gateway.mobilepay.exchange import Answer, Outgoing, Transport, address_of
from gateway.mobilepay.heading import Fields, Heading
from gateway.mobilepay.wire import WireRequest, own_headers

_WITH_BODY = ("POST", "PUT", "PATCH")


class Origin:
    """Requests below `base_url`, over one transport."""

    def __init__(self, base_url: str, transport: Transport) -> None:
        url = httpx.URL(base_url)
        self._address = address_of(url)
        self._path = url.raw_path.rstrip(b"/")
        self._host = (b"Host", url.netloc)
        self._transport = transport

    def heading(self, headers: Fields) -> Heading:
        """What the requests of one caller have in common."""
        return Heading([self._host, *headers])

    def send(
        self,
        request: WireRequest,
        heading: Heading,
        limits: Mapping[str, float | None],
        before_send: Callable[[], None] | None = None,
    ) -> Awaitable[Answer]:
        """The whole answer. Raises httpx's transport errors, and whatever `before_send` raises."""
        body = request.body or b""
        fields = own_headers(request)
        if body or request.method in _WITH_BODY:
            fields.append((b"Content-Length", b"%d" % len(body)))
        target = self._path + request.target.encode("ascii")
        return self._transport.exchange(
            Outgoing(request.method, self._address, target, heading, fields, body, limits, before_send)
        )
