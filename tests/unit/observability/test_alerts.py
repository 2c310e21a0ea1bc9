"""The alerts ask for metrics, labels and event types that the gateway really has."""

import re
from pathlib import Path

import pytest
import yaml

from gateway.domain import events
from gateway.observability.metrics import REGISTRY

ALERTS = Path(__file__).resolve().parents[3] / "deploy" / "alerts"
RULES = [
    rule
    for path in sorted(ALERTS.glob("*.yaml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def metric_names() -> set[str]:
    """As a query says them: a counter's name ends with `_total`."""
    return {
        name
        for family in REGISTRY.collect()
        for name in (family.name, f"{family.name}_total", f"{family.name}_bucket", f"{family.name}_count")
    }


def event_types() -> set[str]:
    source = Path(events.__file__).read_text(encoding="utf-8")
    return set(re.findall(r'"((?:payment|refund|command)\.[a-z]+)"', source))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_a_rule_asks_for_what_there_is(rule: dict[str, str]) -> None:
    asked = set(re.findall(r"gateway_[a-z_]+", rule["expr"]))
    assert asked
    assert asked <= metric_names()
    types = re.findall(r'type=~?"([^"]+)"', rule["expr"])
    assert {one for text in types for one in text.split("|")} <= event_types()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_a_rule_tells_what_is_the_matter(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
