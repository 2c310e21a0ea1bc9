"""Tokens: one request for all who wait, renewed ahead, once more after a 401, and no secret shown."""

import asyncio
import base64
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs

import httpx
import pytest
import pytest_asyncio

from gateway.mobilepay.auth import TokenOptions, TokenSource
from gateway.mobilepay.exchange import Answer
from gateway.mobilepay.secret import Secret
from gateway.mobilepay.token_endpoint import Credentials, TokenRefused, TokenUnavailable

pytestmark = pytest.mark.asyncio

SECRET = "s3cr3t+with/odd=chars%"
URL = "https://api.example/integrator-authentication/connect/token"
Granted = httpx.Response | Exception


class Endpoint:
    """The token endpoint: answers by script, then with numbered tokens; each answer waits for `open`."""

    def __init__(self, *script: Granted) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        number = len(self.requests)
        await self.open.wait()
        answer = self.script.pop(0) if self.script else granted(f"t{number}")
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Api:
    """The API as `call` sees it: 401 to every token that is not in `good`."""

    def __init__(self, *good: str) -> None:
        self.good = {f"Bearer {token}" for token in good}
        self.seen: list[str] = []

    async def __call__(self, authorization: str) -> Answer:
        self.seen.append(authorization.removeprefix("Bearer "))
        await asyncio.sleep(0)
        return Answer(200 if authorization in self.good else 401, {}, b"")


def granted(token: str, **fields: object) -> httpx.Response:
    return httpx.Response(
        200, json={"access_token": token, "expires_in": 3700, "token_type": "Bearer", **fields}
    )


Make = Callable[..., TokenSource]


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    made: list[tuple[TokenSource, httpx.AsyncClient]] = []

    def source(
        endpoint: Callable[[httpx.Request], Awaitable[httpx.Response]], clock: Clock, **options: object
    ) -> TokenSource:
        http = httpx.AsyncClient(transport=httpx.MockTransport(endpoint))  # type: ignore[arg-type]
        credentials = Credentials(URL, "id", Secret(SECRET))
        tokens = TokenSource(http, credentials, TokenOptions(**options), clock)  # type: ignore[arg-type]
        made.append((tokens, http))
        return tokens

    yield source
    for tokens, http in made:
        await tokens.aclose()
        await http.aclose()


async def test_the_request_is_client_credentials_with_basic_authentication(make: Make) -> None:
    endpoint = Endpoint()
    tokens = make(endpoint, Clock())
    assert (await tokens.token("DK12345678")).reveal() == "t1"
    (request,) = endpoint.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {"grant_type": ["client_credentials"]}
    pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert pair == "id:s3cr3t%2Bwith%2Fodd%3Dchars%25"
    assert "before_send" not in request.extensions


async def test_one_token_serves_all_merchants_unless_it_is_bound_to_one(make: Make) -> None:
    endpoint = Endpoint()
    tokens = make(endpoint, Clock())
    assert await tokens.token("DK1") == await tokens.token(None)
    assert len(endpoint.requests) == 1

    endpoint = Endpoint()
    tokens = make(endpoint, Clock(), per_merchant=True, home_merchant="DK9")
    assert await tokens.token("DK1") != await tokens.token("DK2")
    assert await tokens.token(None) == await tokens.token("DK9")
    asked = [parse_qs(request.content.decode()).get("merchant_vat") for request in endpoint.requests]
    assert asked == [["DK1"], ["DK2"], ["DK9"]]


async def test_merchants_are_bounded_and_the_home_merchant_stays(make: Make) -> None:
    endpoint = Endpoint()
    tokens = make(endpoint, Clock(), per_merchant=True, home_merchant="DK0", max_merchants=3)
    await tokens.token(None)
    for number in range(1, 50):
        await tokens.token(f"DK{number}")
    assert len(tokens._wallets) == 3
    assert tokens.has_token
    await tokens.token("DK0")
    assert len(endpoint.requests) == 50


async def test_callers_at_once_share_one_request_even_if_the_first_gives_up(make: Make) -> None:
    endpoint = Endpoint()
    endpoint.open.clear()
    tokens = make(endpoint, Clock())
    waiting = [asyncio.create_task(tokens.token(None)) for _ in range(50)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    await asyncio.sleep(0)
    endpoint.open.set()
    assert {(await task).reveal() for task in waiting[1:]} == {"t1"}
    assert waiting[0].cancelled()
    assert len(endpoint.requests) == 1


async def test_a_token_is_renewed_ahead_without_anybody_waiting(make: Make) -> None:
    endpoint, clock = Endpoint(), Clock()
    tokens = make(endpoint, clock, renew_ahead_seconds=120)
    await tokens.token(None)
    clock.now += 3700 - 121
    await tokens.token(None)
    assert len(endpoint.requests) == 1
    clock.now += 2
    endpoint.open.clear()
    assert (await tokens.token(None)).reveal() == "t1"
    assert (await tokens.token(None)).reveal() == "t1"
    endpoint.open.set()
    await asyncio.sleep(0.01)
    assert (await tokens.token(None)).reveal() == "t2"
    assert len(endpoint.requests) == 2


async def test_a_renewal_that_fails_leaves_the_old_token_until_its_end(make: Make) -> None:
    endpoint, clock = Endpoint(granted("old"), httpx.Response(503), httpx.Response(503)), Clock()
    tokens = make(endpoint, clock)
    await tokens.token(None)
    clock.now += 3600
    for _ in range(5):
        assert (await tokens.token(None)).reveal() == "old"
        await asyncio.sleep(0)
    assert len(endpoint.requests) == 2 and tokens.has_token
    clock.now += 99
    assert not tokens.has_token
    with pytest.raises(TokenUnavailable):
        await tokens.token(None)
    clock.now += 1.1
    assert (await tokens.token(None)).reveal() == "t4"


async def test_a_short_life_still_has_a_usable_part(make: Make) -> None:
    endpoint, clock = Endpoint(granted("short", expires_in=1)), Clock()
    tokens = make(endpoint, clock)
    assert (await tokens.token(None)).reveal() == "short"
    clock.now += 0.7
    assert tokens.has_token
    clock.now += 0.06
    assert not tokens.has_token


@pytest.mark.parametrize(
    "fields", [{"expires_in": "3700"}, {"expires_in": 1e300}, {"scope": 5}, {"token_type": "bearer"}]
)
async def test_what_an_answer_may_look_like(make: Make, fields: dict[str, object]) -> None:
    assert (await make(Endpoint(granted("t", **fields)), Clock()).token(None)).reveal() == "t"


AWAY: dict[str, Callable[[], Granted]] = {
    "unreachable": lambda: httpx.ConnectError("no"),
    "read time-out": lambda: httpx.ReadTimeout("no"),
    "cut": lambda: httpx.RemoteProtocolError("no"),
    "500": lambda: httpx.Response(500),
    "503": lambda: httpx.Response(503, text=SECRET),
    "429": lambda: httpx.Response(429),
    "no JSON": lambda: httpx.Response(200, text="<html>"),
    "no object": lambda: httpx.Response(200, json=[1]),
    "no token": lambda: httpx.Response(200, json={"expires_in": 1}),
    "token that would break a header": lambda: granted("a\r\nX: b"),
    "token no text": lambda: httpx.Response(200, json={"access_token": 5}),
    "other type": lambda: granted("t", token_type="mac"),
    "no lifetime": lambda: granted("t", expires_in=0),
    "lifetime no number": lambda: granted("t", expires_in="soon"),
    "lifetime not a number": lambda: httpx.Response(200, text='{"access_token": "t", "expires_in": NaN}'),
}


@pytest.mark.parametrize("case", AWAY)
async def test_a_provider_that_is_away_is_asked_again_after_a_pause(make: Make, case: str) -> None:
    endpoint, clock = Endpoint(AWAY[case]()), Clock()
    tokens = make(endpoint, clock)
    for _ in range(3):
        with pytest.raises(TokenUnavailable) as caught:
            await tokens.token(None)
        assert caught.value.__context__ is None or SECRET not in repr(caught.value.__context__)
    assert len(endpoint.requests) == 1 and not tokens.has_token and not tokens.refused
    clock.now += 1.01
    assert (await tokens.token(None)).reveal() == "t2"
    assert tokens.has_token


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 302, 415])
async def test_refused_credentials_are_tried_once_each_ten_seconds(make: Make, status: int) -> None:
    endpoint, clock = Endpoint(httpx.Response(status), httpx.Response(status)), Clock()
    tokens = make(endpoint, clock)
    for expected in (1, 2):
        for _ in range(3):
            with pytest.raises(TokenRefused) as caught:
                await tokens.token(None)
            assert caught.value.status == status
            assert tokens.refused and not tokens.has_token
        assert len(endpoint.requests) == expected
        clock.now += 9.9
        with pytest.raises(TokenRefused):
            await tokens.token(None)
        assert len(endpoint.requests) == expected
        clock.now += 0.2
        assert not tokens.refused
    assert (await tokens.token(None)).reveal() == "t3"
    assert tokens.has_token and not tokens.refused


async def test_a_token_request_ends_in_time(make: Make) -> None:
    endpoint = Endpoint()
    endpoint.open.clear()
    tokens = make(endpoint, Clock(), timeout_seconds=0.05)
    with pytest.raises(TokenUnavailable):
        await tokens.token(None)


async def test_a_401_is_answered_with_one_new_token_and_the_same_request(make: Make) -> None:
    endpoint, api = Endpoint(), Api("t2")
    tokens = make(endpoint, Clock())
    assert (await tokens.call(None, api)).status == 200
    assert api.seen == ["t1", "t2"]
    assert (await tokens.call(None, api)).status == 200
    assert api.seen == ["t1", "t2", "t2"]


async def test_many_calls_that_meet_a_401_share_one_new_token(make: Make) -> None:
    endpoint, api = Endpoint(), Api("t2")
    tokens = make(endpoint, Clock())
    answers = await asyncio.gather(*(tokens.call(None, api) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len(endpoint.requests) == 2
    assert sorted(api.seen) == ["t1"] * 50 + ["t2"] * 50


async def test_after_a_second_401_there_is_one_token_and_one_request_each_ten_seconds(make: Make) -> None:
    endpoint, clock, api = Endpoint(), Clock(), Api()
    tokens = make(endpoint, clock)
    assert (await tokens.call(None, api)).status == 401
    assert api.seen == ["t1", "t2"]
    assert tokens.refused and not tokens.has_token
    for round_ in (3, 4):
        clock.now += 9.9
        for _ in range(5):
            with pytest.raises(TokenRefused):
                await tokens.call(None, api)
        assert len(api.seen) == len(endpoint.requests) == round_ - 1
        clock.now += 0.2
        assert not tokens.refused
        results = await asyncio.gather(*(tokens.call(None, api) for _ in range(20)), return_exceptions=True)
        assert [r.status for r in results if isinstance(r, Answer)] == [401]
        assert sum(isinstance(r, TokenRefused) for r in results) == 19
        assert len(api.seen) == len(endpoint.requests) == round_
        assert tokens.refused and not tokens.has_token
    clock.now += 10.1
    api.good = {"Bearer t5"}
    assert (await tokens.call(None, api)).status == 200
    assert tokens.has_token and not tokens.refused
    assert {a.status for a in await asyncio.gather(*(tokens.call(None, api) for _ in range(20)))} == {200}
    assert len(endpoint.requests) == 5


async def test_a_probe_that_is_cut_short_lets_the_next_one_through(make: Make) -> None:
    endpoint, clock, api = Endpoint(), Clock(), Api()
    tokens = make(endpoint, clock)
    await tokens.call(None, api)
    clock.now += 10.1

    async def cut(_: str) -> Answer:
        raise httpx.ReadTimeout("no")

    with pytest.raises(httpx.ReadTimeout):
        await tokens.call(None, cut)
    assert not tokens.has_token
    api.good = {"Bearer t3"}
    assert (await tokens.call(None, api)).status == 200
    assert tokens.has_token


async def test_a_401_while_no_token_can_be_had_is_unavailable(make: Make) -> None:
    endpoint, api = Endpoint(granted("t1"), httpx.Response(503)), Api("t3")
    clock = Clock()
    tokens = make(endpoint, clock)
    with pytest.raises(TokenUnavailable):
        await tokens.call(None, api)
    assert api.seen == ["t1"] and not tokens.has_token and not tokens.refused
    clock.now += 1.1
    assert (await tokens.call(None, api)).status == 200


async def test_what_the_call_raises_is_passed_on(make: Make) -> None:
    error = RuntimeError("lease too old")

    async def send(_: str) -> Answer:
        raise error

    with pytest.raises(RuntimeError) as caught:
        await make(Endpoint(), Clock()).call(None, send)
    assert caught.value is error


async def test_keep_holds_a_token_through_faults_and_over_its_end(make: Make) -> None:
    endpoint, clock = Endpoint(httpx.Response(503), granted("a"), httpx.Response(503)), Clock()
    tokens = make(endpoint, clock)
    held: list[bool] = []

    async def sleep(seconds: float) -> None:
        assert 0.05 <= seconds <= 5.0
        clock.now += seconds
        await asyncio.sleep(0.001)
        held.append(tokens.has_token)
        if clock.now > 1000 + 1.5 * 3700:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await tokens.keep(sleep)
    assert held.index(True) <= 2 and all(held[2:]), "held from the first success on"
    assert len(endpoint.requests) == 4


async def test_closing_ends_a_token_request_and_its_callers(make: Make) -> None:
    endpoint = Endpoint()
    endpoint.open.clear()
    tokens = make(endpoint, Clock())
    waiting = asyncio.create_task(tokens.token(None))
    await asyncio.sleep(0.01)
    await tokens.aclose()
    with pytest.raises(TokenUnavailable):
        await waiting


async def test_no_secret_is_shown(make: Make) -> None:
    secret = Secret(SECRET)
    credentials = Credentials(URL, "id", secret)
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!s:>20}",
        repr(credentials),
        repr([secret]),
    ):
        assert SECRET not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    for answer in (
        httpx.Response(401, text=SECRET),
        httpx.Response(500, text=SECRET),
        httpx.ReadError(SECRET),
    ):
        with pytest.raises((TokenRefused, TokenUnavailable)) as caught:
            await make(Endpoint(answer), Clock()).token(None)
        assert SECRET not in repr(caught.value) + str(caught.value) + repr(vars(caught.value))
        assert caught.value.__context__ is None
