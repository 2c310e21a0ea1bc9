"""The floors and doors of the house are really guarded: each contract breaks when an import breaks it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"

# One trespass for each contract of pyproject.toml, by its name.
TRESPASSES = {
    "Arrows point downward": ("domain/money.py", "import gateway.codec"),
    "The two foundations do not know each other": ("kafka/records.py", "import gateway.domain.money"),
    "The service never meets the provider's simulator": ("flow.py", "import gateway.sandbox"),
    "FastStream has one door": ("kafka/records.py", "import faststream"),
    "aiokafka has one room, and the command line, the demo and the certification": (
        "codec/state.py",
        "import aiokafka",
    ),
    "httpx and aiohttp have one door, and the demo reads the simulator": ("sandbox/keys.py", "import httpx"),
    "pydantic has two doors": ("kafka/handler.py", "import pydantic"),
    "Metrics have one door": ("mobilepay/errors.py", "import prometheus_client"),
    "structlog has one door": ("kafka/handler.py", "import structlog"),
    "OpenTelemetry has one door, which is loaded only where traces are wanted": (
        "app/service.py",
        "import opentelemetry",
    ),
    "uvicorn serves the service and the simulator": ("cli/outcome.py", "import uvicorn"),
    "Only what people see draws on the terminal": ("flow.py", "import rich"),
}
UPWARD_OR_SIDEWAYS = [
    ("domain/money.py", "import gateway.kafka.records"),
    ("kafka/records.py", "import gateway.mobilepay.errors"),
    ("mobilepay/errors.py", "import gateway.kafka.records"),
    ("mobilepay/errors.py", "import gateway.flow"),
    ("sandbox/keys.py", "import gateway.domain.money"),
    ("sandbox/keys.py", "import gateway.observability.logs"),
    ("codec/state.py", "import gateway.settings"),
    ("flow.py", "import gateway.app"),
    ("demo/jars.py", "import gateway.cli"),
    ("demo/jars.py", "import gateway.certify"),
]


def verdicts(house: Path) -> dict[str, bool]:
    """Contract by contract, whether it is kept in the tree under `house`."""
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"], cwd=house, capture_output=True, text=True, check=False
    )
    found = re.findall(r"^(.+) (KEPT|BROKEN)(?: \(.+\))?$", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return {name: word == "KEPT" for name, word in found}


def trespass(house: Path, place: str, line: str) -> None:
    path = house / "gateway" / place
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_as_it_stands_keeps_them_all(house: Path) -> None:
    assert verdicts(house) == dict.fromkeys(TRESPASSES, True)


def test_each_contract_breaks_by_its_trespass(house: Path) -> None:
    for place, line in TRESPASSES.values():
        trespass(house, place, line)
    assert verdicts(house) == dict.fromkeys(TRESPASSES, False)


@pytest.mark.parametrize(("place", "line"), UPWARD_OR_SIDEWAYS)
def test_no_arrow_points_up_or_sideways(house: Path, place: str, line: str) -> None:
    trespass(house, place, line)
    assert verdicts(house)["Arrows point downward"] is False


def test_a_new_room_must_be_given_its_floor(house: Path) -> None:
    (house / "gateway" / "attic.py").write_text('"""A room that no floor names."""\n', encoding="utf-8")
    assert verdicts(house)["Arrows point downward"] is False
