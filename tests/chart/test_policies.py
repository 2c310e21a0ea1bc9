"""What every pod of the chart keeps, in every case; and that the service's own times and ports are the chart's."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.app import porch, service, web
from gateway.kafka import sender, transactions
from gateway.kafka.limits import Limits
from gateway.observability.health import LOOP_SILENCE_SECONDS, NO_PROGRESS_SECONDS
from gateway.settings.variables import KafkaVariables
from tests.chart.rendering import CASES, Object, objects, of, pods, specs, the, workload
from tests.chart.values_schema import schema

LONG_ENOUGH = 1.2
"""Times what the bounds of a drain add up to: ends and beginnings take some time too."""


@pytest.fixture(params=CASES)
def found(request: pytest.FixtureRequest, helm: Path) -> list[Object]:
    return objects(helm, request.param)


def containers(found: Iterable[Object]) -> list[Object]:
    return [one for spec in specs(found).values() for one in spec["containers"]]


def test_there_are_pods_to_look_at(helm: Path) -> None:
    assert set(pods(objects(helm, "minimal"))) == {"gateway", "topics", "check"}
    assert set(pods(objects(helm, "plain"))) == {"gateway", "check"}


def test_each_pod_has_no_rights_but_to_run(found: list[Object]) -> None:
    for spec in specs(found).values():
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"], security["runAsGroup"]) == (
            True,
            65532,
            65532,
        )
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()
        assert {kind for volume in spec["volumes"] for kind in volume} == {"name", "projected"}
    for one in containers(found):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all(mount["readOnly"] for mount in one["volumeMounts"])
    for one in found:
        assert one.get("automountServiceAccountToken", False) is False


def test_each_container_is_bounded_and_of_one_version(found: list[Object]) -> None:
    images = {one["image"] for one in containers(found)}
    assert len(images) == 1
    assert not any(image.endswith(":latest") or ":" not in image for image in images)
    for one in containers(found):
        assert {"cpu", "memory"} <= one["resources"]["requests"].keys()
        assert {"cpu", "memory"} <= one["resources"]["limits"].keys()


def test_no_secret_is_in_the_open(found: list[Object]) -> None:
    for one in containers(found):
        assert not any("secretKeyRef" in str(variable) for variable in one.get("env", []))
        assert not any("secretRef" in source for source in one.get("envFrom", []))
        (mount,) = (mount for mount in one["volumeMounts"] if mount["name"] == "secrets")
        assert mount["mountPath"] == "/run/secrets"
    assert not any(one["kind"] == "Secret" for one in found)


def drain_seconds() -> float:
    """What a stop may take at most, step by step as `Service.run` and `Partition.drain` go."""
    limits = Limits()
    partitions = (
        service._DRAIN_SECONDS
        + limits.release_read_seconds
        + 2 * limits.release_timeout_seconds
        + transactions.CLOSE_TIMEOUT_SECONDS
    )
    listeners = 2 * web.GRACE_SECONDS + sender._CLOSE_TIMEOUT_SECONDS
    return partitions + porch.STOP_TIMEOUT_SECONDS + listeners


def test_a_stop_ends_before_it_is_cut_off(found: list[Object]) -> None:
    grace = specs(found)["gateway"]["terminationGracePeriodSeconds"]
    assert drain_seconds() * LONG_ENOUGH <= grace <= drain_seconds() * 2


def test_the_least_grace_that_may_be_set_is_that_of_a_drain(helm: Path) -> None:
    least = schema()["properties"]["terminationGracePeriodSeconds"]["minimum"]
    assert drain_seconds() * LONG_ENOUGH <= least <= drain_seconds() * LONG_ENOUGH + 5
    # The group waits for a member that drains.
    assert drain_seconds() <= porch.REBALANCE_TIMEOUT_SECONDS


def test_probes_ask_what_the_service_answers(found: list[Object]) -> None:
    (gateway,) = specs(found)["gateway"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in gateway["ports"]}
    assert len(set(ports.values())) == len(ports)
    for probe, path in (
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ):
        assert gateway[probe]["httpGet"] == {"path": path, "port": "http"}
    liveness = gateway["livenessProbe"]
    patience = liveness["periodSeconds"] * liveness["failureThreshold"]
    # A restart comes after the service has been silent for longer than it calls a fault, and not much later.
    assert LOOP_SILENCE_SECONDS < patience < NO_PROGRESS_SECONDS
    startup = gateway["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 60


def test_monitors_budgets_and_services_find_the_gateways_and_nothing_else(found: list[Object]) -> None:
    labels = {component: pod["metadata"]["labels"] for component, pod in pods(found).items()}
    selectors = [
        one["spec"]["selector"].get("matchLabels", one["spec"]["selector"])
        for one in found
        if one["kind"] in ("Service", "Deployment", "StatefulSet", "PodMonitor", "PodDisruptionBudget")
    ]
    assert len(selectors) >= 2
    for selector in selectors:
        assert [name for name, own in labels.items() if selector.items() <= own.items()] == ["gateway"]


def test_pods_spread_apart_from_their_likes(helm: Path) -> None:
    for name in ("minimal", "static"):
        pod = pods(objects(helm, name))["gateway"]
        spreads = pod["spec"]["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in spreads} == {
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        }
        for one in spreads:
            assert one["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    (given,) = specs(objects(helm, "certificates"))["gateway"]["topologySpreadConstraints"]
    assert given["labelSelector"] == {"matchLabels": {"team": "payments"}}


def test_a_new_gateway_is_ready_before_an_old_one_leaves(helm: Path) -> None:
    spec = the(objects(helm, "minimal"), "Deployment")["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert spec["minReadySeconds"] > KafkaVariables().session_timeout_seconds
    assert "serviceName" not in spec


def test_static_members_are_pods_whose_names_come_back(helm: Path) -> None:
    found = objects(helm, "static")
    spec = the(found, "StatefulSet")["spec"]
    assert spec["serviceName"] in {of(one)[1] for one in found if one["kind"] == "Service"}
    assert spec["podManagementPolicy"] == "Parallel"
    assert "strategy" not in spec
    assert the(found, "ScaledObject")["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"


def test_monitors_ask_the_port_that_has_metrics(helm: Path) -> None:
    found = objects(helm, "plain", sets=("settings.notifications.port=8001",))
    spec = the(found, "ServiceMonitor")["spec"]
    selector = spec["selector"]["matchLabels"]
    chosen = [
        one
        for one in found
        if one["kind"] == "Service" and selector.items() <= one["metadata"]["labels"].items()
    ]
    assert [[port["name"] for port in one["spec"]["ports"]] for one in chosen] == [["http"]]
    pod_spec = the(objects(helm, "everything"), "PodMonitor")["spec"]
    asked = [*spec["endpoints"], *pod_spec["podMetricsEndpoints"]]
    assert [(one["port"], one["path"]) for one in asked] == [("http", "/metrics")] * 2


def test_the_notification_port_stands_apart(helm: Path) -> None:
    found = objects(helm, "everything")
    name = "shop-pos-gateway-notifications"
    (outside,) = the(found, "Service", name)["spec"]["ports"]
    assert (outside["port"], outside["targetPort"]) == (443, "notifications")
    inside = the(found, "Service", "shop-pos-gateway")["spec"]
    assert [port["targetPort"] for port in inside["ports"]] == ["http"]
    rules = the(found, "NetworkPolicy")["spec"]["ingress"]
    assert [[port["port"] for port in rule["ports"]] for rule in rules] == [["http"], ["notifications"]]
    assert rules[0]["from"] != rules[1]["from"]
    without = objects(helm, "minimal")
    assert [one["metadata"]["name"] for one in without if one["kind"] == "Service"] == ["shop-pos-gateway"]
    assert len(the(without, "NetworkPolicy")["spec"]["ingress"]) == 1


def ports_out(found: Iterable[Object]) -> list[list[int]]:
    egress = the(found, "NetworkPolicy")["spec"]["egress"]
    return [[port["port"] for port in rule["ports"]] for rule in egress]


@pytest.mark.parametrize(
    ("sets", "kafka", "provider"),
    [
        ((), [9092], [443]),
        (('settings.kafka.bootstrapServers="a,b:9094,[fd00::1]:9095"',), [9092, 9094, 9095], [443]),
        (('settings.pos.baseUrl="http://sandbox:8080/x"',), [9092], [8080]),
        (('settings.pos.baseUrl="http://sandbox"',), [9092], [80]),
        (
            ('settings.pos={"baseUrl":"https://a.example","tokenUrl":"https://b.example:444/t"}',),
            [9092],
            [443, 444],
        ),
        (
            ("networkPolicy.providerPorts=[3128]", "networkPolicy.kafkaPorts=[9092,9097]"),
            [9092, 9097],
            [443, 3128],
        ),
    ],
)
def test_the_ports_that_lead_out_follow_the_settings(
    helm: Path, sets: tuple[str, ...], kafka: list[int], provider: list[int]
) -> None:
    assert ports_out(objects(helm, "minimal", sets=sets)) == [[53, 53], kafka, provider]


def test_topics_are_made_before_the_gateways_and_by_what_is_there_then(helm: Path) -> None:
    found = objects(helm, "everything")
    job = the(found, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    spec = job["spec"]["template"]["spec"]
    (one,) = spec["containers"]
    made_later = {of(each)[1] for each in found if each["kind"] in ("ConfigMap", "ServiceAccount")}
    assert made_later
    assert "serviceAccountName" not in spec
    assert "envFrom" not in one
    assert (
        not {
            source["name"]
            for volume in spec["volumes"]
            for s in volume["projected"]["sources"]
            for source in s.values()
        }
        & made_later
    )
    assert one["command"] == [
        "pos-gateway",
        "topics",
        "create",
        "--partitions",
        "12",
        "--replication-factor",
        "3",
    ]


def test_with_keda_the_number_is_kedas(helm: Path) -> None:
    found = objects(helm, "everything")
    gateways, scaled = workload(found), the(found, "ScaledObject")["spec"]
    assert "replicas" not in gateways["spec"]
    assert scaled["scaleTargetRef"] == {
        "apiVersion": gateways["apiVersion"],
        "kind": gateways["kind"],
        "name": gateways["metadata"]["name"],
    }
    assert 1 <= scaled["minReplicaCount"] <= scaled["maxReplicaCount"] <= 12
    assert "idleReplicaCount" not in scaled
    (trigger,) = scaled["triggers"]
    asked = trigger["metadata"]
    assert trigger["type"] == "kafka"
    assert (asked["offsetResetPolicy"], asked["excludePersistentLag"]) == ("earliest", "true")
    assert (asked["consumerGroup"], asked["topic"]) == ("shop", "shop.commands.v1")
    assert all(isinstance(value, str) for value in asked.values())
    assert objects(helm, "minimal") == [
        one for one in objects(helm, "minimal") if one["kind"] != "ScaledObject"
    ]


def test_keda_signs_in_as_the_gateway_does(helm: Path) -> None:
    found = objects(helm, "everything")
    keys = the(found, "TriggerAuthentication")["spec"]
    told = {(one["parameter"], one["name"], one["key"]) for source in keys.values() for one in source}
    assert told == {
        ("password", "kafka-user", "password"),
        ("username", "shop-pos-gateway", "GATEWAY_KAFKA__SASL_USERNAME"),
        ("ca", "kafka-cluster-ca-cert", "ca.crt"),
    }
    assert the(found, "ConfigMap", "shop-pos-gateway")["data"]["GATEWAY_KAFKA__SASL_USERNAME"] == "kafka-user"
    given = objects(helm, "sasl")
    assert not any(one["kind"] == "TriggerAuthentication" for one in given)
    (trigger,) = the(given, "ScaledObject")["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": "kafka", "kind": "ClusterTriggerAuthentication"}
    own = the(objects(helm, "sasl", sets=("keda.authenticationRef=null",)), "TriggerAuthentication")["spec"]
    assert own["secretTargetRef"] == [
        {"parameter": "password", "name": "pos-gateway", "key": "GATEWAY_KAFKA__SASL_PASSWORD"},
        {"parameter": "username", "name": "pos-gateway", "key": "GATEWAY_KAFKA__SASL_USERNAME"},
    ]
