"""Faults, their seeds, scenario files, the admin endpoints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gateway.sandbox
from gateway.sandbox import NoAnswer, SandboxConfig, ScenarioError, load
from gateway.sandbox.admin import ENDPOINTS, answer_admin
from gateway.sandbox.customers import PATTERNS
from gateway.sandbox.draws import Span
from gateway.sandbox.faults import KINDS, FaultPlan, FaultRule, Faults
from gateway.sandbox.http import Request
from gateway.sandbox.operations import Operation
from gateway.sandbox.scenario import read_config

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
EFFECTIVE = {
    "slow",
    "error_after",
    "timeout_after",
    "late_effect",
    "reset_after",
    "malformed_body",
    "empty_body",
    "wrong_content_type",
    "cut_body",
    "unknown_state",
    "extra_fields",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_has_its_effect_and_its_ending(make_till: Any, kind: str) -> None:
    till = make_till(faults=FaultPlan(rules=(FaultRule(kind, "initiate", attempt=1),)))
    first = till.try_initiate()
    assert len(till.sandbox.world.register.payments) == (kind in EFFECTIVE)
    if kind in ("timeout_before", "timeout_after", "late_effect"):
        assert first == NoAnswer("silence")
    elif kind in ("reset_before", "reset_after"):
        assert first == NoAnswer("reset")
    elif kind.startswith("error"):
        assert (first.status, first.code) == (500, "2000")
    elif kind == "throttled":
        assert (first.status, first.headers, first.body) == (429, (("retry-after", "1"),), b"")
    elif kind == "throttled_bare":
        assert (first.status, first.headers, first.body) == (429, (), b"")
    elif kind in ("unauthorized", "token_expired"):
        assert (first.status, first.body) == (401, b"")
    elif kind == "unknown_code":
        assert till.refusal(first) == (409, "1399")
    elif kind == "extra_fields":
        assert json.loads(first.body).keys() == {"paymentId", "futureField", "futureFlag"}
    elif kind == "empty_body":
        assert (first.status, first.body) == (200, b"")
    elif kind in ("malformed_body", "wrong_content_type"):
        with pytest.raises(ValueError):
            json.loads(first.body)
    if kind == "token_expired":
        assert till.initiate(key="k").status == 401
        till.log_in()
    second = till.initiate(key="k")
    assert second.status == 200
    payments = list(till.sandbox.world.register.payments.values())
    assert [payment.effects for payment in payments] == [{"initiate": 1}]
    assert till.violations() == {}


RUN_AGAIN = sorted(set(KINDS) - {"unknown_code", "token_expired"})
PREPARED = ("prepare", "ready")
OF_REFUNDS = ("create_refund", "capture_refund", "cancel_refund")


@pytest.mark.parametrize("kind", RUN_AGAIN)
@pytest.mark.parametrize("operation", [*PREPARED, "capture", "cancel", *OF_REFUNDS])
def test_every_call_meets_every_fault_once_and_takes_effect_once(
    make_till: Any, kind: str, operation: str
) -> None:
    """Sent again until it is answered well, a call has one effect, whatever went wrong with its first request."""
    till = make_till(faults=FaultPlan(rules=(FaultRule(kind, operation, attempt=1),)))
    body: Any = None
    ready = {"amount": 12.5, "currencyCode": "DKK", "plannedCaptureDelay": "None"}
    resource, key = "", None
    if operation == "prepare":
        path, body, key = "payments/prepare", {"posId": POS, "orderId": "order-1"}, "again"
    elif operation == "ready":
        prepared = till.create("/pos/v10/payments/prepare", {"posId": POS, "orderId": "order-1"})
        resource = till.read(prepared)["paymentId"]
        path, body = f"payments/{resource}/ready", ready
    elif operation in OF_REFUNDS:
        payment_id = till.pay()
        till.capture(payment_id)
        body = {"paymentId": payment_id, "refundOrderId": "r", "amount": 5, "currencyCode": "DKK"}
        path, key = "refunds", "again"
        if operation != "create_refund":
            resource = till.read(till.create("/pos/v10/refunds", body, key))["refundId"]
            till.clock.advance(1)
            path, body, key = f"refunds/{resource}/{operation.removesuffix('_refund')}", None, None
    else:
        resource = till.pay()
        path = f"payments/{resource}/{operation}"
        body = {"amount": 12.5} if operation == "capture" else None
    named = {"x-mobilepay-idempotency-key": key} if key else {}
    for _ in range(3):
        answer = till.try_to_send("POST", f"/pos/v10/{path}", body, headers=named)
    assert answer.status == 200
    register = till.sandbox.world.register
    (made,) = register.refunds.values() if operation in OF_REFUNDS else register.payments.values()
    assert made.effects[operation] == 1
    assert till.sandbox.fault_counts == {f"{operation}:{kind}": 1}
    assert till.violations() == {}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("error_before", 500),
        ("throttled", 429),
        ("unauthorized", 401),
        ("malformed_body", 200),
        ("empty_body", 200),
        ("wrong_content_type", 200),
    ],
)
def test_the_token_endpoint_fails_too(make_till: Any, kind: str, status: int) -> None:
    till = make_till()
    till.sandbox.faults.replace(FaultPlan(rules=(FaultRule(kind, "token", times=1),)))
    headers = {"authorization": "Basic aWQ6c2VjcmV0", "content-type": "application/x-www-form-urlencoded"}
    answers = [
        till.send("POST", "/connect/token", b"grant_type=client_credentials", headers=headers)
        for _ in range(2)
    ]
    assert [answer.status for answer in answers] == [status, 200]
    assert b"access_token" not in answers[0].body
    assert till.read(answers[1])["token_type"] == "Bearer"
    assert till.violations() == {}


@pytest.mark.parametrize(
    ("operation", "path"), [("get_refund", "refunds/{}"), ("list_refunds", "refunds?paymentId={}")]
)
def test_refunds_tell_their_failures_origin(make_till: Any, operation: str, path: str) -> None:
    till = make_till(faults=FaultPlan(rules=(FaultRule("error_before", operation, status=503),)))
    name, _, query = path.format("00000000-0000-4000-8000-000000000000").partition("?")
    answer = till.send("GET", f"/pos/v10/{name}", query=query)
    assert (answer.status, till.read(answer)["code"], till.read(answer)["origin"]) == (503, "2003", "PoS")


def test_a_state_of_another_version_is_told_once_and_ends_nothing(make_till: Any) -> None:
    rules = (
        FaultRule("unknown_state", "get_payment", times=1),
        FaultRule("unknown_state", "get_refund", times=1),
    )
    till = make_till(faults=FaultPlan(rules=rules))
    payment_id = till.pay()
    told = till.get(payment_id)
    assert (told["status"], told["amount"]) == ("RejectedByMobilePayDueToAgeRestrictions", 12.5)
    assert not till.sandbox.recorder.polls["get_payment", payment_id].ended
    till.clock.advance(1)
    assert till.get(payment_id)["status"] == "Reserved"
    till.capture(payment_id)
    body = {"paymentId": payment_id, "refundOrderId": "r", "amount": 0.07, "currencyCode": "DKK"}
    path = "/pos/v10/refunds/" + till.read(till.create("/pos/v10/refunds", body))["refundId"]
    strange, known = (till.read(till.send("GET", path)) for _ in range(2))
    assert strange == {**known, "status": "RejectedByMobilePayDueToAgeRestrictions"}
    assert (known["status"], known["amount"]) == ("Initiated", 0.07)


def test_probabilities_hit_the_same_requests_in_any_order() -> None:
    plan = FaultPlan({"initiate": {"error_before": 0.2, "timeout_after": 0.3}, "*": {"slow": 0.5}})

    def kinds(subjects: list[str], seed: int) -> dict[str, str]:
        faults = Faults(seed, plan, 0.0)
        return {
            one: faults.fate(Operation.INITIATE, one, 1, nth=number, order_id="", now=0.0).kind
            for number, one in enumerate(subjects)
        }

    keys = [f"key-{number}" for number in range(3000)]
    forward = kinds(keys, 1)
    assert forward == kinds(keys[::-1], 1) != kinds(keys, 2)
    counts = [list(forward.values()).count(kind) / 3000 for kind in ("error_before", "timeout_after", "")]
    assert counts == pytest.approx([0.2, 0.3, 0.5], abs=0.04)


def test_rules_fit_all_that_they_name() -> None:
    rules = (
        FaultRule("slow", "capture", nth=3),
        FaultRule("error_before", "initiate", attempt=2, order_id_prefix="VIP"),
        FaultRule("reset_before", from_seconds=10, until_seconds=20, times=2, delay_seconds=1),
        FaultRule("error_after", "cancel", status=503),
    )
    faults = Faults(0, FaultPlan(rules=rules), 100.0)
    assert faults.fate(Operation.CAPTURE, "a", 1, nth=3, order_id="", now=100).kind == "slow"
    assert faults.fate(Operation.CAPTURE, "a", 1, nth=2, order_id="", now=100).kind == ""
    assert faults.fate(Operation.INITIATE, "a", 2, nth=9, order_id="VIP-1", now=100).kind == "error_before"
    assert faults.fate(Operation.INITIATE, "a", 2, nth=9, order_id="other", now=100).kind == ""
    assert faults.fate(Operation.CANCEL, "a", 1, nth=1, order_id="", now=100).status == 503
    times = [110, 111, 112]
    assert [
        faults.fate(Operation.GET_PAYMENT, "a", 1, nth=1, order_id="", now=at).ending for at in times
    ] == [
        "reset",
        "reset",
        "answer",
    ]


def test_latency_and_delays_are_drawn_in_their_span() -> None:
    plan = FaultPlan(latency_seconds=Span(0.1, 0.2), rules=(FaultRule("late_effect", "capture"),))
    faults = Faults(3, plan, 0.0)
    plain = [
        faults.fate(Operation.CANCEL, str(one), 1, nth=1, order_id="", now=0.0).before_seconds
        for one in range(100)
    ]
    late = [
        faults.fate(Operation.CAPTURE, str(one), 1, nth=1, order_id="", now=0.0).before_seconds
        for one in range(100)
    ]
    assert 0.1 <= min(plain) < 0.12
    assert 0.18 < max(plain) <= 0.2
    assert min(late) >= 2.6
    assert max(late) <= 6.2
    assert len(set(late)) > 90


SCENARIO = {
    "seed": 7,
    "any_pos": True,
    "poll_delay_ms": [200, 1000],
    "clients": [{"client_id": "a", "client_secret": "canary"}],
    "customers": {"decline": 0.2, "rules": [{"order_id_prefix": "VIP", "behaviour": "accept"}]},
    "faults": {"probabilities": {"*": {"slow": 0.5}}, "rules": [{"fault": "slow", "nth": 3}]},
}


def test_a_scenario_file_is_a_config(tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(SCENARIO))
    config = load(path)
    assert (config.seed, config.any_pos, config.poll_delay_ms) == (7, True, Span(200, 1000))
    assert config.faults.rules == (FaultRule("slow", nth=3),)
    assert "canary" not in repr(config)
    toml = tmp_path / "scenario.toml"
    toml.write_text(
        "seed = 7\n[faults]\nlatency_seconds = 0.5\n[[customers.rules]]\n"
        'order_id_prefix = "x"\nbehaviour = "never"\n'
    )
    other = load(toml, SandboxConfig(any_pos=True))
    assert (other.seed, other.any_pos, other.faults.latency_seconds) == (7, True, Span(0.5, 0.5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sed": 1}, "sed: is unknown"),
        ({"seed": "1"}, "seed: must be a whole number"),
        ({"seed": True}, "seed: must be a whole number"),
        ({"any_pos": 1}, "any_pos: must be true or false"),
        ({"poll_delay_ms": [2, 1]}, "poll_delay_ms: must be a number, or [low, high]"),
        ({"poll_delay_ms": [1, 2, 3]}, "poll_delay_ms: must be a number or [low, high]"),
        ({"partial_capture": "no"}, "partial_capture: must be one of"),
        ({"customers": []}, "customers: must be an object"),
        ({"customers": {"decline": 2}}, "customers: decline, never"),
        (
            {"customers": {"rules": [{"behaviour": "accept"}]}},
            "customers.rules[0].order_id_prefix: is missing",
        ),
        ({"faults": {"rules": [{"fault": "flood"}]}}, "faults.rules[0]: fault must be one of"),
        ({"faults": {"rules": {}}}, "faults.rules: must be a list"),
        ({"faults": {"probabilities": {"pay": {}}}}, "faults: operation 'pay' must be"),
        (
            {"faults": {"probabilities": {"*": {"slow": "x"}}}},
            "faults.probabilities.*.slow: must be a number",
        ),
        ({"points_of_sale": [{"pos_id": "1"}]}, "points_of_sale[0].merchant_pos_id: is missing"),
        (
            {"points_of_sale": [{"pos_id": "1", "merchant_pos_id": "a", "beacon_id": "b"}]},
            "points_of_sale[0]: pos_id must be a UUID",
        ),
        ({"stores": []}, ""),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps({**SCENARIO, **change}))
    if not message:
        assert load(path).stores == ()
        return
    with pytest.raises(ScenarioError) as problem:
        load(path)
    assert str(problem.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("text", ["{", "[]", "\ufeff{}"])
def test_a_file_that_is_no_scenario(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=r"scenario\.json"):
        load(path)
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(tmp_path / "none.json")


def admin(till: Any, method: str, name: str, query: str = "", body: bytes = b"") -> Any:
    answer = answer_admin(till.sandbox, Request(method, f"/_sandbox/{name}", query, (), body))
    if answer.stream is not None:
        return [json.loads(line) for line in b"".join(answer.stream).splitlines()]
    if answer.status in (404, 405):
        return answer.status
    lines = [json.loads(line) for line in answer.body.splitlines()]
    return lines if name == "requests" else lines[0]


def test_the_ledger_says_what_was_asked_and_what_took_effect(make_till: Any) -> None:
    rules = (FaultRule("timeout_after", "initiate", nth=1), FaultRule("error_before", "capture", attempt=1))
    till = make_till(faults=FaultPlan(rules=rules))
    till.try_initiate(orderId="order-1")
    payment_id = till.pay(key="k")
    till.capture(payment_id)
    till.capture(payment_id)
    till.initiate(orderId="order-2", key="k2")
    line, other = admin(till, "GET", "ledger")
    assert (line["number"], line["paymentId"], line["orderId"], line["key"]) == (
        1,
        payment_id,
        "order-1",
        "k",
    )
    amounts = (line["currency"], line["requested"], line["reserved"], line["captured"], line["refunded"])
    assert amounts == ("DKK", 1250, 1250, 1250, 0)
    assert line["effects"] == {"initiate": 1, "check_in": 1, "accept": 1, "capture": 1}
    assert line["requests"] == {"initiate": 2, "capture": 2}
    assert line["faults"] == [
        {"operation": "initiate", "attempt": 1, "fault": "timeout_after"},
        {"operation": "capture", "attempt": 1, "fault": "error_before"},
    ]
    moves = [(move["from"], move["to"]) for move in line["transitions"]]
    assert moves == [
        (None, "Initiated"),
        ("Initiated", "IssuedToUser"),
        ("IssuedToUser", "Reserved"),
        ("Reserved", "Captured"),
    ]
    assert admin(till, "GET", "ledger", "after=1") == [other]
    assert admin(till, "GET", "ledger", "limit=1") == [line]
    assert admin(till, "GET", "ledger", "orderId=order-2") == [other]
    assert admin(till, "GET", "ledger/totals") == {
        "payments": 2,
        "statuses": {"Captured": 1, "Initiated": 1},
        "refunds": 0,
        "refundStatuses": {},
        "currencies": {"DKK": {"requested": 2500, "reserved": 1250, "captured": 1250, "refunded": 0}},
    }


def test_faults_clock_and_tokens_can_be_changed_at_run_time(till: Any) -> None:
    plan = {"rules": [{"fault": "error_before", "operation": "initiate"}]}
    assert admin(till, "POST", "faults", body=json.dumps(plan).encode()) == {}
    assert admin(till, "GET", "faults")["rules"][0]["fault"] == "error_before"
    assert till.initiate(key="k").status == 500
    assert "unknown" in admin(till, "POST", "faults", body=b'{"rule": []}')["error"]
    assert admin(till, "POST", "faults", body=b"{}") == {}
    assert till.initiate(key="k").status == 200
    before = till.clock.now()
    assert admin(till, "POST", "clock", body=b'{"advance_seconds": 900}') == {"now": before + 900}
    assert [line["status"] for line in admin(till, "GET", "ledger")] == ["CancelledByMobilePay"]
    admin(till, "POST", "faults", body=b'{"retry_after_seconds": 0, "rules": [{"fault": "throttled"}]}')
    assert till.initiate(orderId="order-2").headers == (("retry-after", "0"),)
    admin(till, "POST", "faults", body=b"{}")
    for body in (b"{}", b'{"advance_seconds": -1}', b'{"advance_seconds": "1"}', b"["):
        assert "error" in admin(till, "POST", "clock", body=body)
    admin(till, "DELETE", "tokens")
    assert till.initiate().status == 401
    assert (admin(till, "GET", "nothing"), admin(till, "PUT", "clock")) == (404, 405)


def test_the_books_name_no_secret(till: Any) -> None:
    till.pay()
    till.headers["authorization"] = "Bearer canary-token"
    till.initiate(orderId="order-2")
    shown = json.dumps(
        [admin(till, "GET", name) for name in ("requests", "violations", "notes", "stats", "ledger")]
    )
    for secret in ("canary-token", "+45", *till.sandbox.world.tokens.grants):
        assert secret not in shown
    assert [row["operation"] for row in admin(till, "GET", "requests", "limit=1")] == ["initiate"]


def test_a_late_effect_comes_when_its_time_has_come(make_till: Any) -> None:
    plan = FaultPlan(rules=(FaultRule("late_effect", "initiate", attempt=1, delay_seconds=3),))
    till = make_till(faults=plan)
    headers = {"x-mobilepay-idempotency-key": "k"}
    exchange = till.sandbox.begin(till.request("POST", "/pos/v10/payments", till.order(), headers=headers))
    assert exchange.fate.before_seconds == 3
    till.clock.advance(2)
    till.sandbox.finish(exchange, gone=True)
    assert till.sandbox.world.register.payments == {}
    till.clock.advance(1)
    till.sandbox.perform(exchange)
    till.sandbox.finish(exchange)
    assert len(till.sandbox.world.register.payments) == 1
    assert till.sandbox.in_flight == 0
    assert till.initiate(key="k").status == 200
    assert len(till.sandbox.world.register.payments) == 1


def test_replacing_a_config_keeps_its_checks() -> None:
    with pytest.raises(ValueError, match="records_max"):
        replace(SandboxConfig(), records_max=0)


def test_the_documentation_tells_the_truth() -> None:
    """Its example is a scenario, and it names each fault and each endpoint."""
    text = gateway.sandbox.__doc__ or ""
    example = text.partition("For example::")[2].partition("\n\n")[2].partition("\n\n")[0]
    read = read_config(json.loads(example))
    assert (read.seed, read.wait_tolerance_seconds, read.faults.retry_after_seconds) == (7, 0.5, 2)
    assert not [kind for kind in KINDS if f"`{kind}`" not in text]
    endpoints = {f"{method} {name}" for name, methods in ENDPOINTS.items() for method in methods}
    assert not [one for one in endpoints if f"`{one}`" not in text]
    assert not [word for word in PATTERNS if f"- `{word}`" not in text]
