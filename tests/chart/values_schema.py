"""The chart's `values.schema.json`: what may be set, by its type; of `settings` as the gateway itself declares it.

Draft 7, which Helm 3 reads too. Secrets are left out of `settings`: what stands there is in a ConfigMap.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from gateway.settings.variables import Variables, variable

Schema = dict[str, Any]

MANAGED = {
    variable("kafka", "group_instance_id"): "staticMembership",
    **{
        variable(section, name): f"tls.{section}.{key}"
        for section in ("kafka", "pos")
        for name, key in (("ssl_cafile", "ca"), ("ssl_certfile", "client"), ("ssl_keyfile", "client"))
    },
}
"""Settings that the chart derives, by the values that it does so from."""

_IN_THE_CHART = {("kafka", "bootstrap_servers"): {"minLength": 1}, ("http", "port"): {"minimum": 1}}
"""What is good for a desk and not for a cluster: a broker on this machine, any port that is free."""


def camel(name: str) -> str:
    return re.sub(r"_(.)", lambda found: found[1].upper(), name)


def text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> Schema:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart pos-gateway",
        **_object({**_VALUES, "settings": settings()}, required=["existingSecret", "settings"]),
    }


def settings() -> Schema:
    """Sections and settings as the gateway declares them, in the chart's spelling."""
    declared = Variables.model_json_schema()
    definitions = declared["$defs"]
    sections = {
        camel(name): _section((name,), given, definitions) for name, given in declared["properties"].items()
    }
    return _object(sections, required=["kafka"])


def _section(path: tuple[str, ...], given: Schema, definitions: Mapping[str, Schema]) -> Schema:
    meant = definitions[given["$ref"].rpartition("/")[2]] if "$ref" in given else given
    if "properties" not in meant:
        return _setting(path, {**meant, **given})
    inner = {
        camel(name): _section((*path, name), one, definitions)
        for name, one in meant["properties"].items()
        if not _is_secret(one) and variable(*path, name) not in MANAGED
    }
    return _object(inner, required=["bootstrapServers"] if path == ("kafka",) else [])


def _setting(path: tuple[str, ...], given: Schema) -> Schema:
    """Null means the gateway's own default."""
    kinds = [kind for kind in given.get("anyOf", [given]) if kind.get("type") != "null"]
    (kind,) = kinds
    plain = {
        name: value for name, value in kind.items() if name not in ("title", "$ref", "default", "description")
    }
    plain |= _IN_THE_CHART.get((path[0], path[-1]), {})
    if "enum" in plain:
        return {"enum": [*plain["enum"], None]}
    return plain if path[-1] == "bootstrap_servers" else plain | {"type": [plain["type"], "null"]}


def _is_secret(given: Schema) -> bool:
    return any(kind.get("format") == "password" for kind in given.get("anyOf", [given]))


def _object(properties: Mapping[str, Schema], required: list[str] | None = None) -> Schema:
    found: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(properties),
    }
    return found | ({"required": required} if required else {})


_BOOLEAN: Schema = {"type": "boolean"}
_TEXT: Schema = {"type": "string"}
_NAMED: Schema = {"type": "string", "minLength": 1}
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_ANY: Schema = {"type": "object"}
_LIST: Schema = {"type": "array", "items": {"type": "object"}}
_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
_PORTS: Schema = {"type": "array", "items": _PORT}
_COUNT: Schema = {"type": "integer", "minimum": 1}
_INTERVAL: Schema = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}
_KEY: Schema = {"type": "string", "pattern": "^[-._a-zA-Z0-9]+$"}
_SETTING: Schema = {"type": "string", "pattern": "^GATEWAY_[A-Z0-9_]+$"}

_CA = {
    "type": "object",
    "oneOf": [
        {"maxProperties": 0},
        _object({"secret": _NAMED, "key": _KEY}, ["secret"]),
        _object({"configMap": _NAMED, "key": _KEY}, ["configMap"]),
    ],
}
_CLIENT = {
    "type": "object",
    "oneOf": [
        {"maxProperties": 0},
        _object({"secret": _NAMED, "certificate": _KEY, "privateKey": _KEY}, ["secret"]),
    ],
}
_TLS = _object({"ca": _CA, "client": _CLIENT})
_MONITOR = _object(
    {
        "enabled": _BOOLEAN,
        "interval": _INTERVAL,
        "labels": _TEXTS,
        "relabelings": _LIST,
        "metricRelabelings": _LIST,
    }
)
_PROBE = _object(
    dict.fromkeys(("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold"), _COUNT)
)

_VALUES: dict[str, Schema] = {
    "replicas": _COUNT,
    "staticMembership": _BOOLEAN,
    "nameOverride": _TEXT,
    "fullnameOverride": _TEXT,
    "image": _object(
        {
            "repository": _NAMED,
            "tag": {"type": "string", "not": {"const": "latest"}},
            "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
            "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
            "pullSecrets": {"type": "array", "items": _NAMED},
        }
    ),
    "existingSecret": _NAMED,
    "extraSecrets": {
        "type": "array",
        "items": _object(
            {
                "name": _NAMED,
                "items": {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": _SETTING,
                    "additionalProperties": _KEY,
                },
            },
            ["name", "items"],
        ),
    },
    "tls": _object({"kafka": _TLS, "pos": _TLS}),
    "topics": _object(
        {
            "create": _BOOLEAN,
            "partitions": {"type": "integer", "minimum": 1, "maximum": 10_000},
            "replicationFactor": {"type": ["integer", "null"], "minimum": 1, "maximum": 100},
        }
    ),
    "notificationService": _object(
        {
            "type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
            "port": _PORT,
            "annotations": _TEXTS,
        }
    ),
    "podMonitor": _MONITOR,
    "serviceMonitor": _MONITOR,
    "prometheusRule": _object({"enabled": _BOOLEAN, "labels": _TEXTS}),
    "dashboards": _object({"enabled": _BOOLEAN, "labels": _TEXTS, "annotations": _TEXTS}),
    "keda": _object(
        {
            "enabled": _BOOLEAN,
            "minReplicas": _COUNT,
            "maxReplicas": _COUNT,
            "lagThreshold": _COUNT,
            "pollingIntervalSeconds": _COUNT,
            "kafkaVersion": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
            "authenticationRef": {
                "oneOf": [
                    {"type": "object", "maxProperties": 0},
                    _object({"name": _NAMED, "kind": _NAMED}, ["name"]),
                ]
            },
            "behavior": _ANY,
        }
    ),
    "podDisruptionBudget": _object({"enabled": _BOOLEAN, "maxUnavailable": _COUNT}),
    "networkPolicy": _object(
        {
            "enabled": _BOOLEAN,
            "httpFrom": _LIST,
            "notificationsFrom": _LIST,
            "kafkaPorts": _PORTS,
            "kafkaTo": _LIST,
            "providerPorts": _PORTS,
            "providerTo": _LIST,
        }
    ),
    "serviceAccount": _object({"create": _BOOLEAN, "name": _TEXT, "annotations": _TEXTS}),
    "probes": _object({"startup": _PROBE, "liveness": _PROBE, "readiness": _PROBE}),
    "terminationGracePeriodSeconds": {"type": "integer", "minimum": 43},
    "minReadySeconds": {"type": "integer", "minimum": 0},
    "resources": _object(
        {"requests": _ANY, "limits": {"type": "object", "required": ["memory"]}}, ["limits"]
    ),
    "topologySpreadConstraints": _LIST,
    "podLabels": _TEXTS,
    "podAnnotations": _TEXTS,
    "priorityClassName": _TEXT,
    "nodeSelector": _TEXTS,
    "tolerations": _LIST,
    "affinity": _ANY,
    "extraEnv": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "not": {"pattern": "^GATEWAY_"}}},
        },
    },
    "global": {"type": "object", "description": "Helm's own, where the chart is part of another."},
}
