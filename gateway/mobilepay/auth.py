"""Who may call: one bearer token a merchant (or one for all), held before it is needed.

Chosen over `httpx.Auth`: a token must be held before a slot or the lease is looked at, several calls share
one token request, and that request must not meet the API request's gate. A generator inside the client's send
can do none of it.

A 401 has taken no effect at the provider, so the same request may leave once more under a new token; a second
401 is a configuration fault, met with one token and one request each `refused_pause_seconds` until one is not
a 401.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import httpx

from gateway.mobilepay.exchange import Answer
from gateway.mobilepay.secret import Secret
from gateway.mobilepay.token_endpoint import Credentials, TokenRefused, TokenUnavailable, request_token
from gateway.observability import metrics

_MIN_NAP_SECONDS: Final = 0.05
_MAX_NAP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """`home_merchant` is the merchant of whoever names none; without `per_merchant` no token is bound to
    one.
    """

    per_merchant: bool = False
    home_merchant: str | None = None
    timeout_seconds: float = 2.0
    renew_ahead_seconds: float = 120.0
    expiry_guard_seconds: float = 2.0
    refused_pause_seconds: float = 10.0
    unavailable_pause_seconds: float = 1.0
    max_merchants: int = 1024


class _Token:
    """`authorization` is the header's value, one string as long as the token lives: headings are kept by it."""

    __slots__ = ("authorization", "secret")

    def __init__(self, secret: Secret) -> None:
        self.secret = secret
        self.authorization = f"Bearer {secret.reveal()}"


class _Wallet:
    """One merchant's token. `distrusted`: a fresh token met a 401, and no answer since was anything else."""

    __slots__ = (
        "distrusted",
        "fault",
        "fetching",
        "merchant",
        "probing",
        "renew_at",
        "retry_at",
        "token",
        "usable_until",
    )

    def __init__(self, merchant: str | None) -> None:
        self.merchant = merchant
        self.token: _Token | None = None
        self.usable_until = 0.0
        self.renew_at = 0.0
        self.retry_at = float("-inf")
        self.fault: TokenUnavailable | TokenRefused | None = None
        self.fetching: asyncio.Task[None] | None = None
        self.distrusted = False
        self.probing = False

    def usable(self, now: float) -> _Token | None:
        return self.token if now < self.usable_until else None

    def is_distrusted(self) -> bool:
        """As it is now: it may have changed while something was awaited."""
        return self.distrusted


class TokenSource:
    """Tokens for API calls; `clock` is a steady clock in seconds.

    `http` sends the token requests and must not be bound to an auth of its own.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        credentials: Credentials,
        options: TokenOptions | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._options = options or TokenOptions()
        self._clock = clock
        self._wallets: dict[str | None, _Wallet] = {}

    @property
    def has_token(self) -> bool:
        """For readiness: the home merchant has a token, in time and not refused when last used."""
        wallet = self._wallet(self._options.home_merchant)
        return wallet.usable(self._clock()) is not None and not wallet.distrusted

    @property
    def distrust(self) -> str | None:
        """Why no answer of the token endpoint is believed; None where it is not TLS that stands in the way."""
        faults = (wallet.fault for wallet in self._wallets.values())
        return next((str(f) for f in faults if isinstance(f, TokenRefused) and f.status is None), None)

    @property
    def refused(self) -> bool:
        """Begin nothing new: credentials or tokens are refused, and no try is due or one is under way."""
        wallet = self._wallet(self._options.home_merchant)
        now = self._clock()
        if wallet.distrusted:
            return wallet.probing or now < wallet.retry_at
        return isinstance(wallet.fault, TokenRefused) and wallet.usable(now) is None and now < wallet.retry_at

    async def token(self, merchant: str | None) -> Secret:
        """The token held for this merchant, asked for if there is none; concurrent callers share one request.

        Raises `TokenUnavailable` or `TokenRefused`, at once and without a request while a pause after one
        lasts.
        """
        return (await self._held(self._wallet(merchant))).secret

    async def call(self, merchant: str | None, send: Callable[[str], Awaitable[Answer]]) -> Answer:
        """`send` the request under the given Authorization value; after a 401 once more under a new token.

        `send` must send the same request each time; what it raises is passed on. A 401 that is returned, and
        `TokenRefused`, both mean a configuration fault, and that nothing took effect. Raises as `token` does.
        """
        wallet = self._wallet(merchant)
        token = self._at_hand(wallet, self._clock()) or await self._held(wallet)
        if wallet.distrusted:
            return await self._probe(wallet, token, send)
        answer = await send(token.authorization)
        if answer.status != httpx.codes.UNAUTHORIZED:
            return answer
        if wallet.token is token:
            wallet.token = None
        token = await self._held(wallet)
        if wallet.is_distrusted():
            # Another call has met the second 401 meanwhile: this one's would be one try too many.
            return answer
        answer = await send(token.authorization)
        self._judge(wallet, token, answer)
        return answer

    def invalidate(self, merchant: str | None) -> None:
        """Forget the token: the next call asks for a new one."""
        self._wallet(merchant).token = None

    async def keep(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Hold a token for the home merchant, idle or not, until cancelled; faults are tried again after
        their pause.
        """
        wallet = self._wallet(self._options.home_merchant)
        while True:
            try:
                await self._held(wallet)
                due = max(wallet.renew_at, wallet.retry_at)
            except (TokenUnavailable, TokenRefused):
                due = wallet.retry_at
            await sleep(min(max(due - self._clock(), _MIN_NAP_SECONDS), _MAX_NAP_SECONDS))

    async def aclose(self) -> None:
        """Stop token requests under way; their callers get `TokenUnavailable`."""
        tasks = [wallet.fetching for wallet in self._wallets.values() if wallet.fetching is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _probe(
        self, wallet: _Wallet, token: _Token, send: Callable[[str], Awaitable[Answer]]
    ) -> Answer:
        if wallet.probing:
            raise wallet.fault or TokenRefused(
                "another call is trying the new token", httpx.codes.UNAUTHORIZED
            )
        wallet.probing = True
        try:
            answer = await send(token.authorization)
        finally:
            wallet.probing = False
        self._judge(wallet, token, answer)
        return answer

    def _judge(self, wallet: _Wallet, token: _Token, answer: Answer) -> None:
        """What the answer to a fresh token says of it, unless it has been replaced meanwhile."""
        if wallet.token is not token:
            return
        if answer.status == httpx.codes.UNAUTHORIZED:
            wallet.token = None
            wallet.distrusted = True
            wallet.fault = TokenRefused("the API answered a fresh token with 401", httpx.codes.UNAUTHORIZED)
            wallet.retry_at = self._clock() + self._options.refused_pause_seconds
        else:
            wallet.distrusted = False
            wallet.fault = None

    def _wallet(self, merchant: str | None) -> _Wallet:
        key = (merchant or self._options.home_merchant) if self._options.per_merchant else None
        wallet = self._wallets.get(key)
        if wallet is None:
            if len(self._wallets) >= self._options.max_merchants:
                del self._wallets[next(old for old in self._wallets if old != self._options.home_merchant)]
            wallet = self._wallets[key] = _Wallet(key)
        return wallet

    def _at_hand(self, wallet: _Wallet, now: float) -> _Token | None:
        """The token held; the next one is asked for in time."""
        token = wallet.usable(now)
        if (
            token is not None
            and now >= wallet.renew_at
            and now >= wallet.retry_at
            and wallet.fetching is None
        ):
            self._start(wallet)
        return token

    async def _held(self, wallet: _Wallet) -> _Token:
        while True:
            now = self._clock()
            if (token := self._at_hand(wallet, now)) is not None:
                return token
            if wallet.fetching is None:
                if now < wallet.retry_at:
                    raise (wallet.fault or TokenUnavailable("no token")).with_traceback(None)
                self._start(wallet)
            task = wallet.fetching
            if task is None:
                continue
            # Not awaited itself: whoever is cancelled here leaves the request to the others.
            await asyncio.wait([task])
            if task.cancelled():
                raise TokenUnavailable("closed")
            task.result()

    def _start(self, wallet: _Wallet) -> None:
        wallet.fetching = asyncio.create_task(self._fetch(wallet), name="token")

    async def _fetch(self, wallet: _Wallet) -> None:
        asked = self._clock()
        options = self._options
        try:
            grant = await request_token(
                self._http, self._credentials, wallet.merchant, options.timeout_seconds
            )
        except TokenRefused as fault:
            metrics.TOKEN_REQUESTS.labels("refused").inc()
            wallet.fault, wallet.retry_at = fault, asked + options.refused_pause_seconds
        except TokenUnavailable as fault:
            metrics.TOKEN_REQUESTS.labels("unavailable").inc()
            wallet.fault, wallet.retry_at = fault, self._clock() + options.unavailable_pause_seconds
        else:
            metrics.TOKEN_REQUESTS.labels("granted").inc()
            life = grant.lifetime_seconds
            wallet.token = _Token(grant.token)
            wallet.usable_until = asked + life - min(options.expiry_guard_seconds, life / 4)
            wallet.renew_at = asked + max(life - options.renew_ahead_seconds, life / 2)
            if not wallet.distrusted:
                wallet.fault = None
        finally:
            wallet.fetching = None
