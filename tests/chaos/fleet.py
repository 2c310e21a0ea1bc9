"""Several real gateways, the provider's simulator and the topics of one run on the real Kafka."""

import json
import subprocess
import sys
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from gateway.demo.broker import EmbeddedKafka
from gateway.demo.processes import Child, free_port, get

PARTITIONS = 12
IN_FLIGHT = "gateway_provider_requests_in_flight "
SECRET = "canary-client-secret"


class Fleet:
    """`gateways` are started; each has its own HTTP port. All end with the fleet; logs stay in `folder`."""

    def __init__(self, kafka: EmbeddedKafka, folder: Path, scenario: dict[str, Any], size: int) -> None:
        name = f"chaos-{uuid.uuid4().hex[:8]}"
        self.bootstrap = kafka.bootstrap_servers
        self.folder = folder
        self.topics = {key: f"{name}.{key}" for key in ("commands", "events", "state", "dlq")}
        self.sandbox_port = free_port()
        self.settings = {f"GATEWAY_TOPICS__{key.upper()}": value for key, value in self.topics.items()} | {
            "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "GATEWAY_KAFKA__GROUP_ID": name,
            "GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
            "GATEWAY_POS__BASE_URL": f"http://127.0.0.1:{self.sandbox_port}",
            "GATEWAY_POS__CLIENT_ID": "chaos",
            "GATEWAY_POS__CLIENT_SECRET": SECRET,
            "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
            "GATEWAY_POS__SETTLE_SECONDS": "5",
            # Some prepared payments are forgotten on purpose.
            "GATEWAY_PREPARED_TIMEOUT_SECONDS": "8",
            "GATEWAY_HTTP__HOST": "127.0.0.1",
        }
        path = folder / "scenario.json"
        path.write_text(json.dumps(scenario), encoding="utf-8")
        arguments = ["sandbox", "--port", str(self.sandbox_port), "--scenario", str(path)]
        self.sandbox = Child("sandbox", arguments, self.settings, folder)
        self.ports = [free_port() for _ in range(size)]
        self.gateways = [
            Child(f"gateway-{i}", ["run"], self.settings | {"GATEWAY_HTTP__PORT": str(port)}, folder)
            for i, port in enumerate(self.ports)
        ]

    def __enter__(self) -> "Fleet":
        command = [sys.executable, "-m", "gateway", "topics", "create", "--partitions", str(PARTITIONS)]
        subprocess.run(command, env=self.sandbox.environment, check=True, capture_output=True)
        self.sandbox.start()
        self.sandbox.wait_for(self.sandbox_port, "/_sandbox/stats")
        for gateway, port in zip(self.gateways, self.ports, strict=True):
            gateway.start()
            gateway.wait_for(port, "/readyz")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for gateway in self.gateways:
            gateway.stop()
        self.sandbox.stop()

    def calls_in_flight(self, number: int) -> int:
        """Of one gateway, as its own metrics tell."""
        text = get(self.ports[number], "/metrics")[1].decode()
        return next(
            (int(float(line.split()[-1])) for line in text.splitlines() if line.startswith(IN_FLIGHT)), 0
        )

    def logs(self) -> str:
        """All that the gateways have written."""
        return "".join(gateway.log_path.read_text() for gateway in self.gateways)
