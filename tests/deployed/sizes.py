"""How large the image is: its layers unpacked, and as a registry stores them."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deployed.building import IMAGE, Store


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes: files as they lie unpacked, layers as a registry stores them. The base's layer comes first."""

    whole: int
    ours: int
    site_packages: int
    layers: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"{_mb(self.whole)} unpacked, of that {_mb(self.ours)} ours, site-packages {_mb(self.site_packages)}; "
            f"{_mb(sum(self.layers))} compressed, of that the base {_mb(self.layers[0])}"
        )


def measure(store: Store, root: Path) -> Sizes:
    ours = root / "opt" / "pos-gateway"
    [site_packages] = (ours / "lib").glob("python3.*/site-packages")
    return Sizes(_total(root), _total(ours), _total(site_packages), tuple(_layers(store)))


def _layers(store: Store) -> list[int]:
    with tempfile.TemporaryDirectory() as folder:
        store.run("push", "--format", "oci", IMAGE, f"oci:{folder}")
        index = json.loads((Path(folder) / "index.json").read_text(encoding="utf-8"))
        digest = index["manifests"][0]["digest"].replace(":", "/")
        manifest: Any = json.loads((Path(folder) / "blobs" / digest).read_text(encoding="utf-8"))
        return [layer["size"] for layer in manifest["layers"]]


def _total(folder: Path) -> int:
    """Not of what a link leads to."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
