"""What every call must carry: a token, the merchant, the client's version, on creating calls an idempotency
key.

Checked in that order, before anything that the request is about. 401 has no body.
"""

from __future__ import annotations

from gateway.sandbox.entities import Caller
from gateway.sandbox.formats import valid_id, valid_vat, valid_version
from gateway.sandbox.http import Request
from gateway.sandbox.refusals import Absent, Refusal
from gateway.sandbox.tokens import Grant, Tokens

VAT_HEADER = "x-mobilepay-merchant-vat-number"
VERSION_HEADER = "x-mobilepay-client-system-version"
KEY_HEADER = "x-mobilepay-idempotency-key"
IBM_HEADER = "x-ibm-client-id"


def admit(request: Request, tokens: Tokens, require_ibm_client_id: bool, now: float) -> Caller:
    """Whom the request stands for."""
    grant = authenticate(request, tokens, now)
    ibm = request.values(IBM_HEADER)
    if len(ibm) > 1 or (require_ibm_client_id and ibm != [grant.client_id]):
        raise Absent(401)
    merchant = _merchant(request, grant)
    version = _single(request, VERSION_HEADER, "1153", "1157")
    if not valid_version(version):
        raise Refusal("1161")
    return Caller(grant.client_id, merchant)


def authenticate(request: Request, tokens: Tokens, now: float) -> Grant:
    grant = tokens.grant(request, now)
    if grant is None:
        raise Absent(401)
    return grant


def idempotency_key(request: Request) -> str:
    """1 to 36 valid characters, compared as they stand."""
    key = _single(request, KEY_HEADER, "1164", "1163")
    if not valid_id(key):
        raise Refusal("1162")
    return key


def _merchant(request: Request, grant: Grant) -> str:
    """The header, needed unless the token is bound to a merchant; where both speak they must agree."""
    if grant.merchant_vat is not None:
        if not valid_vat(grant.merchant_vat):
            raise Refusal("1182")
        if not request.values(VAT_HEADER):
            return grant.merchant_vat
    vat = _single(request, VAT_HEADER, "1151", "1155")
    if not valid_vat(vat) or grant.merchant_vat not in (None, vat):
        raise Refusal("1159")
    return vat


def _single(request: Request, name: str, missing: str, repeated: str) -> str:
    values = request.values(name)
    if not values or values == [""]:
        raise Refusal(missing)
    if len(values) > 1:
        raise Refusal(repeated)
    return values[0]
