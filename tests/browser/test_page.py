"""The sandbox's page in a real browser, with a real till behind it: what a person sees and does."""

import json
import time

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Watched
from tests.browser.scene import ORIGINAL, OTHER_PHONE, OTHER_POS, PHONE, POS, check_in, config, row
from tests.browser.till import free_port, sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
        await page.get_by_role("radio", name="storm").click()
        await expect(page.locator("#faults-says")).to_have_text("Faults: storm.")
        assert (await till.told("faults"))["probabilities"]["*"]["reset_after"] > 0
        await page.get_by_role("radio", name="none").click()
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
