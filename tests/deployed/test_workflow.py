"""The workflow for users: nothing that can change under it, no right that it does not need, targets that exist."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path: path.read_text(encoding="utf-8") for path in WORKFLOWS}


def test_every_action_is_pinned_by_its_commit_and_says_its_version() -> None:
    used = [line for text in TEXTS.values() for line in text.splitlines() if "uses:" in line]
    assert used
    pinned = re.compile(
        r"\s*- uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\s+uses: .*@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    )
    assert all(pinned.fullmatch(line) for line in used), used
    # One version of an action in all of them.
    assert len({line.split("uses: ")[1] for line in used}) == len(
        {re.split("[ @]", line.split("uses: ")[1])[0] for line in used}
    )


def test_each_job_may_only_read_and_ends() -> None:
    for text in TEXTS.values():
        told = yaml.safe_load(text)
        assert told["permissions"] == {}
        assert told["concurrency"]
        for job in told["jobs"].values():
            assert job["permissions"] == {"contents": "read"}
            [checkout] = [step for step in job["steps"] if "actions/checkout@" in step.get("uses", "")]
            assert checkout["with"]["persist-credentials"] is False
            assert 0 < job["timeout-minutes"] <= 90


def test_it_runs_what_is_there() -> None:
    targets = set(
        re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    commands = [
        step["run"]
        for text in TEXTS.values()
        for job in yaml.safe_load(text)["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert {"make test", ".ci/run"} <= set(commands)
    for command in commands:
        program, *words = command.split()
        if program == "make":
            assert {word for word in words if "=" not in word} <= targets
        else:
            assert os.access(ROOT / program, os.X_OK)


def test_every_python_that_the_project_takes_is_tried() -> None:
    [told] = [yaml.safe_load(text) for text in TEXTS.values()]
    needs = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', needs)
    for name in ("test", "demo"):
        assert told["jobs"][name]["strategy"]["matrix"]["python"] == declared


def test_zizmor_finds_nothing() -> None:
    command = [
        str(Path(sys.executable).parent / "zizmor"),
        "--offline",
        "--persona",
        "pedantic",
        "--no-progress",
    ]
    judged = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_zizmor_would_find_an_action_that_can_change(tmp_path: Path) -> None:
    broken = tmp_path / "ci.yml"
    broken.write_text(re.sub(r"@[0-9a-f]{40} # ", "@", TEXTS[WORKFLOWS[0]], count=1), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--no-progress", str(broken)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode != 0
    assert "unpinned-uses" in judged.stdout


def test_actionlint_finds_nothing_and_would_find_a_name_that_is_not_there(
    tool: Callable[[str], str], tmp_path: Path
) -> None:
    command = [tool("actionlint"), "-shellcheck=", "-pyflakes="]
    judged = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    broken = tmp_path / "ci.yml"
    broken.write_text(TEXTS[WORKFLOWS[0]].replace("matrix.python", "matrix.snake"), encoding="utf-8")
    judged = subprocess.run([*command, str(broken)], capture_output=True, text=True, check=False)
    assert "snake" in judged.stdout
