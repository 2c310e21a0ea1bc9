"""The sandbox's page in a real browser, with a real till behind it."""

import json
import time
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from gateway.sandbox import SandboxConfig
from gateway.sandbox.config import PointOfSaleEntry, StoreEntry
from gateway.sandbox.customers import CustomerPolicy
from tests.browser.conftest import Watched
from tests.browser.till import free_port, sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
OTHER_POS = "22f8155d-4042-4439-825f-068dbca98857"
PHONE, OTHER_PHONE = "+4520031801", "+4520031802"
SCRIPT = '<img src=x onerror="hacked=1">'
ORIGINAL = "window.original = 1"


def config(**changes: Any) -> SandboxConfig:
    given: dict[str, Any] = {
        "any_pos": True,
        "customers": CustomerPolicy(automatic=False),
        "points_of_sale": (
            PointOfSaleEntry(POS, "till-1", "123456789012345", name="Counter"),
            PointOfSaleEntry(OTHER_POS, "till-2", "223456789012345", name="Terrace"),
        ),
    }
    return SandboxConfig(**{**given, **changes})


def row(page: Page, order_id: str) -> Locator:
    return page.locator("#payments > li").filter(has_text=order_id)


async def check_in(page: Page, name: str = "Counter") -> None:
    await page.get_by_role("button", name=f"Check in at {name}").click()


async def test_a_payment_comes_and_moves_without_a_reload(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        await page.evaluate(ORIGINAL)
        await expect(page.locator("#payments-none")).to_be_visible()
        await till.initiate(POS, "lunch-1", 1234.5)
        await expect(row(page, "lunch-1")).to_contain_text("1,234.50\u00a0DKK")
        await expect(row(page, "lunch-1").locator(".badge")).to_have_text("Initiated")
        await expect(page.locator("#figure-payments")).to_have_text("1")
        await expect(page.locator("#figure-waiting")).to_have_text("1")
        await till.user("check-in", POS, PHONE)
        await expect(row(page, "lunch-1").locator(".badge")).to_have_text("IssuedToUser")
        await expect(page.locator("#moves")).to_contain_text("lunch-1: IssuedToUser")
        await till.user("accept", POS, PHONE)
        await expect(row(page, "lunch-1")).to_contain_text("Initiated → IssuedToUser → Reserved")
        await expect(page.locator("#statuses")).to_contain_text("Reserved")
        await expect(page.locator("#sums")).to_contain_text("1,234.50\u00a0DKK")
        await expect(page.locator("#requests")).to_contain_text("lunch-1")
        assert await page.evaluate("window.original") == 1


async def test_a_person_checks_in_and_accepts(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        payment_id = await till.initiate(POS, "manual-1", 12.5)
        await expect(page.locator("#waiting")).to_contain_text("manual-1")
        await expect(page.locator("#accept")).to_be_disabled()
        await check_in(page)
        await expect(page.locator("#screen-amount")).to_have_text("12.50\u00a0DKK")
        await expect(page.locator("#screen-place")).to_have_text("Counter")
        await expect(page.locator("#screen-merchant")).to_contain_text("Cafeteria")
        await expect(page.locator("#screen-left")).to_contain_text("14 min")
        await page.locator("#accept").click()
        await expect(row(page, "manual-1").locator(".badge")).to_have_text("Reserved")
        await expect(page.locator("#screen-state")).to_contain_text("You have paid")
        assert await till.status("manual-1") == "Reserved"
        await till.act(f"payments/{payment_id}/capture", {"amount": 12.5})
        await expect(row(page, "manual-1").locator(".badge")).to_have_text("Captured")
        refund_id = await till.refund(payment_id, "back-1", 2.5)
        await expect(row(page, "manual-1")).to_contain_text("Refund back-1")
        await expect(row(page, "manual-1").locator(".refund .badge")).to_have_text("Reserved")
        await till.act(f"refunds/{refund_id}/capture")
        await expect(row(page, "manual-1").locator(".refund .badge")).to_have_text("Captured")
        await expect(page.locator("#sums")).to_contain_text("2.50\u00a0DKK")


async def test_a_person_declines(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        await till.initiate(POS, "manual-1")
        await page.locator("#user").select_option(OTHER_PHONE)
        await page.locator("#waiting button").click()
        await page.locator("#decline").click()
        await expect(row(page, "manual-1").locator(".badge")).to_have_text("CancelledByUser")
        await expect(page.locator("#screen-state")).to_have_text("Declined.")
        assert await till.status("manual-1") == "CancelledByUser"


async def test_a_person_checks_in_before_the_till_names_the_amount(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        payment_id = await till.prepare(POS, "basket-1")
        await expect(row(page, "basket-1")).to_contain_text("no amount yet")
        await check_in(page)
        await expect(page.locator("#screen-state")).to_contain_text("The till names the amount next")
        await expect(page.locator("#accept")).to_be_disabled()
        terms = {"amount": 7, "currencyCode": "EUR", "plannedCaptureDelay": "None"}
        await till.act(f"payments/{payment_id}/ready", terms)
        await expect(page.locator("#screen-amount")).to_have_text("7.00\u00a0EUR")
        await page.locator("#accept").click()
        await expect(row(page, "basket-1").locator(".badge")).to_have_text("Reserved")


async def test_what_cannot_be_done_is_said_in_words(watched: Watched) -> None:
    watched.expected.append("Failed to load resource: the server responded with a status of 400")
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        await till.initiate(POS, "manual-1")
        await till.user("check-in", POS, OTHER_PHONE)
        await expect(row(page, "manual-1").locator(".badge")).to_have_text("IssuedToUser")
        await check_in(page)
        await expect(page.locator("#phone-says")).to_have_text("Another user is checked in and has a payment")
        await expect(page.locator("#accept")).to_be_disabled()
        assert await till.status("manual-1") == "IssuedToUser"


async def test_the_keyboard_is_enough(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        await till.initiate(POS, "manual-1")
        await expect(row(page, "manual-1")).to_be_visible()
        for name in ("Check in at Counter", "Accept"):
            for _ in range(40):
                await page.keyboard.press("Tab")
                focused = await page.evaluate(
                    "[document.activeElement.ariaLabel, document.activeElement.textContent]"
                )
                if name in focused:
                    break
            else:
                pytest.fail(f"no way to {name!r} by Tab")
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", "where the focus is can be seen"
            await page.keyboard.press("Enter")
            await expect(page.locator("#phone-says")).not_to_be_empty()
        await expect(row(page, "manual-1").locator(".badge")).to_have_text("Reserved")


async def test_violations_and_notes_are_shown(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        await expect(page.locator("#violations-none")).to_have_text("None")
        await till.http.post("/pos/v10/payments", json={"posId": POS})
        await till.initiate(POS, "one")
        assert (await till.create("payments", {"posId": POS, "orderId": "two"})).status_code == 400
        await expect(page.locator("#violations")).to_contain_text("missing key")
        await expect(page.locator("#violations-none")).to_be_hidden()
        counted = (await till.told("violations"))["total"]
        assert counted >= 2
        await expect(page.locator("#figure-violations")).to_have_text(str(counted))
        await expect(page.locator("#violations > li")).to_have_count(counted)


async def test_the_clock_and_the_faults_are_at_hand(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        await till.initiate(POS, "manual-1")
        await page.get_by_role("radio", name="storm").check()
        await expect(page.locator("#faults-says")).to_have_text("Faults: storm.")
        assert (await till.told("faults"))["probabilities"]["*"]["reset_after"] > 0
        await page.get_by_role("radio", name="none").check()
        await expect(page.locator("#faults-says")).to_have_text("Faults: none.")
        assert (await till.told("faults"))["probabilities"] == {}
        await page.locator("#clock-amount").fill("16")
        await page.get_by_role("button", name="Advance").click()
        await expect(row(page, "manual-1").locator(".badge")).to_have_text("CancelledByMobilePay")
        await expect(page.locator("#clock-says")).to_have_text("Moved ahead by 16 min 00 s.")
        plan = {"rules": [{"fault": "error_before", "operation": "get_payment"}]}
        await till.http.post("/_sandbox/faults", json=plan)
        await expect(page.locator("#faults-plan")).to_contain_text("plan of its own")
        await till.http.get(f"/pos/v10/payments/{POS}")
        await expect(page.locator("#faults")).to_contain_text("error before")


async def test_the_filter_leaves_what_fits(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        await till.initiate(POS, "apple-1")
        await till.initiate(OTHER_POS, "pear-1")
        await expect(page.locator("#payments > li")).to_have_count(2)
        await page.locator("#filter").fill("PEAR")
        await expect(page.locator("#payments > li")).to_have_count(1)
        await expect(page.locator("#payments-count")).to_have_text("1 of 2")
        await expect(page.locator("#places > li")).to_have_count(1)
        await page.locator("#filter").fill(POS[:13])
        await expect(row(page, "apple-1")).to_be_visible()
        await page.locator("#filter").fill("nothing has this")
        await expect(page.locator("#payments-none")).to_contain_text("None of the newest payments fits")


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


async def test_it_finds_a_server_that_was_restarted(watched: Watched) -> None:
    watched.expected.append("Failed to load resource: net::ERR_")
    port = free_port()
    async with sandbox(config(), port) as till:
        page = await watched.open(till.url)
        await page.evaluate(ORIGINAL)
        await till.initiate(POS, "before-1")
        await expect(row(page, "before-1")).to_be_visible()
    await expect(page.locator("#link")).to_contain_text("Connection lost")
    async with sandbox(config(), port) as till:
        await till.initiate(POS, "after-1")
        await expect(row(page, "after-1")).to_be_visible(timeout=20_000)
        await expect(page.locator("#link")).to_have_text("Live")
        await expect(row(page, "before-1")).to_have_count(0)
        assert await page.evaluate("window.original") == 1


async def test_thousands_of_payments_are_a_page_of_the_newest(watched: Watched) -> None:
    async with sandbox(config()) as till:
        page = await watched.open(till.url)
        await till.flood(5_000)
        await expect(page.locator("#figure-payments")).to_have_text("5,000", timeout=20_000)
        await page.locator("#payments-more").click()
        await page.locator("#places-more").click()
        await expect(page.locator("#payments > li")).to_have_count(248)
        await expect(page.locator("#places > li")).to_have_count(48)
        await expect(page.locator("#payments > li").first).to_contain_text("order-49")
        async with till.http.stream("GET", "/_sandbox/live") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    break
        told = json.loads(line.removeprefix("data: "))
        assert len(told["payments"]) <= 248
        assert len(told["places"]) <= 48
        assert len(line) < 250_000
        started = time.perf_counter()
        await till.user("check-in", "00000000-0000-4000-8000-000000004999", PHONE)
        await expect(row(page, "order-4999").locator(".badge")).to_have_text("IssuedToUser")
        assert time.perf_counter() - started < 5
