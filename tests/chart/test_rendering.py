"""Every case renders with Helm 4 and an old Helm 3, and an API server would take what comes out."""

import json
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import __version__
from tests.chart.documents import DEPLOY
from tests.chart.golden import NAMES, golden, records
from tests.chart.rendering import (
    CASES,
    CHART,
    NEWEST,
    Object,
    Refused,
    case,
    objects,
    of,
    rendered,
    the,
    workload,
)

JUDGING = Path(__file__).parent / "judging.py"
VERSIONS = ("1.27.0", "1.32.0", NEWEST)
"""The oldest that the chart takes, one in the middle, the newest whose schemas there are."""


def verdict(python: Path, crds: Iterable[Path], found: Iterable[tuple[str, Object]]) -> list[str]:
    given = {"crds": [str(path) for path in crds], "objects": list(found)}
    done = subprocess.run(
        [python, JUDGING], input=json.dumps(given), check=True, capture_output=True, text=True
    )
    lines: list[str] = json.loads(done.stdout)
    return lines


def test_an_api_server_takes_every_case(helm: Path, tools_python: Path, crds: list[Path]) -> None:
    # The same object comes up in many cases, and judging it once a version is enough.
    found = {
        json.dumps([version, one], sort_keys=True): (version, one)
        for version in VERSIONS
        for name in CASES
        for one in objects(helm, name, version)
    }
    assert {one["kind"] for _, one in found.values()} == {
        *("ConfigMap", "Job", "NetworkPolicy", "Pod", "PodDisruptionBudget", "PodMonitor", "PrometheusRule"),
        *(
            "ScaledObject",
            "Service",
            "ServiceAccount",
            "ServiceMonitor",
            "Deployment",
            "StatefulSet",
            "TriggerAuthentication",
        ),
    }
    assert verdict(tools_python, crds, found.values()) == []


def changed(one: Object, *path: Any, value: Any) -> Object:
    copy = json.loads(json.dumps(one))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copy


def test_what_an_api_server_would_not_take_is_told(helm: Path, tools_python: Path, crds: list[Path]) -> None:
    found = objects(helm, "everything")
    gateways, scaled = workload(found), the(found, "ScaledObject")
    monitor, rule = the(found, "PodMonitor"), the(found, "PrometheusRule")
    wrong = [
        changed(gateways, "spec", "template", "spec", "automountServiceAccountTokens", value=False),
        changed(gateways, "spec", "minReadySeconds", value="15"),
        changed(gateways, "kind", value="Deployments"),
        changed(scaled, "spec", "minReplicas", value=2),
        changed(scaled, "spec", "triggers", 0, "metadata", "lagThreshold", value=5000),
        changed(monitor, "spec", "podMetricsEndpoints", 0, "every", value="30s"),
        changed(rule, "spec", "groups", 0, "rules", 0, "for", value="soon"),
        changed(rule, "apiVersion", value="monitoring.coreos.com/v2"),
    ]
    lines = verdict(tools_python, crds, [(NEWEST, one) for one in wrong])
    told = {line.partition(" for ")[0] for line in lines}
    assert len(lines) >= len(wrong), lines
    assert told == {f"{one['kind']} {one['metadata']['name']}" for one in wrong}


@pytest.mark.parametrize("name", CASES)
def test_an_old_helm_renders_the_same(helm: Path, helm3: Path, name: str) -> None:
    assert objects(helm3, name) == objects(helm, name)


@pytest.mark.parametrize("name", NAMES)
def test_the_objects_are_those_that_were_looked_at(helm: Path, name: str) -> None:
    (record,) = (path for path in records() if path.stem == name)
    assert record.read_text(encoding="utf-8") == golden(helm, name), "run `make generated`"


@pytest.mark.parametrize("name", CASES)
def test_helm_finds_nothing_to_say(helm: Path, name: str) -> None:
    done = subprocess.run(
        [helm, "lint", "--strict", "--quiet", CHART, f"--values={case(name)}"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", CASES)
def test_names_are_taken_once_and_short_enough(helm: Path, name: str) -> None:
    found = objects(helm, name)
    assert len({of(one) for one in found}) == len(found)
    assert {one["metadata"]["namespace"] for one in found} == {"payments"}
    # A pod has its owner's name and a hash, as its own name or in a label.
    assert max(len(workload(found)["metadata"]["name"]) + 17, *(len(of(o)[1]) for o in found)) <= 63
    labels = {value for one in found for value in one["metadata"]["labels"].values()}
    assert max(map(len, labels)) <= 63


REFUSED = {
    "existingSecret": ('existingSecret=""', "existingSecret"),
    "no brokers": ('settings.kafka.bootstrapServers=""', "bootstrapServers"),
    "a misspelt setting": ("settings.kafka.sessionTimeout=20", "sessionTimeout"),
    "a setting out of its bounds": ("settings.commandMaxAgeHours=24", "commandMaxAgeHours"),
    "a secret in the open": ('settings.pos.clientSecret="x"', "clientSecret"),
    "a setting by the back door": ('extraEnv=[{"name":"GATEWAY_LOG__LEVEL","value":"debug"}]', "extraEnv"),
    "one name for all members": ('settings.kafka.groupInstanceId="one"', "groupInstanceId"),
    "latest": ('image.tag="latest"', "tag"),
    "a port that nobody knows": ("settings.http.port=0", "port"),
    "no limit of memory": ("resources.limits.memory=null", "memory"),
    "less time than a drain": ("terminationGracePeriodSeconds=30", "terminationGracePeriodSeconds"),
    "zero": ("keda.minReplicas=0", "minReplicas"),
    "idle ones": ("replicas=13", "replicas: more than topics.partitions"),
    "idle ones by KEDA": ('keda={"enabled":true,"maxReplicas":13}', "keda.maxReplicas: more than"),
    "more than most": ('keda={"enabled":true,"minReplicas":7}', "keda.minReplicas: more than"),
    "two monitors": ('podMonitor={"enabled":true}', "each pod would be asked twice"),
    "a CA from two places": ('tls.kafka.ca={"secret":"a","configMap":"b"}', "ca"),
    "SASL without its kind": ('settings.kafka.securityProtocol="SASL_SSL"', "saslMechanism"),
}


@pytest.mark.parametrize(("given", "told"), REFUSED.values(), ids=REFUSED)
def test_refused(helm: Path, given: str, told: str) -> None:
    beside = ('serviceMonitor={"enabled":true}',) if "podMonitor" in given else ()
    beside = ('keda={"enabled":true}',) if "SASL" in given else beside
    with pytest.raises(Refused, match=told):
        rendered(helm, (case("minimal"),), NEWEST, (given, *beside))


def test_rules_and_dashboards_come_as_they_are(helm: Path) -> None:
    found = objects(helm, "everything")
    originals = [yaml.safe_load(path.read_text()) for path in sorted((DEPLOY / "alerts").glob("*.yaml"))]
    groups = [group for original in originals for group in original["groups"]]
    assert groups
    assert the(found, "PrometheusRule")["spec"]["groups"] == groups
    shown = {
        name: json.loads(text)
        for one in found
        if one["metadata"]["labels"].get("grafana_dashboard") == "1"
        for name, text in one["data"].items()
    }
    dashboards = (DEPLOY / "grafana").glob("*.json")
    assert shown == {path.name: json.loads(path.read_text(encoding="utf-8")) for path in dashboards}


def test_the_package_has_what_it_needs_and_no_more(helm: Path, tmp_path: Path) -> None:
    subprocess.run([helm, "package", CHART, "--destination", tmp_path], check=True, capture_output=True)
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        names = {name.removeprefix("pos-gateway/") for name in archive.getnames()}
    copies = {str(path.relative_to(CHART)) for path in (CHART / "files").rglob("*") if path.is_file()}
    assert {"Chart.yaml", "README.md", "values.yaml", "values.schema.json"} | copies <= names
    assert {name.partition("/")[0] for name in names if "/" in name} == {"files", "templates"}


def test_the_version_is_the_gateways() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
    assert chart["kubeVersion"] == f">={VERSIONS[0]}-0"
