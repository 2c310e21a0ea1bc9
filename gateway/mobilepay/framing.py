"""A request as the bytes that go on the wire (RFC 9112): its headers as given, no more and no less."""

from collections.abc import Mapping

import httpx


def frame(request: httpx.Request, absolute_form_headers: Mapping[str, str] | None) -> bytes:
    """The whole request; `absolute_form_headers`, for a forwarding proxy, put the target in absolute form.

    Raises `LocalProtocolError` for what would blur where the request ends, for any reader.
    """
    try:
        body = request.content
    except httpx.RequestNotRead:
        raise httpx.LocalProtocolError("the body must be bytes, not a stream", request=request) from None
    target, fields = request.url.raw_path, request.headers.raw
    # One pass over the raw headers: httpx's own look-up costs more than all the rest here.
    lengths: list[bytes] = []
    hosts = 0
    for name, value in fields:
        lower = name.lower()
        if lower == b"content-length":
            lengths.append(value)
        elif lower == b"host":
            hosts += 1
        elif lower in (b"transfer-encoding", b"expect"):
            raise httpx.LocalProtocolError(f"not supported: {lower.decode()}", request=request)
    if lengths != [str(len(body)).encode()] and (lengths or body):
        raise httpx.LocalProtocolError("the headers do not frame the body by its length", request=request)
    if hosts != 1 or request.method == "CONNECT":
        raise httpx.LocalProtocolError("not a request to an origin", request=request)
    if absolute_form_headers is not None:
        target = request.url.raw_scheme + b"://" + request.url.netloc + target
        fields = fields + [(name.encode(), value.encode()) for name, value in absolute_form_headers.items()]
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), target)]
    lines += [name + b": " + value for name, value in fields]
    head = b"\r\n".join(lines)
    breaks = len(lines) - 1
    if (
        head.count(b"\n") != breaks
        or head.count(b"\r") != breaks
        or b"\0" in head
        or lines[0].count(b" ") != 2
    ):
        raise httpx.LocalProtocolError("a control character in the head of the request", request=request)
    return head + b"\r\n\r\n" + body
