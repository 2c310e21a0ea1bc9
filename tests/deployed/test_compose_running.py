"""What the compose file starts, as plain processes with its own words: only addresses and ports are others."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.broker import EmbeddedKafka
from gateway.demo.processes import get, ledger, violations
from tests.deployed.compose import mounts, services
from tests.integration.gateway_process import GatewayProcess, Running, command, free_port, wait_until

SERVICES = services()
LISTENERS = ("INSIDE", "OUTSIDE", "CONTROLLER")


@dataclass(frozen=True)
class Here:
    """What stands for the addresses in the compose file on this machine."""

    ports: Mapping[str, int]
    sandbox: int

    def text(self, service: str, said: str) -> str:
        for there, here in mounts(SERVICES[service]).items():
            said = said.replace(there, str(here))
        said = said.replace("http://sandbox:8080", f"http://127.0.0.1:{self.sandbox}")
        said = said.replace("kafka:19092", f"127.0.0.1:{self.ports['INSIDE']}")
        return re.sub(r"\b8080\b", str(self.sandbox), said).replace("0.0.0.0", "127.0.0.1")

    def words(self, service: str, key: str) -> list[str]:
        return [self.text(service, word) for word in SERVICES[service].get(key, ())]

    def settings(self, service: str) -> dict[str, str]:
        given = SERVICES[service].get("environment", {})
        return {name: self.text(service, value) for name, value in given.items()}


def properties(ports: Mapping[str, int]) -> dict[str, str]:
    """The broker's, by the rule of its image's start script; where its data lie is our own broker's matter."""
    given = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICES["kafka"]["environment"].items()
        if name.startswith("KAFKA_") and name != "KAFKA_LOG_DIRS"
    }
    for name in ("listeners", "advertised.listeners"):
        given[name] = re.sub(
            r"([A-Z]+)://[a-z]*:\d+", lambda found: f"{found[1]}://127.0.0.1:{ports[found[1]]}", given[name]
        )
    given["controller.quorum.voters"] = re.sub(
        r"localhost:\d+", f"127.0.0.1:{ports['CONTROLLER']}", given["controller.quorum.voters"]
    )
    return given


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    ports = {name: free_port() for name in LISTENERS}
    told = properties(ports)
    assert told["inter.broker.listener.name"] == "INSIDE"
    with EmbeddedKafka(port=ports["OUTSIDE"], properties=told):
        yield Here(ports, free_port())


def test_it_comes_up_takes_load_and_money_moves(here: Here) -> None:
    made = command(*here.words("topics", "command"), settings=here.settings("topics"))
    assert made.returncode == 0, made.stderr.decode()
    with ExitStack() as running:
        sandbox = running.enter_context(
            Running(tuple(here.words("sandbox", "command")), here.settings("sandbox"))
        )
        wait_until(lambda: "http://" in sandbox.output, "the sandbox")
        kind, python, *words = SERVICES["sandbox"]["healthcheck"]["test"]
        assert (kind, python) == ("CMD", "python3")
        asked = [sys.executable, *(here.text("sandbox", word) for word in words)]
        assert subprocess.run(asked, check=False, timeout=20).returncode == 0
        assert "command" not in SERVICES["gateway"], "the image's own is `run`"
        gateway = running.enter_context(GatewayProcess(here.settings("gateway")))
        gateway.wait_ready(partitions=12)
        loaded = load(here, "--every", "2", "--payments", "15", "--rounds", "2")
        assert loaded.returncode == 0, loaded.stderr
        assert loaded.stdout.count("commands sent") == 2

        def captured() -> int:
            return sum(entry["captured"] > 0 for entry in ledger(here.sandbox))

        # Of thirty customers some decline, and some payments would be captured later.
        wait_until(lambda: captured() >= 3, "captures")
        assert violations(here.sandbox) == []
        assert b"gateway_events_total" in get(gateway.port, "/metrics")[1]
        assert gateway.terminate() == 0


def test_what_could_not_be_sent_is_sent_again_and_what_is_wrong_is_not(here: Here, tmp_path: Path) -> None:
    """`send` stands for itself: first the broker is out of reach for it, then the lines are wrong."""
    heard = tmp_path / "heard"
    for codes, ends in (((3, 0), 0), ((2,), 1)):
        stand_in(tmp_path, heard, codes)
        loaded = load(here, "--every", "0.1", "--payments", "2", "--rounds", "1", path=tmp_path)
        assert loaded.returncode == ends
        rounds = heard.read_text().split("--\n")[:-1]
        assert len(rounds) == len(codes)
        assert len(set(rounds)) == 1
        assert len({json.loads(line)["id"] for line in rounds[0].splitlines()}) == 2


def stand_in(folder: Path, heard: Path, codes: tuple[int, ...]) -> None:
    """A `pos-gateway` that writes down what it is given and ends with one code after the other."""
    heard.write_text("")
    script = folder / "pos-gateway"
    script.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"heard = open({str(heard)!r}, 'a+')\nheard.seek(0)\nbefore = heard.read().count('--\\n')\n"
        f"heard.write(sys.stdin.read() + '\\n--\\n')\nsys.exit({codes!r}[before])\n"
    )
    script.chmod(0o755)


def load(here: Here, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Its own entry point and arguments, and those given here after them, which count."""
    python, script = here.words("load", "entrypoint")
    assert python == "python3"
    environment: dict[str, Any] = {
        **os.environ,
        **here.settings("load"),
        "PATH": f"{path or Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return subprocess.run(
        [sys.executable, script, *here.words("load", "command"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
