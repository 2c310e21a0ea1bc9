"""What judges the compose file and the workflow: `python -m tests.deployed.tools` puts it into `.cache/deployed`.

Go builds both, half a minute the first time; promtool is in Debian's package `prometheus`.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = Path(os.environ.get("DEPLOYED_TOOLS", ROOT / ".cache" / "deployed"))
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"


def find(name: str) -> str | None:
    made = PLACE / name
    return str(made) if made.exists() else shutil.which(name)


def get_all() -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    reader = Path(__file__).parent / "compose_reader"
    _go("build", "-trimpath", "-o", str(PLACE / "compose-reader"), ".", folder=reader)
    if not (PLACE / "actionlint").exists():
        _go("install", "-trimpath", ACTIONLINT, folder=PLACE)


def _go(*arguments: str, folder: Path) -> None:
    subprocess.run(["go", *arguments], cwd=folder, env={**os.environ, "GOBIN": str(PLACE)}, check=True)


if __name__ == "__main__":
    get_all()
