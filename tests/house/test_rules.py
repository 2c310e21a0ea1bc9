"""Each rule of the house finds what it is for, and leaves alone what is right."""

from collections.abc import Callable, Iterable

import pytest

from tests.house import rules
from tests.house.rules import Finding

CAUGHT: list[tuple[Callable[[str], Iterable[Finding]], str, int]] = [
    (rules.too_long, "x = 1\n" * 301, 301),
    (rules.no_docstring, "import ast\n", 1),
    (rules.floats, "def tax(amount: float) -> int: ...", 1),
    (rules.floats, "x = 1\ny = float(x)", 2),
    (rules.floats, "half = 0.5", 1),
    (rules.floats, "half = 1 / 2", 1),
    (rules.money_as_float, "class A:\n    amount_minor: float", 2),
    (rules.money_as_float, "def pay(amount: float | None) -> None: ...", 1),
    (rules.money_as_float, "x = float(self.amount)", 1),
    (rules.money_as_float, "body = amount.minor / 100", 1),
    (rules.impurities, "import time", 1),
    (rules.impurities, "from random import choice", 1),
    (rules.impurities, "import pydantic", 1),
    (rules.impurities, "from gateway.codec import read_command", 1),
    (rules.impurities, "from datetime import datetime\n\nat = datetime.now()", 3),
    (rules.impurities, "import uuid\nkey = uuid.uuid4()", 2),
    (rules.unexplained_catches, "try:\n    f()\nexcept Exception:\n    pass", 3),
    (rules.unexplained_catches, "try:\n    f()\nexcept (ValueError, BaseException):\n    pass", 3),
    (rules.unexplained_catches, "try:\n    f()\nexcept:  # noqa: E722\n    pass", 3),
    (rules.durations_without_unit, "TIMEOUT = 5", 1),
    (rules.durations_without_unit, "class Limits:\n    poll_delay: int = 5", 2),
    (rules.durations_without_unit, "class Limits:\n    seconds_interval: float | None", 2),
    (rules.open_matches, "match x:\n    case A():\n        f()\n    case B():\n        g()", 1),
    (rules.open_matches, "match x:\n    case A() | B():\n        f()\n    case _:\n        g()", 1),
    (rules.open_matches, "match x:\n    case A() if x.y:\n        f()\n    case [1]:\n        g()", 1),
    (rules.mocks, "from unittest.mock import Mock", 1),
    (rules.mocks, "import unittest.mock", 1),
    (rules.forbidden_text, "read /" + "work/main", 1),
    (rules.forbidden_text, "\n-i https://py" + "pi.org/simple", 2),
    (rules.forbidden_text, "as ../" + "shared says", 1),
    (rules.forbidden_text, "# TO" + "DO: later", 1),
    (rules.forbidden_text, "see contract" + ".md", 1),
]

LEFT_ALONE: list[tuple[Callable[[str], Iterable[Finding]], str]] = [
    (rules.too_long, "x = 1\n" * 300),
    (rules.no_docstring, '"""Says it."""\n'),
    (rules.floats, "total = (3 * 2) // 4"),
    (rules.money_as_float, "delay: float = 2 / 3\ncaptured_at: float = 1.5\namount: int = 5 // 2"),
    (rules.impurities, "from datetime import UTC, datetime\nfrom gateway.domain.money import Money"),
    (rules.unexplained_catches, "try:\n    f()\n# Its author raises anything.\nexcept Exception:\n    pass"),
    (
        rules.unexplained_catches,
        "try:\n    f()\nexcept Exception:\n    # Its author raises anything.\n    pass",
    ),
    (rules.unexplained_catches, "try:\n    f()\nexcept ValueError:\n    pass"),
    (rules.durations_without_unit, "TIMEOUT_SECONDS = 5\nMAX_RUNNING = 3\ndelay: str = ''"),
    (rules.open_matches, "match x:\n    case A():\n        f()\n    case _:\n        assert_never(x)"),
    (rules.open_matches, "match x:\n    case 'a':\n        f()\n    case _:\n        g()"),
    (rules.open_matches, "match x:\n    case dict() | list():\n        f()\n    case _:\n        g()"),
    (rules.open_matches, "match x:\n    case KeyError():\n        f()\n    case _:\n        g()"),
    (rules.unexplained_catches, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise"),
    (rules.mocks, "import unittest"),
    (rules.forbidden_text, "files under /run/secrets, networks, the workplace"),
]


@pytest.mark.parametrize(("rule", "text", "line"), CAUGHT)
def test_caught(rule: Callable[[str], Iterable[Finding]], text: str, line: int) -> None:
    assert line in {finding.line for finding in rule(text)}


@pytest.mark.parametrize(("rule", "text"), LEFT_ALONE)
def test_left_alone(rule: Callable[[str], Iterable[Finding]], text: str) -> None:
    assert list(rule(text)) == []


@pytest.mark.parametrize("module", sorted(rules.FORBIDDEN_MODULES))
def test_a_module_for_anything_is_caught(module: str) -> None:
    assert list(rules.empty_names("", module))


@pytest.mark.parametrize("name", ["PaymentManager", "BaseHandler", "HttpHelper", "AbstractClient"])
def test_a_class_for_anything_is_caught(name: str) -> None:
    (finding,) = rules.empty_names(f"class {name}: ...", "payments")
    assert name in finding.problem


def test_names_that_say_something_are_left_alone() -> None:
    assert list(rules.empty_names("class Baseline: ...\nclass Payment: ...", "payments")) == []
