"""The page fits, can be read, and takes what strangers write for text alone."""

from typing import Any

import pytest
from playwright.async_api import expect

from gateway.sandbox.config import PointOfSaleEntry, StoreEntry
from tests.browser.conftest import Watched
from tests.browser.scene import OTHER_POS, PHONE, POS, check_in, config, row
from tests.browser.till import sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = '<img src=x onerror="hacked=1">'


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800), (320, 640), (768, 1024)])
async def test_it_fits_its_window(watched: Watched, width: int, height: int) -> None:
    long = config(stores=(StoreEntry(name="Kantine" * 12),))
    async with sandbox(long) as till:
        page = await watched.open(till.url, width, height)
        payment_id = await till.initiate(POS, "W" * 36, 999_999_999_999_999)
        await till.initiate(OTHER_POS, "M" * 36)
        await till.prepare("00000000-0000-4000-8000-000000000001", "m_" * 18)
        await till.http.post("/pos/v10/" + "W" * 300)
        await check_in(page)
        await page.locator("#accept").click()
        await expect(page.locator("#screen-state")).to_contain_text("You have paid")
        await till.act(f"payments/{payment_id}/capture", {"amount": 999_999_999_999_999})
        await till.refund(payment_id, "M" * 36, 999_999_999_999_998)
        await expect(page.locator("#payments .refund")).to_be_visible()
        await expect(page.locator("#violations > li")).to_have_count(1)
        await expect(row(page, "W" * 36)).to_contain_text("999,999,999,999,999.00\u00a0DKK")
        cut = await page.evaluate(
            "[...document.querySelectorAll('main *, header *')].filter((one) =>"
            " !one.matches('.hidden, .hidden *, option') && one.getBoundingClientRect().right > innerWidth + 1)"
            ".map((one) => [one.tagName, one.className, one.id, one.parentElement.className].join(' '))"
        )
        assert cut == []
        wide = await page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1] == width


CONTRASTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !one.checkVisibility()) continue;
    if (one.closest("script, noscript, option")) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), one.textContent.slice(0, 40), one.className]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out(watched: Watched, scheme: Any) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url, color_scheme=scheme, reduced_motion="reduce")
        states = {"one": "captured", "two": "declined", "three": "cancelled", "four": "issued"}
        for number, order_id in enumerate(states):
            pos_id = f"00000000-0000-4000-8000-00000000000{number}"
            payment_id = await till.initiate(pos_id, order_id)
            if order_id != "three":
                await till.user("check-in", pos_id, PHONE)
            if order_id == "one":
                await till.user("accept", pos_id, PHONE)
                await till.act(f"payments/{payment_id}/capture", {"amount": 12.5})
                await till.refund(payment_id, "back", 1)
            elif order_id == "two":
                await till.user("decline", pos_id, PHONE)
            elif order_id == "three":
                await till.act(f"payments/{payment_id}/cancel")
        await till.prepare(POS, "five")
        await till.http.get("/pos/v10/nothing")
        await check_in(page)
        await expect(page.locator("#phone-says")).to_have_text("You are checked in.")
        await expect(page.locator("#statuses > li")).to_have_count(5)
        await expect(page.locator("#violations > li")).to_have_count(1)
        contrasts = await page.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert [one for one in contrasts if one[0] < 4.5] == []
        assert await page.evaluate("document.getAnimations().length") == 0, "asked for reduced motion"


async def test_a_strangers_text_is_text(watched: Watched) -> None:
    names = config(
        stores=(StoreEntry(name=SCRIPT, city=SCRIPT),),
        points_of_sale=(PointOfSaleEntry(POS, SCRIPT, "123456789012345", name=SCRIPT),),
    )
    async with sandbox(names) as till:
        page = await watched.open(till.url)
        await till.initiate(POS, SCRIPT)
        await till.http.post("/pos/v10/" + SCRIPT)
        await expect(page.locator("#payments .order")).to_have_text(SCRIPT)
        await expect(page.locator("#places h3")).to_have_text(SCRIPT)
        await expect(page.locator("#violations")).to_contain_text("onerror")
        await check_in(page, "")
        await expect(page.locator("#screen-order")).to_have_text(SCRIPT)
        sources = await page.evaluate("[...document.images].map((one) => new URL(one.src).pathname)")
        assert set(sources) == {"/_sandbox/icon.svg", "/_sandbox/qr.svg"}
        assert await page.evaluate("typeof hacked") == "undefined"
        assert not [url for url in watched.requested if url.endswith("/x")]


async def test_no_script_of_another_runs(watched: Watched) -> None:
    watched.expected += ["Refused to", "Executing inline script", "Connecting to", "Fetch API cannot load"]
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        answer = await till.http.get("/")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        await page.evaluate(
            "{ const one = document.createElement('script'); one.textContent = 'hacked = 1';"
            " document.body.append(one); }"
        )
        assert await page.evaluate("typeof hacked") == "undefined"
        blocked = "fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')"
        assert await page.evaluate(blocked) == "refused"
        assert "<script>" not in answer.text and "<style" not in answer.text and "://" not in answer.text
