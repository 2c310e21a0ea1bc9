"""Runs of requests against a scripted far side in virtual time: what leaves, under which key, and what is
said of it.
"""

import asyncio
import logging
from dataclasses import replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    Found,
    Observed,
    Operation,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import Reason
from gateway.mobilepay.options import MobilePayOptions
from gateway.mobilepay.secret import Secret
from gateway.observability.metrics import REGISTRY
from tests.unit.mobilepay.far_side import (
    CUT_OFF,
    DONE,
    FAILED,
    MADE,
    READ,
    SECRET,
    TIMED_OUT,
    TOKEN,
    UNREACHABLE,
    NotSent,
    Pass,
    Play,
    Step,
    answer,
    options,
)
from tests.unit.mobilepay.operations import (
    ALL,
    CANCEL,
    CAPTURE,
    CREATING,
    FIND,
    FIND_ALL,
    INITIATE,
    KEY,
    LOOK,
    NOT_AFTER_MS,
    PAYMENT,
    POLL,
    READ_BACK,
)

BUSY = answer(409, {"code": "1301", "correlationId": "c-1"})
REPEATED = replace(INITIATE, first=False)


async def test_a_creating_call_that_is_answered_at_once() -> None:
    play = Play(
        MADE, base_url="https://api.example/mobilepay/", token_url="https://api.example/connect/token"
    )
    assert await play.perform(INITIATE) == Accepted(PAYMENT)
    (request,) = play.far.sent
    assert str(request.url) == "https://api.example/mobilepay/pos/v10/payments"
    assert request.headers["X-MobilePay-Idempotency-Key"] == KEY
    assert request.headers["X-MobilePay-Merchant-VAT-Number"] == "DK12345678"
    assert request.headers["X-IBM-Client-Id"] == "client"
    assert request.headers["Content-Length"] == str(len(request.content))
    names = [name for name, _ in request.headers.raw]
    assert len({name.lower() for name in names}) == len(names)
    assert play.permit.renewals == 0


async def test_every_retry_has_the_same_key_and_body() -> None:
    play = Play(TIMED_OUT, FAILED, MADE)
    assert await play.perform(INITIATE) == Accepted(PAYMENT)
    assert len(play.far.sent) == 3
    assert {request.headers["X-MobilePay-Idempotency-Key"] for request in play.far.sent} == {KEY}
    assert len({request.content for request in play.far.sent}) == 1
    assert play.time.slept == pytest.approx([0.15, 0.25])


@pytest.mark.parametrize("most", [1, 3, 6])
@pytest.mark.parametrize("step", [TIMED_OUT, CUT_OFF, FAILED, httpx.ReadError("reset")])
@pytest.mark.parametrize("operation", [INITIATE, CAPTURE, CANCEL, FIND_ALL])
async def test_a_run_that_is_never_heard_is_unknown(operation: Operation, step: Step, most: int) -> None:
    play = Play(step, max_requests_per_call=most)
    assert await play.perform(operation) == Unknown(most)
    assert len(play.far.sent) == most


@pytest.mark.parametrize("operation", [POLL, LOOK, READ_BACK, FIND])
async def test_polls_and_looks_are_single_requests(operation: Operation) -> None:
    play = Play(TIMED_OUT)
    assert await play.perform(operation) == Unknown(1)
    assert len(play.far.sent) == 1


async def test_time_outs_are_those_of_the_kind_of_request() -> None:
    play = Play(READ)
    await play.perform(READ_BACK)
    play.far.steps = [DONE]
    await play.perform(CAPTURE)
    read, write = (request.extensions["timeout"] for request in play.far.sent)
    assert (read["read"], read["write"]) == (0.5, 0.5)
    assert (write["read"], write["write"]) == (2.0, 2.0)


async def test_a_write_of_which_no_byte_left_is_not_unknown() -> None:
    play = Play(UNREACHABLE)
    assert await play.perform(INITIATE) == Deferred(DeferralCause.PROVIDER_AWAY, 1125, 0, 0)
    assert play.far.sent == []
    assert len(play.time.slept) == 2
    assert await play.perform(READ_BACK) == Unknown(0)


async def test_one_unheard_request_among_unsent_ones_makes_the_run_unknown() -> None:
    play = Play(UNREACHABLE, TIMED_OUT, UNREACHABLE)
    assert await play.perform(CAPTURE) == Unknown(1)


async def test_a_200_without_the_id_is_unheard_for_a_creating_call_only() -> None:
    play = Play(DONE, MADE)
    assert await play.perform(INITIATE) == Accepted(PAYMENT)
    assert len(play.far.sent) == 2
    play = Play(DONE)
    assert await play.perform(CAPTURE) == Accepted(None)


async def test_a_refusal_tells_what_went_unheard_before_it() -> None:
    play = Play(BUSY)
    outcome = await play.perform(INITIATE)
    assert isinstance(outcome, Rejected)
    assert (outcome.refusal.reason, outcome.refusal.code, outcome.unheard) == (
        Reason.POINT_OF_SALE_BUSY,
        "1301",
        0,
    )
    assert len(play.far.sent) == 1
    play = Play(TIMED_OUT, UNREACHABLE, BUSY)
    outcome = await play.perform(INITIATE)
    assert isinstance(outcome, Rejected)
    assert outcome.unheard == 1


async def test_readings_and_lists() -> None:
    outcome = await Play(READ).perform(READ_BACK)
    assert isinstance(outcome, Observed)
    assert outcome.reading.poll_delay_ms == 100
    assert await Play(answer(200, {"paymentIds": [PAYMENT]})).perform(FIND) == Found((PAYMENT,))


async def test_429_ends_the_run_without_counting() -> None:
    play = Play(TIMED_OUT, answer(429, None, **{"Retry-After": "7"}), max_concurrent_calls=100)
    assert not play.holding()
    assert await play.perform(INITIATE) == Deferred(DeferralCause.THROTTLED, 7875, 1, 2)
    assert play.holding()
    standing = play.client.standing()
    assert (standing.throttled, standing.concurrency_limit, standing.ready) == (True, 50, True)
    assert await play.perform(replace(INITIATE, key="other")) == Deferred(DeferralCause.THROTTLED, 7875)
    assert len(play.far.sent) == 2
    play.far.steps = [DONE]
    assert await play.perform(CAPTURE) == Accepted()
    play.time.pass_(7)
    assert not play.holding()
    play.far.steps = [MADE]
    assert await play.perform(REPEATED) == Accepted(PAYMENT)


async def test_429_without_retry_after_waits_a_second_doubling() -> None:
    play = Play(answer(429))
    play.time.draw = 0.0
    waits = []
    for _ in range(4):
        outcome = await play.perform(CAPTURE)
        assert isinstance(outcome, Deferred)
        waits.append(outcome.after_ms)
        play.time.pass_(outcome.after_ms / 1000)
    assert waits == [1000, 2000, 4000, 8000]


async def test_401_takes_a_new_token_once_and_does_not_count() -> None:
    play = Play(FAILED, answer(401), FAILED, MADE)
    assert await play.perform(INITIATE) == Accepted(PAYMENT)
    assert play.far.bearers == ["1", "1", "2", "2"]
    assert {request.headers["X-MobilePay-Idempotency-Key"] for request in play.far.sent} == {KEY}


async def test_401_twice_stops_requests_but_for_one_try_each_pause() -> None:
    play = Play(TIMED_OUT, answer(401))
    assert await play.perform(CAPTURE) == Deferred(DeferralCause.UNAUTHORISED, 11250, 1, 3)
    assert play.holding()
    standing = play.client.standing()
    assert not standing.ready
    assert standing.fault is not None
    for _ in range(20):
        assert await play.perform(CANCEL) == Deferred(DeferralCause.UNAUTHORISED, 11250)
    assert (len(play.far.sent), play.far.token_requests) == (3, 2)
    play.time.pass_(10)
    tries = await asyncio.gather(*(play.perform(CAPTURE) for _ in range(20)))
    assert all(isinstance(tried, Deferred) for tried in tries)
    assert (len(play.far.sent), play.far.token_requests) == (4, 3)
    play.time.pass_(10)
    play.far.steps = [DONE]
    assert await play.perform(CAPTURE) == Accepted()
    assert play.client.standing().ready
    assert not play.holding()


async def test_without_a_token_nothing_leaves() -> None:
    play = Play(MADE)
    play.far.tokens = [httpx.Response(401)]
    assert await play.perform(INITIATE) == Deferred(DeferralCause.UNAUTHORISED, 11250)
    assert play.holding()
    play = Play(MADE)
    play.far.tokens = [httpx.Response(503)]
    assert await play.perform(INITIATE) == Deferred(DeferralCause.PROVIDER_AWAY, 1125)
    assert play.far.sent == []


async def test_a_permit_that_does_not_hold_is_renewed_before_a_write() -> None:
    play = Play(FAILED, DONE)
    play.permit.valid = False
    assert await play.perform(CAPTURE) == Accepted()
    assert (play.permit.renewals, len(play.far.sent)) == (1, 2)


async def test_a_permit_that_ran_out_while_connecting_is_renewed_and_counts_nothing() -> None:
    play = Play(DONE)
    play.far.before_last_word = lambda: setattr(
        play.permit, "valid", len(play.far.sent) + play.permit.renewals
    )
    assert await play.perform(CAPTURE) == Accepted()
    assert (play.permit.renewals, len(play.far.sent)) == (1, 1)


async def test_a_permit_that_never_comes_back_ends_the_run_with_true_counts() -> None:
    play = Play(TIMED_OUT)
    play.far.before_last_word = lambda: setattr(play.permit, "ended", True)
    play.permit.lapses = 0

    async def unheard_then_ended(request: httpx.Request) -> httpx.Response:
        play.permit.valid = False
        raise TIMED_OUT

    play.far.steps = [unheard_then_ended]
    assert await play.perform(INITIATE) == Deferred(DeferralCause.PERMIT_ENDED, 1125, 1, 1)
    assert len(play.far.sent) == 1


async def test_a_permit_that_says_yes_and_no_for_ever_is_given_up() -> None:
    play = Play(DONE)
    play.far.before_last_word = lambda: setattr(play.permit, "valid", False)
    assert await play.perform(CAPTURE) == Deferred(DeferralCause.PERMIT_ENDED, 1125)
    assert play.far.sent == []


@pytest.mark.parametrize("operation", [INITIATE, CAPTURE, CANCEL, FIND_ALL])
async def test_withdrawn_between_two_requests_no_further_one_leaves(operation: Operation) -> None:
    play = Play(FAILED)

    async def withdraw(request: httpx.Request) -> httpx.Response:
        play.permit.withdrawn = True
        return FAILED

    play.far.steps = [withdraw, MADE]
    assert await play.perform(operation) == Deferred(DeferralCause.WITHDRAWN, 0, 1, 1)
    assert len(play.far.sent) == 1


async def test_withdrawn_while_connecting_nothing_leaves() -> None:
    for operation in (INITIATE, READ_BACK):
        play = Play(MADE)
        play.far.before_last_word = lambda play=play: setattr(play.permit, "withdrawn", True)  # type: ignore[misc]
        assert await play.perform(operation) == Deferred(DeferralCause.WITHDRAWN, 0)
        assert play.far.sent == []


@pytest.mark.parametrize("operation", [INITIATE, READ_BACK])
async def test_withdrawn_before_it_began_not_even_a_connection_is_asked_for(operation: Operation) -> None:
    play = Play(MADE)
    play.permit.withdrawn = True
    assert await play.perform(operation) == Deferred(DeferralCause.WITHDRAWN, 0)
    assert (play.far.arrivals, play.permit.renewals) == (0, 0)


async def test_a_read_needs_a_permit_too() -> None:
    """A stale owner that polls on beside the new one would break the provider's pace."""
    play = Play(READ)
    play.permit.valid, play.permit.ended = False, True
    outcome = await play.perform(POLL)
    assert isinstance(outcome, Deferred)
    assert (outcome.cause, outcome.requests, play.far.arrivals) == (DeferralCause.PERMIT_ENDED, 0, 0)


async def test_no_creating_request_leaves_after_its_time() -> None:
    play = Play(MADE)
    play.time.wall = NOT_AFTER_MS
    assert await play.perform(INITIATE) == Accepted(PAYMENT)
    play.time.wall = NOT_AFTER_MS + 1
    assert await play.perform(INITIATE) == Deferred(DeferralCause.TOO_LATE, 0)
    assert len(play.far.sent) == 1
    play.far.steps = [DONE]
    assert await play.perform(CAPTURE) == Accepted()


async def test_the_time_may_end_between_two_requests_or_while_connecting() -> None:
    play = Play(TIMED_OUT)
    play.time.wall = NOT_AFTER_MS - 1500
    assert await play.perform(INITIATE) == Deferred(DeferralCause.TOO_LATE, 0, 1, 1)
    play = Play(MADE)
    play.far.before_last_word = lambda: setattr(play.time, "wall", NOT_AFTER_MS + 1)
    assert await play.perform(INITIATE) == Deferred(DeferralCause.TOO_LATE, 0)
    assert play.far.sent == []


@pytest.mark.parametrize("step", [answer(302), answer(404), answer(405), answer(400), answer(403)])
async def test_a_wrong_address_rejects_nothing_and_is_tried_once_a_pause(step: httpx.Response) -> None:
    play = Play(step)
    assert await play.perform(INITIATE) == Deferred(DeferralCause.MISCONFIGURED, 11250, 0, 1)
    assert play.holding()
    assert not play.client.standing().ready
    play.time.pass_(4)
    assert await play.perform(REPEATED) == Deferred(DeferralCause.MISCONFIGURED, 6750)
    play.time.pass_(6)
    assert not play.holding()
    await asyncio.gather(*(play.perform(REPEATED) for _ in range(10)))
    assert len(play.far.sent) == 2
    play.time.pass_(10)
    play.far.steps = [BUSY]
    assert isinstance(await play.perform(REPEATED), Rejected)
    assert play.client.standing().ready
    assert not play.holding()


async def test_a_provider_that_is_away_holds_first_operations_and_pending_ones_probe() -> None:
    play = Play(TIMED_OUT)
    for _ in range(5):
        assert not play.holding()
        await play.perform(CAPTURE)
    assert play.holding()
    assert play.client.standing().breaker_open
    assert play.client.standing().ready
    sent = len(play.far.sent)
    deferred = await play.perform(INITIATE)
    assert deferred == Deferred(DeferralCause.PROVIDER_AWAY, 2813)
    assert len(play.far.sent) == sent
    play.far.steps = [READ]
    assert isinstance(await play.perform(LOOK), Observed)
    assert not play.holding()
    play.far.steps = [MADE]
    assert await play.perform(INITIATE) == Accepted(PAYMENT)


async def test_probes_are_few_and_give_their_place_back() -> None:
    play = Play(UNREACHABLE)
    for _ in range(5):
        await play.perform(CAPTURE)
    for _ in range(50):
        outcomes = await asyncio.gather(*(play.perform(CANCEL) for _ in range(20)))
        assert all(isinstance(o, Deferred) and o.requests == 0 for o in outcomes)
        play.time.pass_(1)
    play.far.steps = [DONE]
    assert await play.perform(CAPTURE) == Accepted()


async def test_requests_in_flight_are_bounded_and_reads_count() -> None:
    play = Play(DONE, max_concurrent_calls=3)
    flying = most = 0

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        for _ in range(5):
            await asyncio.sleep(0)
        flying -= 1
        return READ if request.method == "GET" else DONE

    play.far.steps = [slow]
    calls = [play.perform(operation) for operation in (CAPTURE, POLL, CANCEL, READ_BACK) * 5]
    outcomes = await asyncio.gather(*calls)
    assert most == 3
    assert all(isinstance(outcome, Accepted | Observed) for outcome in outcomes)
    assert play.client.standing().in_flight == 0


async def test_under_a_full_budget_captures_and_repeats_leave_before_first_starts() -> None:
    play = Play(DONE, max_concurrent_calls=1)
    gate = asyncio.Event()

    async def hold(request: httpx.Request) -> httpx.Response:
        await gate.wait()
        return MADE

    play.far.steps = [hold]
    waiting = [play.perform(operation) for operation in (CANCEL, INITIATE, POLL, REPEATED, CAPTURE)]
    tasks = [asyncio.create_task(call) for call in waiting]
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    paths = [request.url.path.rpartition("/")[2] for request in play.far.sent]
    assert paths == ["cancel", "payments", "capture", PAYMENT, "payments"]


async def test_the_repeat_of_a_first_start_leaves_before_other_first_starts() -> None:
    play = Play(FAILED, MADE, max_concurrent_calls=1)
    others = [replace(INITIATE, key=f"other-{number}") for number in range(3)]
    repeated = asyncio.create_task(play.perform(INITIATE))
    await asyncio.gather(repeated, *(play.perform(other) for other in others))
    keys = [request.headers["X-MobilePay-Idempotency-Key"] for request in play.far.sent]
    assert keys[0] == KEY
    assert keys.index(KEY, 1) < 4, "its repeat waited behind all that began later"


async def test_looks_keep_their_pace_and_one_that_would_wait_long_comes_back() -> None:
    play = Play(READ)
    for _ in range(41):
        play.client._line.looks.reserve(play.time.now, 100.0)
    assert await play.perform(LOOK) == Deferred(DeferralCause.THROTTLED, 2307)
    assert play.far.sent == []
    assert isinstance(await play.perform(POLL), Observed)
    play.time.pass_(2.04)
    assert isinstance(await play.perform(LOOK), Observed)
    assert play.time.slept == pytest.approx([0.01])


async def test_the_merchant_is_the_commands_else_the_settings() -> None:
    play = Play(MADE, DONE)
    await play.perform(replace(INITIATE, merchant="FI87654321"))
    await play.perform(replace(CAPTURE, merchant=None))
    merchants = [request.headers["X-MobilePay-Merchant-VAT-Number"] for request in play.far.sent]
    assert merchants == ["FI87654321", "DK12345678"]


async def test_a_token_bound_to_its_merchant_needs_no_header() -> None:
    play = Play(MADE, token_per_merchant=True, merchant_vat_number=None, send_ibm_client_id=False)
    await play.perform(INITIATE)
    (request,) = play.far.sent
    assert "X-MobilePay-Merchant-VAT-Number" not in request.headers
    assert "X-IBM-Client-Id" not in request.headers


async def test_a_merchant_that_nobody_names_is_not_called_for() -> None:
    for bound in (False, True):
        play = Play(MADE, merchant_vat_number=None, token_per_merchant=bound)
        assert not play.client.merchant_known(None)
        assert not play.client.merchant_known("DK1234\r\nX: y")
        assert not play.client.merchant_known("SE12345678")
        assert play.client.merchant_known("DK12345678")
        outcome = await play.perform(replace(CAPTURE, merchant=None))
        assert outcome == Deferred(DeferralCause.MISCONFIGURED, 11250)
        assert play.far.sent == []
    assert Play(MADE).client.merchant_known(None)


async def test_a_cancelled_call_frees_its_slot() -> None:
    play = Play(DONE, max_concurrent_calls=1)

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return DONE

    play.far.steps = [never]
    task = asyncio.create_task(play.perform(CAPTURE))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (play.client.standing().in_flight, play.client.standing().unanswered) == (1, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (play.client.standing().in_flight, play.client.standing().unanswered) == (0, 0)
    play.far.steps = [DONE]
    assert await play.perform(CAPTURE) == Accepted()


async def test_a_token_is_kept_from_the_start() -> None:
    play = Play(MADE)
    assert not play.client.standing().ready
    play.client.start()
    play.client.start()
    for _ in range(20):
        await asyncio.sleep(0)
    assert play.client.standing().ready
    assert play.far.token_requests == 1
    await play.client.close()
    await play.client.close()


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_requests_are_counted_by_what_became_of_them() -> None:
    names = ("timeout", "server_error", "not_sent", "refused")

    def counts() -> list[float]:
        return [
            sample("gateway_provider_requests_total", operation="initiate", result=name) for name in names
        ]

    before = counts()
    refusals = sample("gateway_provider_refusals_total", operation="initiate", code="1301")
    play = Play(TIMED_OUT, FAILED, UNREACHABLE, BUSY, max_requests_per_call=4)
    await play.perform(INITIATE)
    assert [after - was for after, was in zip(counts(), before, strict=True)] == [1, 1, 1, 1]
    assert sample("gateway_provider_refusals_total", operation="initiate", code="1301") == refusals + 1
    assert play.client.standing().unanswered == 0


@pytest.mark.parametrize(
    ("body", "code"), [({"code": "1301"}, "1301"), ({"code": "of-its-own-making"}, "other"), ({}, "none")]
)
async def test_refusals_are_counted_under_known_codes_alone(body: dict[str, str], code: str) -> None:
    """What the provider makes up names no time series."""
    before = sample("gateway_provider_refusals_total", operation="initiate", code=code)
    assert isinstance(await Play(answer(409, body)).perform(INITIATE), Rejected)
    assert sample("gateway_provider_refusals_total", operation="initiate", code=code) == before + 1


async def test_what_could_not_be_read_is_counted() -> None:
    field, unknown = "gateway_provider_unreadable_fields_total", "gateway_provider_unknown_statuses_total"
    before = sample(field, field="paymentExpiresAt"), sample(unknown)
    await Play(answer(200, {"status": "Rejected", "paymentExpiresAt": "later"})).perform(READ_BACK)
    assert sample(field, field="paymentExpiresAt") == before[0] + 1
    assert sample(unknown) == before[1] + 1


async def test_no_secret_shows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    play = Play(MADE, proxy=None)
    await play.perform(INITIATE)
    shown = f"{options()!r}{play.client.standing()!r}{play.client._line.tokens!r}{caplog.text}"
    assert SECRET not in shown
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "https://user:pw@x"}, "base_url"),
        ({"base_url": "https://x/?a=b"}, "base_url"),
        ({"base_url": "https://x:99999"}, "base_url"),
        ({"base_url": "https://xn--/"}, "base_url"),
        ({"base_url": "https://[::1"}, "base_url"),
        ({"base_url": "https://x/y"}, "token_url"),
        ({"token_url": "nowhere"}, "token_url"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "a\nb"}, "client_id"),
        ({"client_secret": Secret("")}, "client_secret"),
        ({"client_version": "1.2"}, "client_version"),
        ({"merchant_vat_number": "12345678"}, "merchant_vat_number"),
        ({"max_requests_per_call": 7}, "max_requests_per_call"),
        ({"max_requests_per_call": 0}, "max_requests_per_call"),
        ({"max_concurrent_calls": 0}, "max_concurrent_calls"),
        ({"read_timeout_seconds": 0}, "read_timeout_seconds"),
    ],
)
def test_wrong_options_are_named_without_their_value(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError) as told:
        options(**changes)
    assert str(told.value).startswith(f"{named}: ")
    assert "user:pw" not in str(told.value)


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"client_id: .*; client_version: .*"):
        MobilePayOptions("", Secret("x"), "1")


def test_the_token_endpoint_lies_on_the_base_url() -> None:
    assert (
        options(base_url="https://x/").token_endpoint == "https://x/integrator-authentication/connect/token"
    )
    assert options(base_url="https://x/y", token_url="https://z/t").token_endpoint == "https://z/t"


STEPS = st.sampled_from(
    [
        MADE,
        DONE,
        READ,
        FAILED,
        BUSY,
        TIMED_OUT,
        CUT_OFF,
        UNREACHABLE,
        httpx.ConnectTimeout("slow"),
        NotSent(httpx.ConnectTimeout("slow")),
        NotSent(httpx.PoolTimeout("full")),
        NotSent(httpx.ProxyError("proxy")),
        NotSent(httpx.LocalProtocolError("ours")),
        answer(401),
        answer(404),
        answer(429),
        answer(204),
        answer(418, {"code": "1"}),
        answer(200, {"paymentIds": []}),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(ALL), st.lists(STEPS, min_size=1, max_size=8)), min_size=1, max_size=8
    ),
    st.integers(1, 6),
    st.data(),
)
def test_whatever_the_far_side_does_is_an_outcome(
    runs: list[tuple[Operation, list[Step]]], most: int, data: st.DataObject
) -> None:
    async def story() -> None:
        play = Play(DONE, max_requests_per_call=most)
        for operation, steps in runs:
            play.far.steps, play.far.sent, play.permit = list(steps), [], Pass()
            play.permit.lapses = data.draw(st.integers(0, 3))
            outcome = await play.perform(operation)
            sent = len(play.far.sent)
            assert sent <= 2 * most
            assert len({(r.method, str(r.url), r.content) for r in play.far.sent}) <= 1
            assert len({r.headers.get("X-MobilePay-Idempotency-Key") for r in play.far.sent}) <= 1
            match outcome:
                case Unknown(unheard) | Rejected(_, unheard):
                    assert unheard <= min(sent, most)
                case Deferred(_, after_ms, unheard, requests):
                    assert 0 <= unheard <= requests == sent
                    assert after_ms >= 0
                case Accepted(made):
                    assert (made is not None) == (operation in CREATING)
            assert play.client.standing().in_flight == 0
            play.time.pass_(data.draw(st.sampled_from([0.0, 1.0, 60.0])))

    asyncio.run(story())
