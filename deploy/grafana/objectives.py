"""The objectives: what is promised, how fast the budget burns, and what is left of it."""

from deploy.alerts.objectives import OBJECTIVES, Objective
from deploy.grafana.board import PERCENT, SHORT, Board, Kind, Panel, Query, Row

_UNBROKEN = {
    "answers": "an outage of seconds need not hold an answer back for ten",
    "intake": "no partition need be late where few processes come and go",
}


def _row(objective: Objective) -> Row:
    s, steady = objective.selector, _UNBROKEN.get(objective.name, "")
    return Row(
        f"{objective.name}: {objective.promise}",
        (
            Panel(
                "Budget left",
                f"Of what may go wrong in 30 days. {objective.promise}",
                PERCENT,
                (Query(f"slo:period_error_budget_remaining:ratio{s}", "left", steady=steady),),
                Kind.STAT,
                4,
                bad_below=0.2,
            ),
            Panel(
                "Burn rate",
                "1 spends the budget in just 30 days. 14.4 over an hour and 6 over six hours page.",
                SHORT,
                (
                    Query(f"slo:current_burn_rate:ratio{s}", "5 minutes", steady=steady),
                    Query(f"slo:period_burn_rate:ratio{s}", "30 days", steady=steady),
                ),
                width=10,
                warns_at=14.4,
            ),
            Panel(
                "Errors, by window",
                f"Share of errors over each window, beside what {objective.percent:g} % allows.",
                PERCENT,
                (
                    Query(
                        f'{{__name__=~"slo:sli_error:ratio_rate(5m|1h|6h|3d)", sloth_id="{objective.labels["sloth_id"]}"}}',
                        "{{sloth_window}}",
                        steady=steady,
                    ),
                    Query(f"slo:error_budget:ratio{s}", "allowed", steady="it is a constant"),
                ),
                width=10,
            ),
        ),
    )


BOARD = Board(
    "pos-gateway-slo",
    "POS gateway: objectives",
    "What is promised, how fast the budget burns, and what is left of it.",
    (
        Row(
            "All objectives",
            (
                Panel(
                    "Objectives",
                    "What is promised, as a share of what may be counted over 30 days.",
                    PERCENT,
                    (
                        Query(
                            "slo:objective:ratio * on (sloth_id) group_left (sloth_objective) sloth_slo_info",
                            "{{sloth_slo}}",
                            steady="objectives are constants",
                        ),
                    ),
                    Kind.STAT,
                    24,
                ),
            ),
        ),
        *map(_row, OBJECTIVES),
    ),
)
