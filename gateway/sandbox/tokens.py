"""Tokens by OAuth2 client credentials, as the integrator authentication gives them out."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from gateway.sandbox import draws
from gateway.sandbox.http import Request, Response, answer, write_object


@dataclass(frozen=True, slots=True)
class Client:
    """An integrator's credentials."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for; `merchant_vat` as the client claimed it, None for a token of no merchant."""

    client_id: str
    merchant_vat: str | None
    expires_at: float


@dataclass(slots=True)
class Tokens:
    """Gives out and recognises tokens. Without any client configured, all non-empty credentials are good."""

    seed: int
    clients: tuple[Client, ...]
    lifetime_seconds: int
    issued: int = 0
    grants: dict[str, Grant] = field(default_factory=dict, repr=False)

    def issue(self, request: Request, now: float) -> Response:
        """200 with a token; 401 without body for bad credentials; 400 for another grant or a body that is no
        form."""
        form = _form(request)
        if form is None:
            return _problem("invalid_request")
        client_id = self._client(request)
        if client_id is None:
            return Response(401)
        if form.get("grant_type") != "client_credentials":
            return _problem("unsupported_grant_type" if "grant_type" in form else "invalid_request")
        self.issued += 1
        for token in [token for token, grant in self.grants.items() if grant.expires_at <= now]:
            del self.grants[token]
        token = draws.token(self.seed, "token", client_id, self.issued)
        self.grants[token] = Grant(client_id, form.get("merchant_vat"), now + self.lifetime_seconds)
        return answer(
            200,
            {
                "access_token": token,
                "expires_in": self.lifetime_seconds,
                "token_type": "Bearer",
                "scope": "integrator.pos",
            },
        )

    def grant(self, request: Request, now: float) -> Grant | None:
        """The valid grant of the request's one bearer token, or None."""
        values = request.values("authorization")
        if len(values) != 1:
            return None
        scheme, _, token = values[0].partition(" ")
        grant = self.grants.get(token.strip())
        if scheme.lower() != "bearer" or grant is None or grant.expires_at <= now:
            return None
        return grant

    def revoke(self, request: Request) -> None:
        """The request's token is invalid from now on."""
        for value in request.values("authorization"):
            self.grants.pop(value.partition(" ")[2].strip(), None)

    def revoke_all(self) -> None:
        self.grants.clear()

    def _client(self, request: Request) -> str | None:
        values = request.values("authorization")
        if len(values) != 1:
            return None
        scheme, _, encoded = values[0].partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            pair = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return None
        client_id, _, secret = pair.partition(":")
        if not client_id or not secret:
            return None
        if not self.clients:
            return client_id
        for client in self.clients:
            same = hmac.compare_digest(client.client_secret.encode(), secret.encode())
            if client.client_id == client_id and same:
                return client_id
        return None


def _form(request: Request) -> dict[str, str] | None:
    types = request.values("content-type")
    if len(types) != 1 or types[0].partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return None
    try:
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return None
    form = dict(pairs)
    return form if len(form) == len(pairs) else None


def _problem(error: str) -> Response:
    return Response(400, write_object({"error": error}), (("content-type", "application/json"),))
