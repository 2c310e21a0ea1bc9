"""Where a tool is missing its tests are not run, and it is said; in CI they fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("ci", "code", "said"), [("", 0, "not run: no promtool"), ("true", 1, "CI needs it")]
)
def test_it_is_said_and_never_silent(tmp_path: Path, ci: str, code: int, said: str) -> None:
    environment = {**os.environ, "PATH": str(tmp_path), "DEPLOYED_TOOLS": str(tmp_path), "CI": ci}
    one = "tests/deployed/test_compose.py::test_prometheus_takes_its_configuration_and_the_rules"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", one]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert said in ended.stdout
