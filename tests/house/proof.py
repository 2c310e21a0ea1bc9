"""The README's table of what shows that each guarantee holds: tests that name it, and what the long runs found.

`deploy/docs/runs.json` has the figures of the last long runs, as their programs wrote them; the rest is counted.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.demo.finding import GUARANTEES as OF_THE_BOOKS
from tests.chaos.verdict import GUARANTEES as OF_THE_LOGS
from tests.house import figures, markdown
from tests.planted.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "deploy" / "docs" / "runs.json"
BEGIN, END = "<!-- made by make generated: proof -->", "<!-- end of proof -->"
GUARANTEES = (
    OF_THE_BOOKS | OF_THE_LOGS | {"I12": "the same seed gives the same history; planted bugs are caught"}
)
HEAD = (
    *("", "guarantee", "tests that name it", "planted bugs caught", "histories", "processes killed"),
    "violations",
)
_NUMBER = re.compile(r"\bI(1[0-2]|[1-9])\b|(?<=test_i)(\d+)(?=_)")


def readme() -> str:
    """The README with its table made anew."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return figures.readme(f"{before}{BEGIN}\n{table()}{END}{after}")


def table() -> str:
    runs = json.loads(RUNS.read_text(encoding="utf-8"))
    naming, planted = tests_by_guarantee(), Counter(bug.breaks for bug in BUGS)
    rows = []
    histories, killed = runs["simulation"]["histories"], sum(run["killed"] for run in runs["chaos"])
    for name, what in GUARANTEES.items():
        violations = sum(run["findings"].get(name, 0) for run in runs["chaos"])
        violations += runs["simulation"]["findings"].get(name, 0)
        caught = len(BUGS) if name == "I12" else planted[name]
        ended = killed if name != "I12" else ""
        rows.append((name, what, *map(str, (naming[name], caught, f"{histories:,}", ended, violations))))
    return "\n".join([markdown.table(HEAD, rows), "", *map(_told, runs["chaos"]), ""])


def _told(run: dict[str, Any]) -> str:
    acts = ", ".join(f"{count} x {name.replace('_', ' ')}" for name, count in run["acts"].items())
    least = min(run["in_flight_at_kills"], default=0)
    return (
        f"- {run['minutes']:.0f} minutes, {run['gateways']} gateways, {run['brokers']} broker"
        f"{'s' if run['brokers'] > 1 else ''}: {run['messages']:,} messages, {run['events']:,} events, "
        f"{run['requests']:,} requests; {acts}; at least {least} calls in flight at each kill of a burst."
    )


def tests_by_guarantee() -> Counter[str]:
    """How many test functions say its number, in their name, docstring or a finding that they look for."""
    found: Counter[str] = Counter()
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            found.update({f"I{number}" for number in _numbers(function)})
    return found


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def _numbers(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    texts = [function.name]
    texts += [n.value for n in ast.walk(function) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return {first or second for text in texts for first, second in _NUMBER.findall(text)}
