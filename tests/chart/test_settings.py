"""A pod of the chart reads the settings that its values name: each can be set, and none that is no setting is."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway.kafka.topics import DEFAULT_PARTITIONS
from gateway.settings import known_variables, load
from gateway.settings.sources import read_variables
from gateway.settings.variables import KafkaVariables, TopicVariables
from tests.chart.rendering import CASES, Object, objects, pods, specs, the
from tests.chart.values_schema import MANAGED, camel, settings

CERTIFICATES = "/etc/pos-gateway/tls"
SECRETS = {
    "GATEWAY_KAFKA__SASL_PASSWORD": "p",
    "GATEWAY_POS__CLIENT_SECRET": "s",
    "GATEWAY_POS__PROXY": "http://proxy:3128",
    "GATEWAY_HTTP__QUERY_TOKEN": "t",
}
TEXTS = {
    "kafka.bootstrapServers": "a:1,b:2",
    "kafka.groupId": "g",
    "kafka.saslUsername": "u",
    "topics.commands": "c",
    "topics.events": "e",
    "topics.state": "s",
    "topics.dlq": "d",
    "pos.clientId": "i",
    "pos.baseUrl": "https://pos.example",
    "pos.tokenUrl": "https://tokens.example/t",
    "pos.clientVersion": "9.8.7",
    "pos.merchantVatNumber": "DK12345678",
    "http.host": "127.0.0.1",
    "eventSource": "/elsewhere",
    "tracing.endpoint": "http://collector.example:4318/v1/traces",
}


def leaves(schema: Object, prefix: str = "") -> Iterator[tuple[str, Object]]:
    for name, one in schema["properties"].items():
        if "properties" in one:
            yield from leaves(one, f"{prefix}{name}.")
        else:
            yield prefix + name, one


def other_than_the_default(name: str, schema: Object) -> Any:
    if "enum" in schema:
        return schema["enum"][-2]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "boolean" in kinds:
        return name != "pos.sendIbmClientId"
    if "number" in kinds:
        return schema["maximum"] - 0.5
    if "integer" in kinds:
        # That of requests per call is bounded by the provider's room, not by the variable.
        return schema.get("maximum", 6) - 1
    return TEXTS[name]


def environment(spec: Object, found: Iterable[Object]) -> dict[str, str]:
    """As a kubelet would have it: maps before single variables, `$(…)` from those before."""
    (container,) = spec["containers"]
    given: dict[str, str] = {}
    for source in container.get("envFrom", []):
        given |= the(found, "ConfigMap", source["configMapRef"]["name"])["data"]
    for one in container.get("env", []):
        value = one.get("value", f"{one['name'].lower()}-0")
        given[one["name"]] = re.sub(r"\$\((\w+)\)", lambda name: given[name[1]], value)
    return given


def placed(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def test_each_setting_that_is_no_secret_can_be_set_by_a_value(
    helm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {name: other_than_the_default(name, schema) for name, schema in leaves(settings())}
    sets = tuple(f"settings.{name}={_json(value)}" for name, value in wanted.items())
    found = objects(helm, "minimal", sets=sets)
    placed(environment(specs(found)["gateway"], found), monkeypatch)
    read, problems = read_variables(None, None)
    assert {p.variable for p in problems} == {"GATEWAY_POS__CLIENT_SECRET"}
    by_value = {"".join(camel(step) + "." for step in path)[:-1]: path for path in known_variables().values()}
    for name, value in wanted.items():
        got: Any = read
        default: Any = type(read)
        for step in by_value[name]:
            default = type(got).model_fields[step].default
            got = getattr(got, step)
        assert got == value, name
        assert got != default, f"{name}: the test sets its default"


def _json(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def test_values_secrets_and_what_is_derived_are_all_the_settings_there_are() -> None:
    by_value = {
        "GATEWAY_" + re.sub(r"([A-Z])", r"_\1", name).replace(".", "__").upper()
        for name, _ in leaves(settings())
    }
    assert by_value | SECRETS.keys() | MANAGED.keys() == known_variables().keys()
    assert not by_value & (SECRETS.keys() | MANAGED.keys())


@pytest.mark.parametrize("name", CASES)
def test_no_pod_has_a_setting_that_is_none(helm: Path, name: str) -> None:
    found = objects(helm, name)
    for spec in specs(found).values():
        names = set(environment(spec, found))
        sources = [s for volume in spec["volumes"] for s in volume["projected"]["sources"]]
        names |= {item["path"] for s in sources for each in s.values() for item in each.get("items", [])}
        assert {one for one in names if one.startswith("GATEWAY_")} <= known_variables().keys()


def test_the_gateway_reads_what_a_pod_has(
    helm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """All ways at once: a map, variables, files of Secrets, and certificates at the paths that are named."""
    client = 'tls.kafka.client={"secret":"kafka-client","certificate":"user.crt","privateKey":"user.key"}'
    found = objects(helm, "everything", sets=(client,))
    spec = specs(found)["gateway"]
    (container,) = spec["containers"]
    authority = trustme.CA()
    issued = authority.issue_cert("shop")
    secrets = {"pos-gateway": {**SECRETS, "GATEWAY_POS__CLIENT_ID": "i"}, "kafka-user": {"password": "scram"}}
    holdings = {
        **{name: {key: value.encode() for key, value in held.items()} for name, held in secrets.items()},
        "kafka-cluster-ca-cert": {"ca.crt": authority.cert_pem.bytes()},
        "trust-bundle": {"bundle.pem": authority.cert_pem.bytes()},
        "kafka-client": {
            "user.crt": issued.cert_chain_pems[0].bytes(),
            "user.key": issued.private_key_pem.bytes(),
        },
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for volume in spec["volumes"]:
        folder = tmp_path / mounts[volume["name"]].lstrip("/")
        for source in volume["projected"]["sources"]:
            (chosen,) = source.values()
            held = holdings[chosen["name"]]
            items = chosen.get("items", [{"key": key, "path": key} for key in held])
            for item in items:
                (folder / item["path"]).parent.mkdir(parents=True, exist_ok=True)
                (folder / item["path"]).write_bytes(held[item["key"]])
    environ = environment(spec, found)
    placed(
        {name: value.replace(CERTIFICATES, f"{tmp_path}{CERTIFICATES}") for name, value in environ.items()},
        monkeypatch,
    )
    read = load(None, tmp_path / "run" / "secrets")
    assert read.kafka.sasl_password is not None
    assert read.kafka.sasl_password.reveal() == "scram"
    assert (read.kafka.sasl_mechanism, read.kafka.sasl_username) == ("SCRAM-SHA-512", "kafka-user")
    assert read.kafka.ssl_certfile == f"{tmp_path}{CERTIFICATES}/kafka/tls.crt"
    assert read.pos.tls.ca_file == f"{tmp_path}{CERTIFICATES}/pos/ca.crt"
    assert (read.pos.client_id, read.notifications_port, read.command_limits.max_bytes) == (
        "i",
        8001,
        1_048_576,
    )


def test_members_have_names_where_their_pods_names_come_back(helm: Path) -> None:
    named = {}
    for name in ("minimal", "static"):
        found = objects(helm, name)
        environ = environment(specs(found)["gateway"], found)
        named[name] = environ.get("GATEWAY_KAFKA__GROUP_INSTANCE_ID")
    assert named == {"minimal": None, "static": "pod_namespace-0.pod_name-0"}


def test_what_the_chart_must_know_of_the_defaults_is_so(helm: Path) -> None:
    (trigger,) = the(objects(helm, "sasl"), "ScaledObject")["spec"]["triggers"]
    defaults = (KafkaVariables().group_id, TopicVariables().commands)
    assert (trigger["metadata"]["consumerGroup"], trigger["metadata"]["topic"]) == defaults
    (gateway,) = specs(objects(helm, "minimal"))["gateway"]["containers"]
    assert {port["containerPort"] for port in gateway["ports"]} == {8000}
    (job,) = specs(objects(helm, "minimal"))["topics"]["containers"]
    assert job["command"][-1] == str(DEFAULT_PARTITIONS)


def test_other_settings_begin_new_pods(helm: Path) -> None:
    def mark(*sets: str) -> str:
        pod = pods(objects(helm, "minimal", sets=sets))["gateway"]
        return str(pod["metadata"]["annotations"]["checksum/settings"])

    assert mark() == mark("replicas=5")
    assert mark() != mark('settings.log.level="debug"')
