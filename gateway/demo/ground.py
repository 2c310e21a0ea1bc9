"""What every run of real gateways stands on: topics with names of its own, the settings that name them, short
commands.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

from gateway.demo.processes import NotReady

COMMAND_SECONDS = 60.0


def topics_of(run: str) -> dict[str, str]:
    return {name: f"{run}.{name}" for name in ("commands", "events", "state", "dlq")}


def kafka_settings(bootstrap: str, run: str) -> dict[str, str]:
    """A gateway's settings for its broker, with a session short enough to wait for; `run` is the group too."""
    return {f"GATEWAY_TOPICS__{name.upper()}": topic for name, topic in topics_of(run).items()} | {
        "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "GATEWAY_KAFKA__GROUP_ID": run,
        "GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
    }


def command(arguments: list[str], settings: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """`pos-gateway ARGUMENTS` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def create_topics(settings: Mapping[str, str], partitions: int) -> None:
    """Raises NotReady where the broker does not have them made."""
    done = command(["topics", "create", "--partitions", str(partitions)], settings)
    if done.returncode != 0:
        raise NotReady(f"the topics cannot be created: {(done.stdout + done.stderr).decode()}")
