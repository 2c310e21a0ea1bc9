"""The whole tree keeps the rules of the house."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.house import rules
from tests.house.rules import Finding

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {"build", "dist", "node_modules", "__pycache__"}
# Made by tools, or measured against them: hashes and the like.
BINARY = {".png", ".gif", ".jar", ".pyc", ".svg"}


def our_files() -> list[Path]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        hidden = {name for name in folders if name.startswith(".") and name not in {".ci", ".github"}}
        folders[:] = [name for name in folders if name not in NOT_OURS | hidden]
        found += [Path(folder) / name for name in names if Path(name).suffix not in BINARY]
    return found


FILES = our_files()
GATEWAY = [path for path in FILES if path.suffix == ".py" and path.is_relative_to(ROOT / "gateway")]
DOMAIN = [path for path in GATEWAY if path.is_relative_to(ROOT / "gateway" / "domain")]
TESTS = [path for path in FILES if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")]


def findings(files: Iterable[Path], rule: Callable[[str], Iterable[Finding]]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{finding.line}: {finding.problem}"
        for path in files
        for finding in rule(path.read_text(encoding="utf-8"))
    ]


def test_there_is_a_tree_to_look_at() -> None:
    assert len(GATEWAY) > 40
    assert len(DOMAIN) > 10
    assert len(TESTS) > 10
    assert ROOT / "Makefile" in FILES
    assert ROOT / ".ci" / "run" in FILES


@pytest.mark.parametrize(
    "rule",
    [
        rules.too_long,
        rules.no_docstring,
        rules.unexplained_catches,
        rules.durations_without_unit,
        rules.open_matches,
        rules.money_as_float,
    ],
)
def test_gateway_keeps(rule: Callable[[str], Iterable[Finding]]) -> None:
    assert findings(GATEWAY, rule) == []


def test_the_domain_is_pure() -> None:
    assert findings(DOMAIN, rules.impurities) == []


def test_money_and_what_carries_it_know_no_float() -> None:
    carriers = [path for path in DOMAIN if path.stem in {"money", "commands", "operations", "events"}]
    assert len(carriers) == 6
    assert findings(carriers, rules.floats) == []


def test_names_say_what_things_are() -> None:
    problems = []
    for path in GATEWAY + TESTS:
        module = path.parent.name if path.stem == "__init__" else path.stem
        problems += findings([path], lambda text, module=module: rules.empty_names(text, module))
    assert problems == []


def test_tests_mock_nothing() -> None:
    assert findings(TESTS, rules.mocks) == []


def test_no_file_speaks_of_a_machine_or_of_what_is_not_here() -> None:
    assert findings(FILES, rules.forbidden_text) == []
