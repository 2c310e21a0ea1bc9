"""Whatever the token endpoint answers: a grant, or one of two exceptions."""

import asyncio
import json
from typing import Any

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.mobilepay.secret import Secret
from gateway.mobilepay.token_endpoint import (
    Credentials,
    Grant,
    TokenRefused,
    TokenUnavailable,
    request_token,
)

CREDENTIALS = Credentials("http://127.0.0.1/token", "id", Secret("canary-client-secret"))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "access_token": JSON | st.from_regex(r"[A-Za-z0-9]{1,40}", fullmatch=True),
        "token_type": JSON | st.sampled_from(["Bearer", "bearer", "mac"]),
        "expires_in": JSON | st.integers(1, 3600),
    },
)


@given(
    st.integers(100, 599).filter(lambda status: status != 101),
    st.binary(max_size=80) | (JSON | FIELDS).map(lambda value: json.dumps(value).encode()),
)
@example(200, b'{"access_token": "abc", "expires_in": 1%s}' % (b"0" * 400))
@example(200, b'{"access_token": "abc", "token_type": %s%s}' % (b"[" * 700, b"]" * 700))
def test_any_answer_is_a_grant_or_one_of_two_faults(status: int, body: bytes) -> None:
    async def ask() -> Grant:
        far = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
        async with httpx.AsyncClient(transport=far) as http:
            return await request_token(http, CREDENTIALS, None, 5.0)

    try:
        grant = asyncio.run(ask())
    except TokenUnavailable as fault:
        assert status >= 500 or status < 300 or status in (408, 425, 429)
        said = str(fault)
    except TokenRefused as fault:
        said, told = str(fault), fault.status
        assert told == status < 500 and not 200 <= status < 300
    else:
        assert 200 <= status < 300 and 0 < grant.lifetime_seconds <= 86_400
        said = repr(grant)
    assert "canary-client-secret" not in said
