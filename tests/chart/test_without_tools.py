"""Where a tool is missing the chart's tests are not run, and it is said; in CI they fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("ci", "code", "said"), [("", 0, "not run: no Helm 4"), ("true", 1, "CI needs it")])
def test_it_is_said_and_never_silent(tmp_path: Path, ci: str, code: int, said: str) -> None:
    environment = {**os.environ, "PATH": str(tmp_path), "HELM": "", "CI": ci}
    one = "tests/chart/test_policies.py::test_there_are_pods_to_look_at"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", one]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-3:]
    assert any(said in line for line in (ended.stdout.splitlines() if ci else last))
