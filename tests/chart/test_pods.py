"""The chart's pods as processes: what a kubelet would start, in the environment that it would have."""

import json
import time
from collections.abc import Iterable
from http.client import HTTPConnection
from pathlib import Path

from gateway.demo.broker import EmbeddedKafka
from tests.chart.rendering import Object, objects, specs
from tests.chart.test_settings import environment
from tests.integration.gateway_process import (
    Running,
    command,
    free_port,
    own_settings,
    sandbox_url,
    wait_until,
)

SECRET = {"GATEWAY_POS__CLIENT_ID": "client", "GATEWAY_POS__CLIENT_SECRET": "s3cret-of-the-test"}


def process(found: Iterable[Object], component: str) -> tuple[list[str], dict[str, str]]:
    """The arguments of `pos-gateway` and the environment, without the Secret's files."""
    spec = specs(found)[component]
    program, *arguments = spec["containers"][0]["command"]
    assert program == "pos-gateway"
    return arguments, environment(spec, found)


def status(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_the_job_makes_topics_the_check_holds_and_a_gateway_becomes_ready(
    helm: Path, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    with sandbox_url(tmp_path) as provider:
        own = own_settings(kafka.bootstrap_servers, provider)
        topics = {
            name: own[f"GATEWAY_TOPICS__{name.upper()}"] for name in ("commands", "events", "state", "dlq")
        }
        port = free_port()
        sets = (
            f'settings.kafka.bootstrapServers="{kafka.bootstrap_servers}"',
            f'settings.kafka.groupId="{own["GATEWAY_KAFKA__GROUP_ID"]}"',
            f"settings.topics={json.dumps(topics)}",
            f'settings.pos={{"baseUrl":"{provider}","merchantVatNumber":"DK12345678"}}',
            f'settings.http={{"host":"127.0.0.1","port":{port}}}',
            "topics.partitions=3",
        )
        found = objects(helm, "minimal", sets=sets)
        arguments, environ = process(found, "topics")
        # Before the Secret is right, and without what it says of the provider.
        made = command(*arguments, settings=environ)
        assert made.returncode == 0, made.stderr.decode()
        assert made.stdout.count(b"created with 3 partitions") == len(topics)
        again = command(*arguments, settings=environ)
        assert again.returncode == 0, again.stderr.decode()
        arguments, environ = process(found, "check")
        checked = command(*arguments, settings=environ | SECRET)
        assert checked.returncode == 0, checked.stdout.decode()
        arguments, environ = process(found, "gateway")
        spec = specs(found)["gateway"]
        (container,) = spec["containers"]
        (named,) = (one for one in container["ports"] if one["name"] == "http")
        assert named["containerPort"] == port
        with Running(tuple(arguments), environ | SECRET) as gateway:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                path = container[probe]["httpGet"]["path"]
                wait_until(lambda path=path: status(port, path) == 200, f"{probe}\n{gateway.output}")
            wait_until(lambda: gateway.output.count('"partition open"') == 3, "three partitions")
            told_at = time.monotonic()
            assert gateway.terminate(spec["terminationGracePeriodSeconds"]) == 0
            assert time.monotonic() - told_at < spec["terminationGracePeriodSeconds"] / 2
