"""The compose file as Python sees it; merges (`<<`) are resolved by the reader."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "compose.yaml"


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document()["services"]
    return found


def document() -> Any:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def is_ours(service: dict[str, Any]) -> bool:
    return str(service["image"]).startswith("pos-gateway:")


def mounts(service: dict[str, Any]) -> dict[str, Path]:
    """Where each folder or file of this tree stands in the container."""
    bound = (volume.split(":") for volume in service.get("volumes", ()) if volume.startswith("."))
    return {parts[1]: (FILE.parent / parts[0]).resolve() for parts in bound}
