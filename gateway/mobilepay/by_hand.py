"""The API by hand: one call as a person asks for it, outside of any payment's life and without its lease.

The same time-outs, repeats and headers as the gateway's own calls; the answer is shown as it came.
"""

from urllib.parse import quote, urlencode

import httpx

from gateway.mobilepay.exchange import Answer
from gateway.mobilepay.line import Line
from gateway.mobilepay.pacing import backoff_seconds
from gateway.mobilepay.token_endpoint import TokenRefused, TokenUnavailable
from gateway.mobilepay.wire import API_PATH, WireRequest


class NotAnswered(Exception):
    """The provider could not be asked, or did not answer. `str()` is for people."""


def reading(path: str, **query: str | None) -> WireRequest:
    """GET of a path below the API's, with the filters that are given."""
    given = {name: value for name, value in query.items() if value is not None}
    target = f"{API_PATH}/{quote(path)}" + (f"?{urlencode(given, quote_via=quote)}" if given else "")
    return WireRequest("by_hand", "GET", target, False)


async def ask_by_hand(line: Line, request: WireRequest, merchant: str | None = None) -> Answer:
    """Any answer below 500 is one. Raises `NotAnswered`; a write may have taken effect then, its key tells."""
    options = line.options
    named = line.merchant(merchant)

    async def send(authorization: str) -> Answer:
        return await line.origin.send(request, line.heading(named, authorization), line.limits(request))

    said = "no answer"
    for failures in range(1, options.max_requests_per_call + 1):
        try:
            answer = await line.tokens.call(named, send)
        except (TokenRefused, TokenUnavailable) as fault:
            raise NotAnswered(f"no token: {fault}") from None
        except httpx.RequestError as fault:
            said = str(fault) or type(fault).__name__
        else:
            if answer.status < 500:
                return answer
            said = f"answered {answer.status}"
        if failures < options.max_requests_per_call:
            await line.around.sleep(backoff_seconds(failures, line.around.dice()))
    raise NotAnswered(said)
