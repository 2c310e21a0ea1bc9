"""Takes the README's picture of the sandbox's page: `python -m tests.browser.screenshot [FILE [WIDTH [dark]]]`.

A canteen at noon: tills that sell by themselves, one whose payment waits for a person, refunds, and one client
that asks too early. Seeded, but for the times.
"""

import asyncio
import itertools
import sys
from pathlib import Path

from gateway.sandbox import SandboxConfig
from gateway.sandbox.config import PointOfSaleEntry, StoreEntry
from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.draws import Span
from tests.browser.chromium import find_chromium, launch
from tests.browser.till import Till, sandbox

PICTURE = Path(__file__).resolve().parents[2] / "deploy" / "docs" / "sandbox.png"
TILLS = ("Counter 1", "Counter 2", "Coffee bar", "Salad bar", "Kiosk", "Terrace")
DISHES = ("smorrebrod", "coffee", "lunch-menu", "salad", "soup", "juice", "cake", "tea")
POS_IDS = [f"c85916b1-8e17-4275-a388-551e16aa62{number:02d}" for number in range(len(TILLS))]
PERSON = "+4520031801"


def canteen() -> SandboxConfig:
    return SandboxConfig(
        seed=11,
        stores=(StoreEntry(name="Havnegade Canteen"),),
        points_of_sale=tuple(
            PointOfSaleEntry(
                pos_id, name.lower().replace(" ", "-"), f"{100_000_000_000_000 + 7_919 * number}", name=name
            )
            for number, (pos_id, name) in enumerate(zip(POS_IDS, TILLS, strict=True))
        ),
        customers=CustomerPolicy(
            decline=0.15, never=0.0, check_in_seconds=Span(0.1, 0.6), decision_seconds=Span(0.1, 1.0)
        ),
        poll_delay_ms=Span(100, 100),
    )


async def sell(till: Till, number: int) -> None:
    """One sale: wait for the customer, capture what they granted, now and then give it back."""
    pos_id = POS_IDS[number % 4]
    order_id = f"{DISHES[number % len(DISHES)]}-{1000 + number}"
    amount = 18 + (number * 7) % 90 + (0.5 if number % 3 else 0)
    payment_id = await till.initiate(pos_id, order_id, amount)
    status = "Initiated"
    while status in ("Initiated", "IssuedToUser"):
        await asyncio.sleep(0.11)
        status = (await till.http.get(f"/pos/v10/payments/{payment_id}")).json()["status"]
    if status == "Reserved":
        await till.act(f"payments/{payment_id}/capture", {"amount": amount})
        if number % 9 == 4:
            refund_id = await till.refund(payment_id, f"back-{order_id}", 10)
            await asyncio.sleep(1.1)
            await till.act(f"refunds/{refund_id}/capture")


async def lunch(till: Till) -> None:
    """Never ends: the tills sell side by side."""
    await asyncio.gather(*(queue(till, first) for first in range(4)))


async def queue(till: Till, first: int) -> None:
    for number in itertools.count(first, 4):
        await sell(till, number)


async def picture(path: Path, width: int, dark: bool) -> None:
    executable = find_chromium()
    if executable is None:
        raise SystemExit("no Chromium on the path; name one by CHROMIUM")
    async with sandbox(canteen()) as till, launch(executable) as browser:
        page = await browser.new_page(
            viewport={"width": width, "height": 1080 if width > 700 else 844},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        await page.goto(till.url)
        busy = asyncio.create_task(lunch(till))
        await till.initiate(POS_IDS[4], "manual-newspaper-2041", 38)
        await asyncio.sleep(8)
        await till.initiate(POS_IDS[5], "manual-table-12", 264.5)
        await page.locator("#waiting button", has_text="manual-table-12").click()
        await page.locator("#accept:enabled").wait_for()
        await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        await asyncio.sleep(1.3)
        await page.screenshot(path=path, full_page=width < 700)
        busy.cancel()
        await asyncio.wait({busy})


if __name__ == "__main__":
    arguments = sys.argv[1:]
    target = Path(arguments[0]) if arguments else PICTURE
    size = int(arguments[1]) if len(arguments) > 1 else 1280
    asyncio.run(picture(target, size, "dark" in arguments))
    print(f"{target}: {target.stat().st_size} bytes")
