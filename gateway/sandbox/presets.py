"""Fault plans with a name, for a person who wants some trouble at the press of a button."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.faults import FaultPlan
from gateway.sandbox.scenario import read_faults

PRESETS: dict[str, dict[str, Any]] = {
    "none": {},
    "time-outs": {"probabilities": {"*": {"timeout_before": 0.08, "timeout_after": 0.08}}},
    "storm": {
        "probabilities": {
            "*": {
                "slow": 0.05,
                "error_before": 0.06,
                "error_after": 0.06,
                "timeout_before": 0.04,
                "timeout_after": 0.04,
                "late_effect": 0.03,
                "reset_before": 0.04,
                "reset_after": 0.04,
                "throttled": 0.04,
                "unauthorized": 0.02,
                "malformed_body": 0.02,
                "cut_body": 0.02,
            }
        }
    },
}
"""As under `faults` in a scenario."""

_PLANS: dict[str, FaultPlan] = {name: read_faults(document) for name, document in PRESETS.items()}


def name_of(plan: FaultPlan) -> str:
    """Empty for a plan that is none of these."""
    return next((name for name, preset in _PLANS.items() if preset == plan), "")
