"""A request as the bytes that go on the wire (RFC 9112): its headers as given, no more and no less."""

from collections.abc import Mapping
from typing import Final

import httpx

from gateway.mobilepay.exchange import Outgoing, address_of
from gateway.mobilepay.heading import Fields, Heading, lines_of

BEFORE_SEND: Final = "before_send"
"""Extension of httpx's requests: `() -> None`, called once the connection is held, with no await before the first
byte. If it raises, nothing is sent, the connection goes back to the pool and the caller gets that very exception.
"""

_NONE_IN_COMMON: Final = Heading(())


def outgoing_of(request: httpx.Request) -> Outgoing:
    """A request of httpx's. Raises `LocalProtocolError` for one whose headers would frame it otherwise than by its
    length, or that is for no origin.
    """
    try:
        body = request.content
    except httpx.RequestNotRead:
        raise httpx.LocalProtocolError("the body must be bytes, not a stream", request=request) from None
    fields = request.headers.raw
    names = [name.lower() for name, _ in fields]
    for name in (b"transfer-encoding", b"expect"):
        if name in names:
            raise httpx.LocalProtocolError(f"not supported: {name.decode()}", request=request)
    lengths = [value for name, (_, value) in zip(names, fields, strict=True) if name == b"content-length"]
    if lengths != [str(len(body)).encode()] and (lengths or body):
        raise httpx.LocalProtocolError("the headers do not frame the body by its length", request=request)
    if names.count(b"host") != 1 or request.method in ("CONNECT", "HEAD"):
        raise httpx.LocalProtocolError("not a request to an origin", request=request)
    limits = request.extensions.get("timeout", {})
    gate = request.extensions.get(BEFORE_SEND)
    address, target = address_of(request.url), request.url.raw_path
    return Outgoing(request.method, address, target, _NONE_IN_COMMON, fields, body, limits, gate)


def frame(outgoing: Outgoing, absolute_form_headers: Mapping[str, str] | None) -> bytes:
    """The whole request; `absolute_form_headers`, for a forwarding proxy, put the target in absolute form.

    Raises `LocalProtocolError` for what would blur where its head ends, for any reader.
    """
    target, fields = outgoing.target, outgoing.fields
    if absolute_form_headers is not None:
        target = outgoing.origin.scheme.encode() + b"://" + outgoing.origin.authority + target
        fields = [*fields, *_proxy_fields(absolute_form_headers)]
    first = b"%b %b HTTP/1.1" % (outgoing.method.encode(), target)
    if first.count(b" ") != 2 or b"\n" in first or b"\r" in first or b"\0" in first:
        raise httpx.LocalProtocolError("a control character in the first line of the request")
    return b"%b\r\n%b%b\r\n%b" % (first, outgoing.heading.lines, lines_of(fields), outgoing.body)


def _proxy_fields(headers: Mapping[str, str]) -> Fields:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
