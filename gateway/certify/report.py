"""The verdict on each item, as a table for people and as JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.certify.checklist import LEVELS, Item
from gateway.certify.findings import Finding

Result = Literal["passed", "failed", "not checkable", "not run"]


@dataclass(frozen=True, slots=True)
class Verdict:
    item: Item
    result: Result
    findings: tuple[Finding, ...] = ()

    @property
    def line(self) -> str:
        """What to show in one line: the first thing that does not hold, else the first that was seen."""
        if self.result == "not checkable":
            return self.item.not_checkable
        shown = [finding for finding in self.findings if not finding.holds] or list(self.findings)
        more = f" (+{len(self.findings) - 1})" if len(self.findings) > 1 else ""
        return f"{shown[0].evidence}{more}" if shown else "its cases need the simulator"


def judge(items: Sequence[Item], findings: Mapping[int, Sequence[Finding]]) -> list[Verdict]:
    """An item passes if something was found for it and all of that holds."""
    verdicts = []
    for item in items:
        rows = tuple(findings.get(item.number, ()))
        result: Result = "passed" if all(row.holds for row in rows) else "failed"
        if not rows:
            result = "not checkable" if item.not_checkable else "not run"
        verdicts.append(Verdict(item, result, rows))
    return verdicts


def counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    results: tuple[Result, ...] = ("passed", "failed", "not checkable", "not run")
    return {result: sum(one.result == result for one in verdicts) for result in results}


def as_json(verdicts: Sequence[Verdict], about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **about,
        "results": counts(verdicts),
        "items": [
            {
                "number": one.item.number,
                "level": LEVELS[one.item.level],
                "group": one.item.group,
                "requirement": one.item.requirement,
                "source": one.item.source,
                "result": one.result,
                **({"reason": one.item.not_checkable} if one.result == "not checkable" else {}),
                "findings": [
                    {"case": row.case, "holds": row.holds, "evidence": row.evidence} for row in one.findings
                ],
            }
            for one in verdicts
        ],
    }
