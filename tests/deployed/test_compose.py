"""The compose file, as far as it can be judged without an engine: by Docker Compose's own reader, by what it
names in this tree, and by the tools of what it starts.
"""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.demo.jars import KAFKA_VERSION
from gateway.settings import known_variables
from tests.deployed.compose import FILE, document, is_ours, mounts, services

SERVICES = services()
OURS = {name: service for name, service in SERVICES.items() if is_ours(service)}
EXPECTED = {"kafka", "topics", "sandbox", "gateway", "load", "prometheus", "grafana"}


def read(tool: Callable[[str], str], path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("compose-reader"), str(path)], capture_output=True, text=True, check=False)


def test_the_reader_of_docker_compose_takes_it(tool: Callable[[str], str]) -> None:
    taken = read(tool, FILE)
    assert taken.returncode == 0, taken.stdout + taken.stderr
    assert set(taken.stdout.split()) == EXPECTED


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("read_only: true", "readonly: true"),
        ("condition: service_healthy", "condition: service_well"),
        ("topics: {condition", "topic: {condition"),
        ("kafka:/var/lib/kafka/data", "kafka-data:/var/lib/kafka/data"),
    ],
)
def test_that_reader_finds_mistakes(
    tool: Callable[[str], str], tmp_path: Path, right: str, wrong: str
) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "compose.yaml"
    broken.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    refused = read(tool, broken)
    assert (refused.returncode, refused.stdout) == (1, "")


def test_every_image_has_a_version() -> None:
    for service in SERVICES.values():
        if not is_ours(service):
            assert re.fullmatch(r"docker\.io/[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", service["image"])
    assert SERVICES["kafka"]["image"].endswith(f":{KAFKA_VERSION}")
    assert [name for name, service in OURS.items() if "build" in service] == ["gateway"]


def test_every_port_is_this_machines_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(published) >= 5
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)


def test_every_folder_and_file_that_is_mounted_is_there_and_cannot_be_written() -> None:
    for service in SERVICES.values():
        assert all(path.exists() for path in mounts(service).values())
        assert all(volume.endswith(":ro") for volume in service.get("volumes", ()) if volume.startswith("."))


def test_every_setting_exists() -> None:
    given = {
        name
        for service in OURS.values()
        for name in service.get("environment", {})
        if name.startswith("GATEWAY")
    }
    assert given
    assert given <= known_variables().keys()


def test_our_containers_can_do_nothing_that_they_need_not() -> None:
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service and "privileged" not in service


def test_one_waits_for_what_it_needs() -> None:
    waits = {
        name: {other: how["condition"] for other, how in service["depends_on"].items()}
        for name, service in OURS.items()
        if "depends_on" in service
    }
    assert waits["gateway"] == {
        "topics": "service_completed_successfully",
        "sandbox": "service_healthy",
    }
    assert waits["topics"] == {"kafka": "service_healthy"}
    # What is waited for as healthy must be able to say so: the gateway does by its image.
    healthy = {
        other for how in waits.values() for other, condition in how.items() if condition == "service_healthy"
    }
    assert all("test" in SERVICES[name]["healthcheck"] for name in healthy - {"gateway"})


def test_the_broker_is_reached_where_it_says_it_is() -> None:
    told = SERVICES["kafka"]["environment"]
    advertised = dict(re.findall(r"([A-Z]+)://([a-z:0-9]+)", told["KAFKA_ADVERTISED_LISTENERS"]))
    inside = {
        service["environment"]["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"]
        for service in OURS.values()
        if "environment" in service
    }
    assert inside == {advertised["INSIDE"]}
    assert advertised["OUTSIDE"].partition(":")[2] == SERVICES["kafka"]["ports"][0].split(":")[1]
    listening = dict(re.findall(r"([A-Z]+)://:(\d+)", told["KAFKA_LISTENERS"]))
    assert all(advertised[name].endswith(f":{listening[name]}") for name in advertised)
    assert set(re.findall(r"([A-Z]+):PLAINTEXT", told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"])) == set(
        listening
    )
    assert f"localhost:{listening['INSIDE']}" in SERVICES["kafka"]["healthcheck"]["test"]


def test_volumes_that_are_kept_are_declared() -> None:
    named = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith(".")
    }
    assert named == set(document()["volumes"])


def test_prometheus_takes_its_configuration_and_the_rules(tool: Callable[[str], str], tmp_path: Path) -> None:
    mounted = mounts(SERVICES["prometheus"])
    [inside] = [
        argument.partition("=")[2]
        for argument in SERVICES["prometheus"]["command"]
        if argument.startswith("--config.file")
    ]
    text = mounted[inside].read_text(encoding="utf-8")
    folder = "/etc/prometheus/alerts"
    assert f"{folder}/*.yaml" in text
    here = tmp_path / "prometheus.yml"
    here.write_text(text.replace(folder, str(mounted[folder])), encoding="utf-8")
    checked = subprocess.run(
        [tool("promtool"), "check", "config", str(here)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "rules found" in checked.stdout


def test_prometheus_asks_the_gateway_where_it_listens() -> None:
    text = mounts(SERVICES["prometheus"])["/etc/prometheus/prometheus.yml"].read_text(encoding="utf-8")
    [job] = yaml.safe_load(text)["scrape_configs"]
    [target] = job["dns_sd_configs"]
    assert target["names"] == ["gateway"]
    assert SERVICES["gateway"]["ports"] == [f"127.0.0.1:{target['port']}:{target['port']}"]


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    mounted = mounts(SERVICES["grafana"])
    provisioning = mounted["/etc/grafana/provisioning"]
    [source] = _provisioned(provisioning / "datasources", "datasources")
    assert source["type"] == "prometheus" and source["isDefault"] is True
    host, port = re.fullmatch(r"http://([a-z]+):(\d+)", source["url"]).groups()  # type: ignore[union-attr]
    assert SERVICES[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    [provider] = _provisioned(provisioning / "dashboards", "providers")
    assert provider["type"] == "file"
    folder = mounted[provider["options"]["path"]]
    for path in folder.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["title"]


def _provisioned(folder: Path, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in folder.glob("*.yaml"):
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert told["apiVersion"] == 1
        found += told[kind]
    return found
