"""A Chromium for the page's tests, and a page that is watched: what it asks for, and what it complains of."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.chromium import find_chromium, launch
from tests.not_run import not_run

PATIENCE_MS = 30_000
"""A browser that was installed a minute ago reads all of itself from the disk first."""

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where there is none the tests are not run, and the summary says so; in CI they fail."""
    found = find_chromium()
    if found is None:
        not_run("no Chromium", "one on the path, or named by CHROMIUM")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with launch(chromium) as browser:
        yield browser


@dataclass
class Watched:
    """Pages of one test. `expected` are the beginnings of what the console may say."""

    browser: Browser
    expected: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    async def open(self, url: str, width: int = 1280, height: int = 800, **options: Any) -> Page:
        page = await self.browser.new_page(viewport={"width": width, "height": height}, **options)
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requested.append(request.url))
        await page.goto(url)
        await page.locator("#link[data-link=live]").wait_for()
        return page

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(text.startswith(begin) for begin in self.expected):
            self.complaints.append(text)


@pytest_asyncio.fixture(loop_scope="module")
async def watched(browser: Browser) -> AsyncIterator[Watched]:
    """At the end: nothing was asked of anybody but the sandbox, and the console is clean."""
    watched = Watched(browser)
    try:
        yield watched
    finally:
        for context in browser.contexts:
            await context.close()
    assert watched.complaints == []
    assert {urlsplit(url).hostname for url in watched.requested} <= {"127.0.0.1"}
