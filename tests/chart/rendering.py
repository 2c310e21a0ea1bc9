"""The chart as Helm renders it, case by case."""

import subprocess
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.chart.values_table import CHART

Object = dict[str, Any]

CASES = tuple(sorted(path.name.removesuffix("-values.yaml") for path in CHART.glob("ci/*-values.yaml")))
RELEASE, NAMESPACE = "shop", "payments"
NEWEST = "1.37.0"


class Refused(Exception):
    """Helm does not render it; `str()` is what it says."""


def case(name: str) -> Path:
    return CHART / "ci" / f"{name}-values.yaml"


@lru_cache(maxsize=256)
def rendered(helm: Path, values: tuple[Path, ...], version: str = NEWEST, sets: tuple[str, ...] = ()) -> str:
    """Raises Refused."""
    arguments = ["--namespace", NAMESPACE, "--kube-version", version]
    arguments += [f"--values={path}" for path in values] + [f"--set-json={one}" for one in sets]
    done = subprocess.run(
        [helm, "template", RELEASE, CHART, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def objects(helm: Path, name: str, version: str = NEWEST, sets: Sequence[str] = ()) -> list[Object]:
    """In the order of kind and name."""
    text = rendered(helm, (case(name),), version, tuple(sets))
    return sorted((one for one in yaml.safe_load_all(text) if one), key=of)


def of(one: Object) -> tuple[str, str]:
    return one["kind"], one["metadata"]["name"]


def the(found: Iterable[Object], kind: str, name: str | None = None) -> Object:
    """The only one of its kind, or of its name."""
    (one,) = (o for o in found if o["kind"] == kind and name in (None, o["metadata"]["name"]))
    return one


def workload(found: Iterable[Object]) -> Object:
    """The Deployment or StatefulSet of the gateways."""
    (one,) = (o for o in found if o["kind"] in ("Deployment", "StatefulSet"))
    return one


def pods(found: Iterable[Object]) -> dict[str, Object]:
    """Each pod with its metadata, by its component."""
    made = [one if one["kind"] == "Pod" else one.get("spec", {}).get("template") for one in found]
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in made if one}


def specs(found: Iterable[Object]) -> dict[str, Object]:
    return {component: pod["spec"] for component, pod in pods(found).items()}
