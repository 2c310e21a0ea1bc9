"""What is shipped agrees with itself: metrics and who uses them, alerts, their tests and runbooks, dashboards."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.dashboards import BOARDS
from gateway.app.gauges import COMMAND_TYPES, OPERATIONS
from gateway.domain import events
from gateway.domain.money import Currency
from gateway.domain.vocabulary import DeadLetterReason, PaymentStatus, Reason, RefundStatus
from gateway.mobilepay.errors import CODES
from gateway.observability.metrics import declared
from tests.watched.prometheus import needed
from tests.watched.questions import ALERTS, SERIES, names_in, of_dashboards, panels_of, rules
from tests.watched.runbooks import RUNBOOKS, pages, steps, steps_of

RULES = rules()
NAMED_BY_RULES = {rule["record"] for rule in RULES if "record" in rule}
ALERT_NAMES = {rule["alert"] for rule in RULES if "alert" in rule}
TESTS = sorted((ALERTS / "tests").glob("*.yaml"))
MOST_EXCEPTIONS = 22


def test_each_metric_is_asked_for_and_each_that_is_asked_for_is_there() -> None:
    asked = {name for question in of_dashboards() for name in names_in(question.expr)}
    asked |= {name for rule in RULES for name in names_in(rule["expr"])}
    unknown = {name for name in asked if name not in SERIES and name not in NAMED_BY_RULES}
    assert {name for name in unknown if not name.startswith("slo:sli_error:ratio_rate")} == set()
    used = {SERIES[name].name for name in asked if name in SERIES}
    assert {one.name for one in declared()} - used == set(), "no panel and no alert uses them"


def _event_types() -> set[str]:
    source = Path(events.__file__).read_text(encoding="utf-8")
    return set(re.findall(r'"((?:payment|refund|command)\.[a-z]+)"', source))


def test_a_query_names_only_types_and_states_that_there_are() -> None:
    asked = [question.expr for question in of_dashboards()] + [rule["expr"] for rule in RULES]
    found = {
        (label, one)
        for expr in asked
        for label, values in re.findall(r'\b(type|status|reason)[=!]~?"([^"]+)"', expr)
        for one in values.split("|")
    }
    known = {
        "type": _event_types() | set(COMMAND_TYPES),
        "status": {*PaymentStatus, *RefundStatus},
        "reason": {*Reason, "done"},
    }
    assert found and {(label, one) for label, one in found if one not in known[label]} == set()


def test_labels_have_room_for_what_they_may_say_and_no_more() -> None:
    most = {(one.name, label.name): label.most for one in declared() for label in one.labels}
    assert most["gateway_commands_accepted_total", "type"] == len(COMMAND_TYPES)
    assert most["gateway_commands_dead_lettered_total", "type"] == len(COMMAND_TYPES) + 1
    assert most["gateway_commands_dead_lettered_total", "reason"] == len(DeadLetterReason)
    assert most["gateway_commands_answered_total", "reason"] == len(Reason) + 1
    assert most["gateway_operations_pending", "operation"] == len(OPERATIONS)
    assert most["gateway_payments", "status"] == len(PaymentStatus)
    assert most["gateway_refunds", "status"] == len(RefundStatus)
    assert most["gateway_money_minor_units_total", "currency"] == len(Currency)
    assert most["gateway_provider_refusals_total", "code"] == len(CODES) + 2


def test_each_alert_has_its_page_and_says_where() -> None:
    assert pages() == ALERT_NAMES
    for rule in RULES:
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"] == f"deploy/docs/runbooks/{rule['alert']}.md"
            assert {"summary", "description"} < rule["annotations"].keys()
            assert rule["labels"]["severity"] in ("critical", "warning")
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^- \[(\w+)\]\(\1\.md\)$", index, re.MULTILINE)) == ALERT_NAMES


@pytest.mark.parametrize("name", sorted(ALERT_NAMES))
def test_a_page_has_something_to_look_at_and_to_do_and_its_links_lead_somewhere(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert list(steps_of(text))
    assert text.count("```") == 2 * len(re.findall(r"^```sh", text, re.MULTILINE)), (
        "every fence is a command's"
    )
    assert re.search(r"^## Act\n\n- ", text, re.MULTILINE)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (RUNBOOKS / target).is_file(), target


def test_commands_name_only_what_the_index_explains() -> None:
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    named = {name for step in steps() for name in re.findall(r"\$([A-Z_]+)", step.command)}
    assert named and {name for name in named if f"`{name}`" not in index} == set()


def _alert_tests() -> list[dict[str, Any]]:
    return [
        one
        for path in TESTS
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for one in test.get("alert_rule_test", ())
    ]


def test_each_alert_is_tested_firing_and_not_firing() -> None:
    firing = {one["alertname"] for one in _alert_tests() if one["exp_alerts"]}
    quiet = {one["alertname"] for one in _alert_tests() if not one["exp_alerts"]}
    assert firing == quiet == ALERT_NAMES


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(path: Path) -> None:
    needed("promtool")
    for arguments in (["check", "rules", str(ALERTS / path.name)], ["test", "rules", str(path)]):
        done = subprocess.run(
            ["promtool", *arguments], capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_panel_says_what_it_means_and_in_which_unit() -> None:
    for board in BOARDS:
        for panel in panels_of(board):
            assert len(panel["description"]) > 20, panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["targets"], panel["title"]
    ids = [[panel["id"] for panel in panels_of(board)] for board in BOARDS]
    assert all(len(set(of_board)) == len(of_board) for of_board in ids)


def test_few_queries_are_excused_and_each_with_a_reason() -> None:
    queries = [query for board in BOARDS for panel in board.panels for query in panel.queries]
    assert sum(bool(query.empty) for query in queries) <= 3
    assert sum(bool(query.steady) for query in queries) <= MOST_EXCEPTIONS
