"""The checklist is whole, each of its items has a case or a reason, and the report says what was found."""

import json

from gateway.certify.cases import ALL
from gateway.certify.checklist import LEVELS, checklist
from gateway.certify.findings import Finding
from gateway.certify.report import as_json, counts, judge

NOT_CHECKABLE_MAX = 25
JUDGED_FROM_THE_WHOLE_RUN = {132}


def test_the_list_has_every_item_once_and_in_order() -> None:
    assert [item.number for item in checklist()] == list(range(1, 133))
    assert {item.level for item in checklist()} == set(LEVELS)
    assert all(item.requirement and item.group and item.source for item in checklist())


def test_each_item_has_a_case_or_the_reason_why_not() -> None:
    covered = {item for case in ALL for item in case.items} | JUDGED_FROM_THE_WHOLE_RUN
    excused = {item.number for item in checklist() if item.not_checkable}
    assert covered | excused == set(range(1, 133))
    assert not covered & excused
    assert len(excused) <= NOT_CHECKABLE_MAX


def test_cases_have_names_of_their_own_and_a_stage_that_there_is() -> None:
    names = [case.name for case in ALL]
    assert len(set(names)) == len(names)
    assert {case.place for case in ALL} == {"open", "bound", "alone", "aged", "after"}


def test_one_finding_that_does_not_hold_fails_its_item() -> None:
    good, bad = Finding("a case", True, "seen 1"), Finding("another", False, "seen 2, expected 1")
    verdicts = judge(checklist(), {1: [good], 2: [good, bad]})
    assert [verdict.result for verdict in verdicts[:3]] == ["passed", "failed", "not run"]
    assert verdicts[1].line == "seen 2, expected 1 (+1)"
    excused = sum(bool(item.not_checkable) for item in checklist())
    assert counts(verdicts) == {"passed": 1, "failed": 1, "not checkable": excused, "not run": 130 - excused}


def test_the_report_says_what_was_seen_and_why_something_was_not_looked_at() -> None:
    report = as_json(judge(checklist(), {1: [Finding("a case", True, "seen 1")]}), {"gateway": "1.2.3"})
    told = json.loads(json.dumps(report))
    assert told["gateway"] == "1.2.3"
    assert told["items"][0]["findings"] == [{"case": "a case", "holds": True, "evidence": "seen 1"}]
    assert all(row["reason"] for row in told["items"] if row["result"] == "not checkable")
