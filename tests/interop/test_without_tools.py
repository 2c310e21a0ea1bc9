"""Where a tool is not found its tests are not run, and it is said; in CI they fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARSER = "tests/interop/test_asyncapi_parser.py::test_the_document_is_taken_without_a_word"


@pytest.mark.parametrize(("ci", "code", "said"), [("", 0, "not run: no Node"), ("true", 1, "CI needs one")])
def test_it_is_said_and_never_silent(tmp_path: Path, ci: str, code: int, said: str) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", PARSER]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "CI": ci},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert any(said in line for line in (lines if ci else lines[-3:]))
