"""What the page's tests begin with: a sandbox of two tills where nobody comes by themselves."""

from typing import Any

from playwright.async_api import Locator, Page

from gateway.sandbox import SandboxConfig
from gateway.sandbox.config import PointOfSaleEntry
from gateway.sandbox.customers import CustomerPolicy

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
OTHER_POS = "22f8155d-4042-4439-825f-068dbca98857"
PHONE, OTHER_PHONE = "+4520031801", "+4520031802"
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
