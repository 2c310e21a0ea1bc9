"""Plants each bug in a copy of the tree and runs suites until one catches it: `python -m tests.planted [WORD]`.

Words select bugs by name. Ends with 1 if one was not caught; writes the table of all when none was selected.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.house import markdown
from tests.planted.bugs import BUGS, SUITES, Bug

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "deploy" / "docs" / "planted-bugs.md"
SEEDS = "40"
SUITE_SECONDS = 300
JOBS = int(os.environ.get("JOBS", "2"))
KEPT = ("gateway", "tests", "schemas", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`test` is the first that failed; empty where none did."""

    bug: Bug
    suite: str
    test: str
    seconds: float


def plant(bug: Bug, folder: Path) -> None:
    for name in KEPT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    for edit in bug.edits:
        path = folder / edit.path
        text = path.read_text(encoding="utf-8")
        if text.count(edit.before) != 1:
            raise SystemExit(f"{bug.name}: {edit.path} does not have the text that is to be replaced once")
        path.write_text(text.replace(edit.before, edit.after), encoding="utf-8")


def catch(bug: Bug) -> Verdict:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gateway-planted-") as name:
        folder = Path(name)
        plant(bug, folder)
        for suite in bug.suites:
            test = _first_failure(suite, folder)
            if test:
                return Verdict(bug, suite, test, time.monotonic() - begun)
    return Verdict(bug, "", "", time.monotonic() - begun)


def _first_failure(suite: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "SEEDS": SEEDS, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *SUITES[suite]]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SUITE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it never ended"
    if done.returncode not in (0, 1):
        raise SystemExit(f"{suite} did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    found = re.search(r"^(?:FAILED|ERROR) \S*?([^/\s]+\.py::\w+)", done.stdout, re.MULTILINE)
    return found[1] if found else "" if done.returncode == 0 else "a failure without a name"


HEAD = "Made by `make planted`: each is planted alone in a copy of the tree, and suites run until one fails."


def document(verdicts: list[Verdict]) -> str:
    rows = (
        (one.bug.name, one.bug.breaks, one.suite or "**not caught**", f"`{one.test}`" if one.test else "")
        for one in verdicts
    )
    table = markdown.table(("bug", "would break", "caught by", "first test that failed"), rows)
    return f"# Planted bugs\n\n{HEAD}\n\n{table}\n"


def main(words: list[str]) -> int:
    chosen = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    verdicts = []
    with ThreadPoolExecutor(JOBS) as pool:
        for verdict in pool.map(catch, chosen):
            caught = f"{verdict.suite}: {verdict.test}" if verdict.test else "NOT CAUGHT"
            print(f"{verdict.seconds:5.0f} s  {verdict.bug.name}: {caught}", flush=True)
            verdicts.append(verdict)
    if not words:
        TABLE.write_text(document(verdicts), encoding="utf-8")
    missed = sum(not verdict.test for verdict in verdicts)
    print(f"{len(verdicts) - missed} of {len(verdicts)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
