"""One request and its answer, as the transport takes and gives them: bytes and what bounds them.

Beside httpx's own `Request` and `Response`, whose making (a parsed address, two header objects, streams) costs as
much as all the rest of a call; the transport serves those too, for whoever calls through httpx's client.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import httpx

from gateway.mobilepay.heading import Fields, Heading


class Address(NamedTuple):
    """Where a request goes; `authority` as its Host says it."""

    scheme: str
    host: str
    port: int | None
    authority: bytes


def address_of(url: httpx.URL) -> Address:
    return Address(url.scheme, url.host, url.port, url.netloc)


class Outgoing(NamedTuple):
    """`heading` and then `fields` are all headers, Host and Content-Length too. `limits` are seconds, named as
    httpx names them: pool, connect, write, read. `before_send` is called with the connection in hand, with no
    await before the first byte; if it raises, nothing is sent.
    """

    method: str
    origin: Address
    target: bytes
    heading: Heading
    fields: Fields
    body: bytes
    limits: Mapping[str, float | None]
    before_send: Callable[[], None] | None = None

    def __repr__(self) -> str:
        """Without what may be secret."""
        return f"Outgoing({self.method} {self.origin.host} {self.target!r})"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, whole. Look-up in `headers` does not mind the case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(httpx.AsyncBaseTransport, ABC):
    """What the client stands on."""

    @abstractmethod
    async def exchange(self, outgoing: Outgoing) -> Answer:
        """Raises httpx's transport errors, and whatever `before_send` raises."""
