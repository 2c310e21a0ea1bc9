"""The locks say what is installed, by hash and without an address, and agree with the declaration."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LEAST_PINS = {
    "run": 20,
    "demo": 20,
    "dev": 20,
    "image": 30,
    "mutate": 15,
    "pictures": 9,
    "build": 4,
    "audit": 15,
    "chart": 40,
}
"""A lock with fewer is no lock of all that it installs."""
LOCKS = tuple(LEAST_PINS)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
DECLARED = {
    "build": PYPROJECT["build-system"]["requires"],
    "run": PROJECT["dependencies"],
    "demo": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["demo"],
    "image": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["otel"],
    "dev": PROJECT["dependencies"]
    + PROJECT["optional-dependencies"]["demo"]
    + PROJECT["optional-dependencies"]["otel"]
    + PROJECT["optional-dependencies"]["dev"],
    **{
        name: (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
        for name in ("mutate", "pictures", "audit", "chart")
    },
}


def lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(text: str) -> dict[str, str]:
    """Version by name; raises where an entry is anything but a pin with its hashes."""
    found = {}
    for entry in re.sub(r"\\\n|^ *#.*$", "", text, flags=re.MULTILINE).splitlines():
        if not entry.strip():
            continue
        pin, *hashes = entry.split("--hash=")
        assert hashes, f"{pin} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", each) for each in hashes), pin
        requirement = Requirement(pin)
        (specifier,) = requirement.specifier
        assert (specifier.operator, requirement.url) == ("==", None), pin
        found[canonicalize_name(requirement.name)] = specifier.version
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_each_entry_is_a_version_with_its_hashes(name: str) -> None:
    assert len(pins(lock(name))) >= LEAST_PINS[name]
    assert "://" not in lock(name)
    assert not re.search(r"^-", lock(name), re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_declared_is_pinned_within_its_bounds(name: str) -> None:
    pinned = pins(lock(name))
    for declared in map(Requirement, (line for line in DECLARED[name] if not line.startswith("#"))):
        assert declared.specifier.contains(pinned[canonicalize_name(declared.name)]), declared


def test_the_locks_agree_with_each_other() -> None:
    run, demo, dev, *beside = (pins(lock(name)) for name in LOCKS if name not in ("audit", "chart"))
    assert run.items() < demo.items() < dev.items()
    assert run.items() < pins(lock("image")).items() < dev.items()
    for one in beside:
        assert all(dev.get(name, version) == version for name, version in one.items())


@pytest.mark.parametrize(
    "entry",
    [
        "httpx==0.28.1\n",
        "httpx>=0.28 --hash=sha256:" + "0" * 64,
        "httpx @ https://example.org/httpx.whl --hash=x",
    ],
)
def test_an_entry_that_is_no_pin_is_caught(entry: str) -> None:
    with pytest.raises(AssertionError):
        pins(entry)
