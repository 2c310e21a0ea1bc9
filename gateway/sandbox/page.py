"""The sandbox's page: three files that are part of the package. It asks for nothing from anywhere else, and its
browser is told so.
"""

from __future__ import annotations

import io
from functools import cache, lru_cache
from importlib.resources import files

import segno

from gateway.sandbox.formats import as_beacon
from gateway.sandbox.http import Request, Response

LIVE_PATH = "/_sandbox/live"
QR_PATH = "/_sandbox/qr.svg"
QR_REMEMBERED = 256

_FILES: dict[str, tuple[str, str]] = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/_sandbox/page.css": ("page.css", "text/css; charset=utf-8"),
    "/_sandbox/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/_sandbox/icon.svg": ("icon.svg", "image/svg+xml"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
}
_GUARDS = (
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
)

STREAM = Response(
    200, headers=(("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-store"))
)


def answer_page(request: Request) -> Response | None:
    """The page and what belongs to it; None for any other path."""
    found = _FILES.get(request.path)
    if found is None:
        return _picture(request) if request.path == QR_PATH and request.method == "GET" else None
    if request.method not in ("GET", "HEAD"):
        return Response(405)
    name, kind = found
    body = _content(name) if request.method == "GET" else b""
    return Response(200, body, (("content-type", kind), *_GUARDS))


def qr_content(beacon_id: str) -> str:
    """What the QR code of a point of sale says: its beacon, never its posId."""
    return f"mobilepaypos://pos?id={beacon_id}&source=qr".lower()


def _picture(request: Request) -> Response:
    """?id=<beaconId>: the QR code of that beacon as SVG."""
    beacon = as_beacon("".join(request.parameters().get("id", ())))
    if beacon is None:
        return Response(404)
    return Response(
        200, _drawn(beacon), (("content-type", "image/svg+xml"), ("cache-control", "max-age=86400"))
    )


@lru_cache(maxsize=QR_REMEMBERED)
def _drawn(beacon: str) -> bytes:
    out = io.BytesIO()
    segno.make(qr_content(beacon), error="m", micro=False).save(out, kind="svg", border=2, xmldecl=False)
    return out.getvalue()


@cache
def _content(name: str) -> bytes:
    return files("gateway.sandbox").joinpath("assets", name).read_bytes()
