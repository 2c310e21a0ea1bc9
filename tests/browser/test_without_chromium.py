"""Where there is no Chromium the page's tests are not run, and it is said; in CI they fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("ci", "code", "said"), [("", 0, "not run: no Chromium"), ("true", 1, "CI needs one")]
)
def test_it_is_said_and_never_silent(tmp_path: Path, ci: str, code: int, said: str) -> None:
    environment = {**os.environ, "PATH": str(tmp_path), "CHROMIUM": "", "CI": ci}
    one = "tests/browser/test_page.py::test_a_person_declines"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", one]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-3:]
    assert any(said in line for line in (ended.stdout.splitlines() if ci else last))
