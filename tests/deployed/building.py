"""The image, built where there is no Docker: a base from Debian's packages, the Dockerfile by buildah.

The base stands in for the Dockerfile's own, which only a registry has: Debian of the same name, with Debian's
Python of the same version in place of the one that the Python image's makers build.
"""

import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".cache" / "deployed"
SUITE = "trixie"
BASE = f"localhost/python-of-debian:{SUITE}"
IMAGE = "localhost/pos-gateway:built"
NEEDED = ("mmdebstrap", "buildah", "runc")
MIRROR = {
    "pip.conf": Path("/etc/pip.conf"),
    "ca.crt": Path(os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt")),
}
"""How this machine reaches Python's packages; the build may see it and the image never does."""


@dataclass(frozen=True, slots=True)
class Store:
    """buildah's own folder, apart from whatever else the machine has."""

    folder: Path

    def run(self, *arguments: str) -> str:
        options = ("--root", str(self.folder / "images"), "--runroot", str(self.folder / "run"))
        command = ["buildah", *options, "--storage-driver", "vfs", *arguments]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(
                f"buildah {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout.strip()

    def config(self) -> Any:
        """What the image says of itself."""
        return json.loads(self.run("inspect", "--type", "image", IMAGE))["Docker"]

    @contextmanager
    def unpacked(self) -> Iterator[Path]:
        """The root of a container that is made from the image."""
        container = self.run("from", "--pull-never", IMAGE)
        try:
            yield Path(self.run("mount", container))
        finally:
            self.run("rm", container)


def base_archive() -> Path:
    """Made once; half a minute and more."""
    made = PLACE / f"{SUITE}.tar"
    if not made.exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        half = made.with_suffix(".half.tar")
        packages = "--include=python3,python3-venv,ca-certificates"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, SUITE, str(half)], check=True)
        half.rename(made)
    return made


def build(store: Store) -> None:
    """The Dockerfile as it is, with the base named as its argument and everything said that a release says."""
    container = store.run("from", "scratch")
    store.run("add", container, str(base_archive()), "/")
    store.run(
        "config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container
    )
    store.run("commit", "--rm", container, BASE)
    secrets = [f"id={name},src={path}" for name, path in MIRROR.items() if path.exists()]
    store.run(
        *("build", "--isolation", "chroot", "--network", "host", "--format", "docker", "--pull-never"),
        *(word for secret in secrets for word in ("--secret", secret)),
        *(word for name, value in _arguments().items() for word in ("--build-arg", f"{name}={value}")),
        *("--file", "deploy/Dockerfile", "--tag", IMAGE, "."),
    )


def _arguments() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "PYTHON_IMAGE": BASE,
        "VERSION": project["version"],
        "REVISION": _git("rev-parse", "HEAD"),
        "CREATED": _git("log", "-1", "--format=%cI"),
        "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct"),
    }


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
