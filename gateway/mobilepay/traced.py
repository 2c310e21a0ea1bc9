"""A span for each request, where the wire is: retries and token requests of a call show beside each other."""

import httpx

from gateway.mobilepay.exchange import Address, Answer, Outgoing, Transport, address_of
from gateway.observability.tracing import Attributes, Tracing


class TracedTransport(Transport):
    """Over another transport, whose errors it lets pass. Of what is sent it tells method and path alone: the query
    and the headers hold what a collector need not know.
    """

    def __init__(self, inner: Transport, tracing: Tracing) -> None:
        self._inner = inner
        self._tracing = tracing

    async def exchange(self, outgoing: Outgoing) -> Answer:
        path = outgoing.target.partition(b"?")[0].decode("ascii")
        with self._tracing.request(outgoing.method, _about(outgoing.method, outgoing.origin, path)) as heard:
            answer = await self._inner.exchange(outgoing)
            heard["http.response.status_code"] = answer.status
            return answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        about = _about(request.method, address_of(request.url), request.url.path)
        with self._tracing.request(request.method, about) as heard:
            response = await self._inner.handle_async_request(request)
            heard["http.response.status_code"] = response.status_code
            return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _about(method: str, origin: Address, path: str) -> Attributes:
    return {
        "http.request.method": method,
        "server.address": origin.host,
        "server.port": origin.port,
        "url.path": path,
    }
