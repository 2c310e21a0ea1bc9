"""Every query of every dashboard and rule, asked of a real Prometheus that watches a real gateway under load."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.alerts.objectives import OBJECTIVES
from tests.integration.gateway_process import environment
from tests.watched.prometheus import TOOLS, needed
from tests.watched.questions import SERIES, of_dashboards, rules, selectors_in
from tests.watched.runbooks import steps
from tests.watched.scene import Scene, played, scraped
from tests.watched.traced_wire import TRACE_ID

BURNS = {objective.alert for objective in OBJECTIVES}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def tools() -> None:
    needed(*TOOLS)


@pytest.fixture(scope="module")
def scene(tools: None, kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with played(kafka.bootstrap_servers, tmp_path_factory.mktemp("watched")) as scene:
        yield scene


def test_every_panel_shows_what_happens(scene: Scene) -> None:
    wrong, silent, still = [], [], []
    for question in of_dashboards():
        try:
            found = scene.prometheus.series(question.asked())
        except Exception as fault:  # all of them are told at once
            wrong.append(f"{question}: {fault}")
            continue
        if not found and not question.declared.empty:
            silent.append(str(question))
        elif found and not any(one.changes for one in found) and not question.declared.steady:
            still.append(f"{question}: {found[0].values[-1]}")
    assert (wrong, silent, still) == ([], [], [])


def test_every_rule_is_evaluated_and_asks_for_what_there_is(scene: Scene) -> None:
    groups = scene.prometheus.ask("rules")["groups"]
    evaluated = [rule for group in groups for rule in group["rules"]]
    assert len(evaluated) == len(rules()) > 60
    assert [(rule["name"], rule["lastError"]) for rule in evaluated if rule["health"] != "ok"] == []
    silent = []
    for rule in rules():
        if "record" in rule:
            labels = ",".join(f'{name}="{value}"' for name, value in rule.get("labels", {}).items())
            asked = {f"{rule['record']}{{{labels}}}"}
        else:
            asked = selectors_in(rule["expr"])
            assert asked, rule["alert"]
        silent += [(rule.get("alert"), one) for one in asked if not scene.prometheus.series(one)]
    # A code that no document has is counted when it comes.
    assert [one for _, one in silent if 'code="other"' not in one] == []


def test_the_alerts_see_the_outage(scene: Scene) -> None:
    seen = {one.labels["alertname"] for one in scene.prometheus.series("ALERTS")}
    assert {
        "ProviderAway",
        "DeadLettersGrow",
        "RecordsMisplaced",
        "ProviderSpeaksAnew",
        "ProviderBurn",
    } <= seen
    away = scene.prometheus.series('ALERTS{alertname="ProviderAway"}')
    assert {one.labels["alertstate"] for one in away} == {"pending"}, "an outage of seconds pages nobody"
    firing = {one.labels["alertname"] for one in scene.prometheus.series('ALERTS{alertstate="firing"}')}
    assert firing <= {"DeadLettersGrow", "RecordsMisplaced", "ProviderSpeaksAnew", *BURNS}


def test_the_page_of_metrics_is_as_promtool_wants_it(scene: Scene) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=scraped(scene), capture_output=True, check=False, timeout=20
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_every_label_is_within_its_bound(scene: Scene) -> None:
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(scraped(scene).decode()):
        for sample in family.samples:
            for name, value in sample.labels.items():
                if sample.name in SERIES and name != "le":
                    seen[SERIES[sample.name].name, name].add(value)
    bounds = {(one.name, label.name): label.most for one in SERIES.values() for label in one.labels}
    assert seen.keys() <= bounds.keys()
    assert {where: values for where, values in seen.items() if len(values) > bounds[where]} == {}
    assert len(seen) > 20


def test_durations_lead_to_traces(scene: Scene) -> None:
    began = scene.prometheus.began
    for name in ("gateway_command_seconds_bucket", "gateway_payment_approval_seconds_bucket"):
        found = scene.prometheus.ask("query_exemplars", query=name, start=str(began), end=str(began + 600))
        exemplars = [one for series in found for one in series["exemplars"]]
        assert exemplars, json.dumps(found)
        assert {one["labels"]["trace_id"] for one in exemplars} == {TRACE_ID}


def test_the_commands_of_the_runbooks_do_what_their_pages_say(scene: Scene) -> None:
    known = environment(**scene.settings, **scene.names())
    wrong = []
    for step, page in steps().items():
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", step.command],
            env=known,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode not in step.exits or not (done.stdout + done.stderr).strip():
            wrong.append(
                f"{page}: {step.command}: {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}"
            )
    assert wrong == []
