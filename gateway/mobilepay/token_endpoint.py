"""One request to the token endpoint: OAuth 2.0 client credentials (RFC 6749 section 4.4).

What the far side answers is one of three: a `Grant`, `TokenRefused` (this side's credentials, merchant or
address are wrong: asking again helps nobody until someone acts) or `TokenUnavailable` (the provider is away).
"""

import asyncio
import base64
import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus

import httpx

from gateway.mobilepay.answer import DISTRUSTED
from gateway.mobilepay.secret import Secret

_DEFAULT_LIFETIME_SECONDS: Final = 300.0
_MAX_LIFETIME_SECONDS: Final = 86_400.0
_MAX_TOKEN_LENGTH: Final = 7_000
_AWAY: Final = frozenset({408, 425, 429})
_BEARER: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class TokenUnavailable(Exception):
    """No token now, for no fault of ours: network, time-out, 5xx, 429 or an answer that cannot be read."""


class TokenRefused(Exception):
    """A configuration fault: credentials or merchant refused, a wrong address, or a fresh token answered with
    401.

    `status` is the HTTP status that said so, None where no answer could be trusted.
    """

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Credentials:
    url: str
    client_id: str
    client_secret: Secret


@dataclass(frozen=True, slots=True)
class Grant:
    """A bearer token and how long it lives, counted from before it was asked for."""

    token: Secret
    lifetime_seconds: float


async def request_token(
    http: httpx.AsyncClient, credentials: Credentials, merchant: str | None, timeout_seconds: float
) -> Grant:
    """`merchant` (country code and digits) binds the token to that merchant."""
    form = {"grant_type": "client_credentials"}
    if merchant is not None:
        form["merchant_vat"] = merchant
    # RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    pair = f"{quote_plus(credentials.client_id)}:{quote_plus(credentials.client_secret.reveal())}"
    headers = {
        "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
        "Accept": "application/json",
        "Accept-Encoding": "identity",
    }
    fault, distrusted = "timed out", False
    try:
        async with asyncio.timeout(timeout_seconds):
            answer = await http.post(
                credentials.url,
                data=form,
                headers=headers,
                follow_redirects=False,
                timeout=httpx.Timeout(timeout_seconds),
            )
            return _read(answer)
    except httpx.HTTPError as error:
        text = str(error)
        distrusted = text.startswith(DISTRUSTED)
        fault = text if distrusted else type(error).__name__
    except TimeoutError:
        pass
    # Raised out here: httpx's errors hold the request, and with it the secret.
    if distrusted:
        raise TokenRefused(f"the token endpoint cannot be used: {fault}", None)
    raise TokenUnavailable(f"the token endpoint is out of reach: {fault}")


def _read(answer: httpx.Response) -> Grant:
    status = answer.status_code
    if status >= 500 or status in _AWAY:
        raise TokenUnavailable(f"the token endpoint answered {status}")
    if not answer.is_success:
        raise TokenRefused(f"the token endpoint answered {status}", status)
    grant = _grant(answer.content)
    if grant is None:
        raise TokenUnavailable(f"the token endpoint answered {status} without a usable token")
    return grant


def _grant(body: bytes) -> Grant | None:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    kind = fields.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return None
    token = fields.get("access_token")
    if not isinstance(token, str) or len(token) > _MAX_TOKEN_LENGTH or _BEARER.fullmatch(token) is None:
        return None
    try:
        lifetime = float(fields.get("expires_in", _DEFAULT_LIFETIME_SECONDS))
    except (TypeError, ValueError, OverflowError):
        return None
    if not lifetime > 0:
        return None
    return Grant(Secret(token), min(lifetime, _MAX_LIFETIME_SECONDS))
