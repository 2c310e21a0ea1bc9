"""What the gateway promises as figures, and the Prometheus rules that follow: `make generated` writes slo.yaml.

Names and windows are sloth's, so that its dashboards and whoever knows it find what they look for. A page means
that a month's budget would be gone within two days or five, a ticket that it would within ten or thirty (Google's
Site Reliability Workbook, alerting on SLOs). Error ratios are 0 while nothing is asked for: a shop that is closed
breaks no promise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

SERVICE = "pos-gateway"
PERIOD_DAYS = 30
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
PERIOD = f"{PERIOD_DAYS}d"


@dataclass(frozen=True, slots=True)
class Burn:
    """Alert while the budget burns `factor` times too fast over both windows."""

    factor: float
    short: str
    long: str


PAGES = (Burn(14.4, "5m", "1h"), Burn(6, "30m", "6h"))
TICKETS = (Burn(3, "2h", "1d"), Burn(1, "6h", "3d"))


@dataclass(frozen=True, slots=True)
class Objective:
    """`bad` and `all` are sums of rates with `WINDOW` in place of the window; or `ratio` is a series between 0 and 1
    that is averaged over it.
    """

    name: str
    percent: float
    alert: str
    promise: str
    bad: str = ""
    all: str = ""
    ratio: str = ""

    @property
    def labels(self) -> dict[str, str]:
        return {
            "sloth_id": f"{SERVICE}-{self.name}",
            "sloth_service": SERVICE,
            "sloth_slo": self.name,
        }

    @property
    def selector(self) -> str:
        return "{" + ", ".join(f'{name}="{value}"' for name, value in self.labels.items()) + "}"

    def error_ratio(self, window: str) -> str:
        if self.ratio:
            return f"avg_over_time({self.ratio}[{window}])"
        bad, every = self.bad.replace("WINDOW", window), self.all.replace("WINDOW", window)
        return f"(({bad}) / ({every}) > 0) or 0 * ({every})"


_UNHELD = 'type=~"payment.capture|payment.cancel|refund.create|refund.capture|refund.cancel"'
_WRITES = 'operation!~"read_.*|find_.*", result=~"ok|refused"'
_LATE = "gateway:partition_late:ratio"

OBJECTIVES = (
    Objective(
        "answers",
        99.5,
        "AnswersBurn",
        "99.5 % of the captures, cancels and refunds are answered within 10 seconds of being accepted.",
        bad=(
            f"sum(rate(gateway_command_seconds_count{{{_UNHELD}}}[WINDOW])) - "
            f'sum(rate(gateway_command_seconds_bucket{{{_UNHELD}, le="10.0"}}[WINDOW]))'
        ),
        all=f"sum(rate(gateway_command_seconds_count{{{_UNHELD}}}[WINDOW]))",
    ),
    Objective(
        "outcomes",
        99.5,
        "OutcomesBurn",
        "Of 99.5 % of the calls that change something the outcome is known when the call ends.",
        bad="sum(rate(gateway_operations_unknown_total[WINDOW]))",
        all=(
            f"sum(rate(gateway_provider_requests_total{{{_WRITES}}}[WINDOW])) + "
            "sum(rate(gateway_operations_unknown_total[WINDOW]))"
        ),
    ),
    Objective(
        "provider",
        99.0,
        "ProviderBurn",
        "The provider answers 99 % of the requests as its API does.",
        bad='sum(rate(gateway_provider_requests_total{result!~"ok|refused|throttled"}[WINDOW]))',
        all="sum(rate(gateway_provider_requests_total[WINDOW]))",
    ),
    Objective(
        "intake",
        99.9,
        "IntakeBurn",
        "99.9 % of the time no partition is closed or leaves commands unaccepted for more than 30 seconds.",
        ratio=_LATE,
    ),
)

_LATE_EXPRESSION = (
    "avg(clamp_max((gateway_partition_unaccepted_seconds > bool 30) + (1 - gateway_partition_open), 1))"
)


def rules_file() -> str:
    """deploy/alerts/slo.yaml."""
    groups = [{"name": "slo-series", "rules": [{"record": _LATE, "expr": _LATE_EXPRESSION}]}]
    for objective in OBJECTIVES:
        groups += [
            {"name": f"sloth-slo-sli-recordings-{objective.name}", "rules": list(_ratios(objective))},
            {"name": f"sloth-slo-meta-recordings-{objective.name}", "rules": list(_about(objective))},
            {"name": f"sloth-slo-alerts-{objective.name}", "rules": list(_alerts(objective))},
        ]
    head = "# Made by `make generated` from objectives.py; a test compares.\n"
    return head + yaml.safe_dump({"groups": groups}, sort_keys=False, width=110, allow_unicode=True)


def _ratios(o: Objective) -> Iterator[dict[str, Any]]:
    for window in WINDOWS:
        labels = o.labels | {"sloth_window": window}
        yield {
            "record": f"slo:sli_error:ratio_rate{window}",
            "expr": o.error_ratio(window),
            "labels": labels,
        }
    # Of the short ratios, since a month of every series would be read at each evaluation.
    of_five = f"slo:sli_error:ratio_rate5m{o.selector}"
    yield {
        "record": f"slo:sli_error:ratio_rate{PERIOD}",
        "expr": f"sum_over_time({of_five}[{PERIOD}]) / ignoring (sloth_window) count_over_time({of_five}[{PERIOD}])",
        "labels": o.labels | {"sloth_window": PERIOD},
    }


def _about(o: Objective) -> Iterator[dict[str, Any]]:
    matching = "on (sloth_id, sloth_slo, sloth_service) group_left"
    budget = f"slo:error_budget:ratio{o.selector}"
    for record, expression in (
        ("slo:objective:ratio", f"vector({o.percent / 100:.6g})"),
        ("slo:error_budget:ratio", f"vector(1 - {o.percent / 100:.6g})"),
        ("slo:time_period:days", f"vector({PERIOD_DAYS})"),
        ("slo:current_burn_rate:ratio", f"slo:sli_error:ratio_rate5m{o.selector} / {matching} {budget}"),
        ("slo:period_burn_rate:ratio", f"slo:sli_error:ratio_rate{PERIOD}{o.selector} / {matching} {budget}"),
        ("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{o.selector}"),
    ):
        yield {"record": record, "expr": expression, "labels": o.labels}
    about = {"sloth_mode": "generated", "sloth_objective": f"{o.percent:g}", "sloth_spec": "prometheus/v1"}
    yield {"record": "sloth_slo_info", "expr": "vector(1)", "labels": o.labels | about}


def _alerts(o: Objective) -> Iterator[dict[str, Any]]:
    budget = 1 - o.percent / 100
    for severity, burns in (("page", PAGES), ("ticket", TICKETS)):
        burning = [
            f"(max(slo:sli_error:ratio_rate{b.short}{o.selector} > ({b.factor:g} * {budget:.6g})) without (sloth_window)"
            f" and max(slo:sli_error:ratio_rate{b.long}{o.selector} > ({b.factor:g} * {budget:.6g}))"
            " without (sloth_window))"
            for b in burns
        ]
        soon = "within days" if severity == "page" else "before the month is over"
        yield {
            "alert": o.alert,
            "expr": " or ".join(burning),
            "labels": {
                "severity": "critical" if severity == "page" else "warning",
                "sloth_severity": severity,
                **o.labels,
            },
            "annotations": {
                "summary": f"The error budget of {o.name} is spent {soon} if it goes on like this",
                "description": o.promise,
                "runbook_url": f"deploy/docs/runbooks/{o.alert}.md",
            },
        }
