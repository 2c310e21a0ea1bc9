"""Spans as they leave a real process: one trace at a collector, and nothing where none is wanted."""

import gzip
import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.canaries import shown_in
from tests.integration.gateway_process import (
    GatewayProcess,
    command,
    environment,
    free_port,
    own_settings,
    sandbox_url,
    wait_until,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Any] = []
        self.raw = b""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/traces"

    def names(self) -> list[str]:
        return [span.name for span in self.spans]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        sent = ExportTraceServiceRequest.FromString(body)
        self.server.raw += body
        self.server.spans += [s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


async def send(settings: dict[str, str], payment: str) -> None:
    data = {
        "paymentId": payment,
        "posId": str(uuid.uuid4()),
        "amount": {"value": 1250, "currency": "DKK"},
        "capture": "automatic",
    }
    headers = {"ce_specversion": "1.0", "ce_id": "m-1", "ce_source": "/orders", "ce_type": "payment.initiate"}
    headers |= {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "ce_correlationid": "order-7"}
    producer = AIOKafkaProducer(bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"])
    await producer.start()
    try:
        await producer.send_and_wait(
            settings["GATEWAY_TOPICS__COMMANDS"],
            json.dumps(data).encode(),
            payment.encode(),
            headers=[(name, value.encode()) for name, value in headers.items()],
        )
    finally:
        await producer.stop()


async def test_a_payments_spans_reach_a_collector_as_one_trace_and_its_lines_name_it(
    kafka: Any, tmp_path: Path, collector: Collector
) -> None:
    with sandbox_url(tmp_path) as sandbox:
        settings = own_settings(kafka.bootstrap_servers, sandbox)
        assert command("topics", "create", "--partitions", "1", settings=settings).returncode == 0
        settings["GATEWAY_TRACING__ENDPOINT"] = collector.endpoint
        with GatewayProcess(settings) as gateway:
            gateway.wait_ready(partitions=1)
            await send(settings, "p-1")
            wait_until(lambda: '"event": "payment.captured"' in gateway.output, "captured")
            assert gateway.terminate() == 0, gateway.output
            lines = [json.loads(line) for line in gateway.lines]
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert {"payment.initiate", "call initiate", "call capture", "POST", "payment.captured"} <= set(
        collector.names()
    )
    assert not shown_in(collector.raw.decode("utf-8", "replace"))
    told = [line for line in lines if line.get("payment_id") == "p-1"]
    assert (told[0]["event"], told[-1]["event"]) == ("command accepted", "payment.captured")
    for line in told:
        assert (line["command_id"], line["correlation_id"], line["trace_id"]) == ("m-1", "order-7", TRACE)


async def test_a_collector_that_is_away_holds_nothing_up(kafka: Any, tmp_path: Path) -> None:
    with sandbox_url(tmp_path) as sandbox:
        settings = own_settings(kafka.bootstrap_servers, sandbox)
        assert command("topics", "create", "--partitions", "1", settings=settings).returncode == 0
        settings["GATEWAY_TRACING__ENDPOINT"] = f"http://127.0.0.1:{free_port()}/v1/traces"
        with GatewayProcess(settings) as gateway:
            gateway.wait_ready(partitions=1)
            await send(settings, "p-1")
            wait_until(lambda: '"event": "payment.captured"' in gateway.output, "captured")
            assert gateway.terminate(seconds=20) == 0, gateway.output
            assert "Traceback" not in gateway.output


def test_what_is_not_asked_for_is_not_loaded() -> None:
    """With the extra installed and no endpoint set, the service loads nothing of it."""
    program = "import gateway.app, json, sys; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = json.loads(done.stdout)
    assert "gateway.app.service" in loaded
    assert [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.trace"))] == []
    assert "gateway.observability.tracing" not in loaded
