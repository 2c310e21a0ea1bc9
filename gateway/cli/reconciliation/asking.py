"""The provider asked for many things, a few at once and as fast as it answers, until each is answered or cannot
be.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, TypeVar

from gateway.domain.calls import AnyOutcome
from gateway.domain.operations import Deferred, Operation, Unknown
from gateway.mobilepay.client import MobilePay
from gateway.mobilepay.options import MobilePayOptions

Q = TypeVar("Q")

_AT_ONCE: Final = 8
_TRIES: Final = 4
_MAX_PAUSE_SECONDS: Final = 5.0
_TOKEN_SLACK_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.05


class _Always:
    """Reading needs no lease: nothing is changed, and no owner is disturbed."""

    withdrawn = False

    def holds(self) -> bool:
        return True

    async def renew(self) -> bool:
        return True


async def ask(options: MobilePayOptions, questions: Mapping[Q, Operation]) -> dict[Q, AnyOutcome]:
    """Reads only. What the provider does not answer in a few tries stays Unknown or Deferred."""
    if not questions:
        return {}
    provider = MobilePay(options)
    provider.start()
    try:
        await _token(provider, options)
        answers: dict[Q, AnyOutcome] = {}
        waiting = list(questions.items())[::-1]
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(_work(provider, waiting, answers))
        return answers
    finally:
        await provider.close()


async def _work(
    provider: MobilePay, waiting: "list[tuple[Q, Operation]]", answers: dict[Q, AnyOutcome]
) -> None:
    while waiting:
        name, operation = waiting.pop()
        for _ in range(_TRIES):
            outcome = answers[name] = await provider.perform(operation, _Always())
            if not isinstance(outcome, Deferred | Unknown):
                break
            # Once the provider is away there is no use in asking for each thing over and over.
            standing = provider.standing()
            if standing.breaker_open or not standing.token_held or standing.fault is not None:
                break
            if isinstance(outcome, Deferred):
                await asyncio.sleep(min(outcome.after_ms / 1000, _MAX_PAUSE_SECONDS))


async def _token(provider: MobilePay, options: MobilePayOptions) -> None:
    """Wait for one as long as getting it may take; without one every question says so by itself."""
    try:
        async with asyncio.timeout(options.token_timeout_seconds + _TOKEN_SLACK_SECONDS):
            while not (standing := provider.standing()).token_held and standing.fault is None:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return
