"""The client over real HTTP against the simulator, whose recorder judges what it sees and whose ledger what
was done.
"""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway.domain.calls import AnyOperation
from gateway.domain.commands import Restrictions
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    DeferralCause,
    Deferred,
    FindPayments,
    FindRefunds,
    Found,
    Initiate,
    Observed,
    Prepare,
    ProviderRefundStatus,
    ProviderStatus,
    Purpose,
    ReadPayment,
    ReadRefund,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
    RefundObserved,
    RefundReading,
    Rejected,
    Unknown,
)
from gateway.domain.points_of_sale.operations import (
    CheckinObserved,
    FindPointsOfSale,
    MakePointOfSale,
    PointOfSaleObserved,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.vocabulary import PlannedCaptureDelay, Reason
from gateway.mobilepay.client import MobilePay
from gateway.mobilepay.options import TOKEN_PATH, MobilePayOptions
from gateway.mobilepay.secret import Secret
from gateway.sandbox import SandboxConfig
from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.draws import Span
from gateway.sandbox.faults import FaultPlan, FaultRule
from gateway.sandbox.server import serve
from gateway.sandbox.tokens import Client

NOT_AFTER_MS = 4_000_000_000_000
STORE_ID = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"


class Always:
    """A permit that never ends."""

    withdrawn = False

    def holds(self) -> bool:
        return True

    async def renew(self) -> bool:
        return True


class Shop:
    """A client, the simulator it talks to, and what the simulator says of both."""

    def __init__(self, client: MobilePay, url: str) -> None:
        self.client = client
        self.url = url

    async def admin(self, name: str) -> Any:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as http:
            return (await http.get(f"/_sandbox/{name}")).json()

    async def advance(self, seconds: float) -> None:
        """Time passes at the provider alone."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as http:
            moved = await http.post("/_sandbox/clock", json={"advance_seconds": seconds})
            assert moved.status_code == 200, moved.text

    async def start(self, order_id: str = "", key: str | None = None, pos_id: str | None = None) -> Any:
        operation = Initiate(
            merchant=None,
            key=key or str(uuid.uuid4()),
            pos_id=pos_id or str(uuid.uuid4()),
            order_id=order_id or str(uuid.uuid4()),
            amount=Money(1205, Currency.DKK),
            planned_capture_delay=PlannedCaptureDelay.NONE,
            restrictions=None,
            label="Kasse 2 æ",
            first=True,
            not_after_ms=NOT_AFTER_MS,
        )
        return await self.client.perform(operation, Always())

    async def read(self, payment_id: str, purpose: Purpose = Purpose.READ_BACK) -> Any:
        return await self.client.perform(ReadPayment(None, payment_id, purpose), Always())

    async def reserved(self, payment_id: str) -> None:
        for _ in range(200):
            await asyncio.sleep(0.05)
            outcome = await self.read(payment_id, Purpose.POLL)
            if isinstance(outcome, Observed) and outcome.reading.status is ProviderStatus.RESERVED:
                return
        raise AssertionError("never reserved")


@asynccontextmanager
async def shop(plan: FaultPlan | None = None, **changes: Any) -> AsyncIterator[Shop]:
    config = SandboxConfig(
        any_pos=True,
        clients=(Client("client", "secret"),),
        require_ibm_client_id=True,
        poll_delay_ms=Span(10, 10),
        # Whoever comes approves: what a drawn customer would do is another test's matter.
        customers=CustomerPolicy(decline=0, never=0),
        faults=plan or FaultPlan(),
    )
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(config, "127.0.0.1", 0, address.set_result, stop=stop))
    url = await address
    given: dict[str, Any] = {
        "client_id": "client",
        "client_secret": Secret("secret"),
        "client_version": "1.2.3",
        "base_url": url,
        "merchant_vat_number": "DK12345678",
        **changes,
    }
    client = MobilePay(MobilePayOptions(**given))
    client.start()
    try:
        yield Shop(client, url)
    finally:
        await client.close()
        stop.set()
        await serving


def another(seen: Shop, base_url: str) -> MobilePay:
    """A client with tokens from this simulator that calls another address."""
    options = MobilePayOptions(
        client_id="client",
        client_secret=Secret("secret"),
        client_version="1.2.3",
        base_url=base_url,
        token_url=seen.url + TOKEN_PATH,
        merchant_vat_number="DK12345678",
    )
    return MobilePay(options)


def rule(fault: str, operation: str, **given: Any) -> FaultPlan:
    return FaultPlan(rules=(FaultRule(fault, operation, **given),))


async def blameless(seen: Shop) -> None:
    found: Mapping[str, Any] = await seen.admin("violations")
    assert found["counts"] == {}, found


async def test_a_payment_from_start_to_capture() -> None:
    async with shop() as seen:
        pos_id = str(uuid.uuid4())
        made = await seen.start("Ærø & 7+#%", pos_id=pos_id)
        assert isinstance(made, Accepted)
        assert made.resource_id is not None
        read = await seen.read(made.resource_id)
        assert isinstance(read, Observed)
        assert read.reading.amount == Money(1205, Currency.DKK)
        assert (read.reading.pos_id, read.reading.order_id) == (pos_id, "Ærø & 7+#%")
        found = FindPayments(None, pos_id, "Ærø & 7+#%", False, Purpose.LOOK)
        assert await seen.client.perform(found, Always()) == Found((made.resource_id,))
        await seen.reserved(made.resource_id)
        capture = Capture(None, made.resource_id, Money(1205, Currency.DKK))
        assert await seen.client.perform(capture, Always()) == Accepted()
        assert await seen.client.perform(capture, Always()) == Accepted()
        late = await seen.client.perform(Cancel(None, made.resource_id), Always())
        assert isinstance(late, Rejected)
        assert (late.refusal.reason, late.refusal.code) == (Reason.WRONG_STATUS, "1300")
        found = FindPayments(None, pos_id, "Ærø & 7+#%", True, Purpose.LOOK)
        assert await seen.client.perform(found, Always()) == Found((made.resource_id,))
        await blameless(seen)


async def test_refusals_are_told_as_they_are() -> None:
    async with shop() as seen:
        pos_id = str(uuid.uuid4())
        assert isinstance(await seen.start(pos_id=pos_id), Accepted)
        busy = await seen.start(pos_id=pos_id)
        assert isinstance(busy, Rejected)
        assert (busy.refusal.reason, busy.refusal.code) == (Reason.POINT_OF_SALE_BUSY, "1301")
        assert busy.refusal.correlation_id
        absent = await seen.read(str(uuid.uuid4()))
        assert isinstance(absent, Rejected)
        assert (absent.refusal.reason, absent.refusal.http_status) == (Reason.PAYMENT_NOT_FOUND, 404)


@pytest.mark.parametrize(
    "fault",
    [
        "error_before",
        "error_after",
        "timeout_after",
        "reset_before",
        "reset_after",
        "malformed_body",
        "empty_body",
        "wrong_content_type",
        "cut_body",
    ],
)
async def test_a_creating_call_comes_through_one_fault_with_one_payment(fault: str) -> None:
    plan = rule(fault, "initiate", times=1)
    async with shop(plan, write_timeout_seconds=0.3) as seen:
        outcome = await seen.start("order")
        assert isinstance(outcome, Accepted)
        found = FindPayments(None, str(uuid.uuid4()), "order", False, Purpose.LOOK)
        assert await seen.client.perform(found, Always()) == Found(())
        totals = await seen.admin("ledger/totals")
        assert totals["payments"] == 1, totals
        await blameless(seen)


async def test_a_throttled_call_is_deferred_as_the_provider_says() -> None:
    async with shop(rule("throttled", "initiate", times=1)) as seen:
        outcome = await seen.start()
        assert isinstance(outcome, Deferred)
        assert outcome.cause is DeferralCause.THROTTLED
        assert 1000 <= outcome.after_ms <= 1250
        assert (outcome.unheard, outcome.requests) == (0, 1)
        assert seen.client.holding


async def test_a_401_in_mid_flight_takes_a_new_token_and_the_same_key() -> None:
    async with shop(rule("unauthorized", "initiate", times=1)) as seen:
        assert isinstance(await seen.start(), Accepted)
        assert seen.client.standing().ready
        await blameless(seen)


async def test_wrong_credentials_send_nothing_and_say_so() -> None:
    async with shop(client_secret=Secret("wrong")) as seen:
        outcome = await seen.start()
        assert isinstance(outcome, Deferred)
        assert (outcome.cause, outcome.requests) == (DeferralCause.UNAUTHORISED, 0)
        assert seen.client.holding
        assert not seen.client.standing().ready


async def test_a_wrong_address_is_a_fault_of_the_configuration() -> None:
    async with shop() as seen:
        wrong = another(seen, base_url=seen.url + "/elsewhere")
        try:
            outcome = await Shop(wrong, seen.url).start()
            assert isinstance(outcome, Deferred)
            assert outcome.cause is DeferralCause.MISCONFIGURED
            assert wrong.holding
        finally:
            await wrong.close()


async def test_a_provider_that_never_answers_is_unknown_and_then_held() -> None:
    plan = FaultPlan(rules=(FaultRule("timeout_before", "initiate"),))
    async with shop(plan, write_timeout_seconds=0.1, max_requests_per_call=1) as seen:
        for _ in range(5):
            assert await seen.start() == Unknown(1)
        assert seen.client.holding
        held = await seen.start()
        assert isinstance(held, Deferred)
        assert (held.cause, held.requests) == (DeferralCause.PROVIDER_AWAY, 0)


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with shop() as seen:
        nobody = another(seen, base_url=f"http://127.0.0.1:{port}")
        try:
            outcome = await Shop(nobody, seen.url).start()
            assert isinstance(outcome, Deferred)
            assert (outcome.cause, outcome.requests) == (DeferralCause.PROVIDER_AWAY, 0)
            assert nobody.standing().ready
        finally:
            await nobody.close()


async def test_many_at_once_under_mixed_faults_leave_one_payment_each() -> None:
    shares = {
        "error_before": 0.1,
        "error_after": 0.1,
        "reset_after": 0.1,
        "cut_body": 0.05,
        "timeout_after": 0.05,
    }
    plan = FaultPlan(probabilities={"initiate": shares})
    async with shop(
        plan, write_timeout_seconds=0.5, max_requests_per_call=6, max_concurrent_calls=64
    ) as seen:
        outcomes = await asyncio.gather(*(seen.start(f"order-{number}") for number in range(300)))
        made = [outcome.resource_id for outcome in outcomes if isinstance(outcome, Accepted)]
        assert len(made) == len(set(made)) >= 295
        totals = await seen.admin("ledger/totals")
        assert len(made) <= totals["payments"] <= 300
        stats = await seen.admin("stats")
        assert stats["inFlightMax"] <= 64
        await blameless(seen)


async def captured(seen: Shop) -> str:
    """The provider's id of a payment of 12.05 whose money is taken."""
    made = await seen.start()
    assert isinstance(made, Accepted)
    assert made.resource_id is not None
    await seen.reserved(made.resource_id)
    capture = Capture(None, made.resource_id, Money(1205, Currency.DKK))
    assert await seen.client.perform(capture, Always()) == Accepted()
    return made.resource_id


def refund(payment_id: str, value: int, currency: Currency = Currency.DKK, key: str | None = None) -> Refund:
    amount = Money(value, currency)
    return Refund(None, key or str(uuid.uuid4()), payment_id, "R-1 æ", amount, True, NOT_AFTER_MS)


async def asked(seen: Shop, operation: AnyOperation) -> Any:
    return await seen.client.perform(operation, Always())


async def told(seen: Shop, operation: AnyOperation) -> tuple[Reason, str | None]:
    """Why it was refused, and the provider's code."""
    outcome = await asked(seen, operation)
    assert isinstance(outcome, Rejected), outcome
    return outcome.refusal.reason, outcome.refusal.code


async def reserved_refund(seen: Shop, refund_id: str) -> RefundReading:
    for _ in range(200):
        await asyncio.sleep(0.05)
        outcome = await asked(seen, ReadRefund(None, refund_id, Purpose.POLL))
        if (
            isinstance(outcome, RefundObserved)
            and outcome.reading.status is not ProviderRefundStatus.INITIATED
        ):
            return outcome.reading
    raise AssertionError("never reserved")


async def test_a_prepared_payment_is_readied_and_approved() -> None:
    async with shop() as seen:
        pos_id = str(uuid.uuid4())
        made = await asked(seen, Prepare(None, str(uuid.uuid4()), pos_id, "order", True, NOT_AFTER_MS))
        assert isinstance(made, Accepted)
        assert made.resource_id is not None
        read = await seen.read(made.resource_id)
        assert isinstance(read, Observed)
        assert read.reading.status in (ProviderStatus.PREPARED, ProviderStatus.PAIRED)
        assert read.reading.amount is None
        ready = Ready(
            None,
            made.resource_id,
            Money(1205, Currency.DKK),
            PlannedCaptureDelay.LESS_THAN_24_HOURS,
            Restrictions(debit_card_disallowed=True),
            "Kasse 2",
        )
        assert await asked(seen, ready) == Accepted()
        assert await asked(seen, ready) == Accepted(), "naturally idempotent"
        await seen.reserved(made.resource_id)
        plain = await seen.start(pos_id=pos_id)
        assert isinstance(plain, Accepted)
        other = replace(ready, provider_payment_id=plain.resource_id or "")
        assert await told(seen, other) == (Reason.WRONG_STATUS, "1303")
        await blameless(seen)


async def test_a_refund_from_its_making_to_its_capture() -> None:
    async with shop() as seen:
        payment_id, key = await captured(seen), str(uuid.uuid4())
        made = await asked(seen, refund(payment_id, 1000, key=key))
        assert isinstance(made, Accepted)
        assert made.resource_id is not None
        assert await asked(seen, refund(payment_id, 1000, key=key)) == made, "the same key, the same refund"
        assert await asked(seen, FindRefunds(None, payment_id, Purpose.LOOK)) == Found((made.resource_id,))
        reading = await reserved_refund(seen, made.resource_id)
        assert (reading.refund_id, reading.provider_payment_id) == ("R-1 æ", payment_id)
        assert reading.amount == Money(1000, Currency.DKK)
        assert await asked(seen, RefundCapture(None, made.resource_id)) == Accepted()
        assert await asked(seen, RefundCapture(None, made.resource_id)) == Accepted()
        assert await told(seen, RefundCancel(None, made.resource_id)) == (Reason.WRONG_STATUS, "1352")
        totals = await seen.admin("ledger/totals")
        assert totals["currencies"]["DKK"]["refunded"] == 1000
        await blameless(seen)


async def test_a_cancelled_refund_gives_its_amount_back() -> None:
    async with shop() as seen:
        payment_id = await captured(seen)
        made = await asked(seen, refund(payment_id, 1205))
        assert isinstance(made, Accepted)
        assert made.resource_id is not None
        assert await told(seen, refund(payment_id, 1)) == (Reason.REFUND_ABOVE_CAPTURED, "1367")
        assert await asked(seen, RefundCancel(None, made.resource_id)) == Accepted()
        assert await told(seen, RefundCapture(None, made.resource_id)) == (Reason.WRONG_STATUS, "1351")
        assert isinstance(await asked(seen, refund(payment_id, 1205)), Accepted)
        await blameless(seen)


async def test_each_refusal_of_a_refund_has_its_reason() -> None:
    async with shop() as seen:
        payment_id, unknown = await captured(seen), str(uuid.uuid4())
        open_payment = await seen.start()
        assert isinstance(open_payment, Accepted)
        assert open_payment.resource_id is not None
        assert await told(seen, refund(unknown, 1)) == (Reason.PAYMENT_NOT_FOUND, "1001")
        assert await told(seen, refund(open_payment.resource_id, 1)) == (Reason.WRONG_STATUS, "1354")
        assert await told(seen, refund(payment_id, 1, Currency.EUR)) == (Reason.CURRENCY_MISMATCH, "1365")
        assert await told(seen, refund(payment_id, 1206)) == (Reason.REFUND_ABOVE_CAPTURED, "1367")
        assert await told(seen, RefundCapture(None, unknown)) == (Reason.REFUND_NOT_FOUND, "1004")
        assert await told(seen, RefundCancel(None, unknown)) == (Reason.REFUND_NOT_FOUND, None)
        assert await told(seen, ReadRefund(None, unknown, Purpose.POLL)) == (Reason.REFUND_NOT_FOUND, None)


async def test_a_refund_pays_itself_out_and_one_that_comes_too_late_is_refused() -> None:
    async with shop() as seen:
        payment_id = await captured(seen)
        made = await asked(seen, refund(payment_id, 100))
        assert isinstance(made, Accepted)
        assert made.resource_id is not None
        await reserved_refund(seen, made.resource_id)
        await seen.advance(25 * 3600)
        reading = await reserved_refund(seen, made.resource_id)
        assert reading.status is ProviderRefundStatus.CAPTURED_BY_EXPIRY
        await seen.advance(90 * 24 * 3600)
        assert await told(seen, refund(payment_id, 100)) == (Reason.REFUND_TOO_LATE, "1366")


@pytest.mark.parametrize("fault", ["error_after", "timeout_after", "reset_after", "empty_body", "cut_body"])
@pytest.mark.parametrize("kind", ["create_refund", "prepare", "create_point_of_sale"])
async def test_every_creating_call_comes_through_one_fault_with_one_effect(fault: str, kind: str) -> None:
    async with shop(rule(fault, kind, times=1), write_timeout_seconds=0.3) as seen:
        key = str(uuid.uuid4())
        operation: AnyOperation
        match kind:
            case "create_refund":
                operation = refund(await captured(seen), 100, key=key)
            case "prepare":
                operation = Prepare(None, key, str(uuid.uuid4()), "order", True, NOT_AFTER_MS)
            case _:
                operation = MakePointOfSale(
                    None, key, "till", STORE_ID, "Till", ("QR",), None, None, False, True, NOT_AFTER_MS
                )
        first = await asked(seen, operation)
        assert isinstance(first, Accepted)
        assert await asked(seen, operation) == first
        await blameless(seen)


async def test_a_point_of_sale_is_made_found_read_and_removed() -> None:
    async with shop() as seen:
        made = await asked(
            seen,
            MakePointOfSale(
                None,
                str(uuid.uuid4()),
                "till & 1",
                STORE_ID,
                "Till 1",
                ("QR", "NFC"),
                None,
                "alias",
                True,
                True,
                NOT_AFTER_MS,
            ),
        )
        assert isinstance(made, Accepted)
        pos_id = made.resource_id
        assert pos_id is not None
        assert await asked(seen, FindPointsOfSale(None, "till & 1", Purpose.LOOK)) == Found((pos_id,))
        read = await asked(seen, ReadPointOfSale(None, pos_id, Purpose.READ_BACK))
        assert isinstance(read, PointOfSaleObserved)
        assert (read.reading.name, read.reading.supported_beacon_types) == ("Till 1", ("QR", "NFC"))
        assert read.reading.qr_content == f"mobilepaypos://pos?id={read.reading.beacon_id}&source=qr"
        here = await asked(seen, ReadCheckin(None, pos_id, Purpose.POLL))
        assert isinstance(here, CheckinObserved)
        assert not here.reading.checked_in
        assert await asked(seen, RemovePointOfSale(None, pos_id)) == Accepted()
        gone = await told(seen, ReadPointOfSale(None, pos_id, Purpose.LOOK))
        assert gone == (Reason.POINT_OF_SALE_NOT_FOUND, None)
        assert await asked(seen, FindPointsOfSale(None, "till & 1", Purpose.LOOK)) == Found(())
        await blameless(seen)
