"""What the guides name is there: licences, tests, and commands with their options."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from gateway.cli import application
from tests.house.licences import allowed, licence, licences

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "deploy" / "docs"


def test_every_run_dependency_has_a_licence_that_was_looked_at() -> None:
    found = licences()
    assert len(found) > 20
    assert {name: said for name, said in found.items() if not allowed(said)} == {}
    assert licence("pydantic") == "MIT" and licence("no-such-package") is None
    assert not allowed("GPL-3.0-only") and not allowed("MIT AND GPL-3.0-only") and not allowed("unknown")
    assert allowed("MIT OR GPL-3.0-only")


def test_the_threat_model_names_tests_that_there_are() -> None:
    text = (DOCS / "threat-model.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_[a-z0-9_]+|tests/[a-z_/]+\.py)`", text))
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "tests").rglob("*.py")}
    tests = "\n".join(path.read_text(encoding="utf-8") for path in files.values())
    assert len(named) > 15
    assert {name for name in named if name not in files and f"def {name}(" not in tests} == set()


def commands() -> list[str]:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    return sorted(set(blocks.splitlines()))


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_guide_is_one_of_the_command_line(line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "pos-gateway"
    command = get_command(application)
    while words and not words[0].startswith("-") and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    assert not hasattr(command, "commands"), "it ends in a command, not in a group"
    command.make_context(line, words)
