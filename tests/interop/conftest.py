"""What speaks with the gateway from elsewhere: a Java compiler, and Node with the parser of AsyncAPI documents.

Where a tool is not found its tests are not run, and the summary says so; in CI they fail.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.demo.broker import EmbeddedKafka
from gateway.demo.jars import cache_folder, jar_list
from tests.not_run import not_run

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "asyncapi"
CLIENT_JARS = {"kafka-clients", "slf4j-api", "lz4-java", "snappy-java", "zstd-jni"}
INSTALL_SECONDS = 300


@dataclass(frozen=True)
class Java:
    """A JDK that runs a single file of source against Kafka's client."""

    program: str
    class_path: str

    def run(self, source: Path, *arguments: str, stdin: str = "") -> str:
        command = [self.program, "-XX:TieredStopAtLevel=1", "-cp", self.class_path, str(source), *arguments]
        return said(command, stdin)


@pytest.fixture(scope="session")
def java(kafka: EmbeddedKafka) -> Java:
    """The client's jars are those of the embedded broker, which has fetched them by now."""
    program = shutil.which("java") if shutil.which("javac") else None
    if program is None:
        not_run("no Java compiler", "one")
    jars = [cache_folder() / jar.file_name for jar in jar_list() if jar.artifact in CLIENT_JARS]
    assert jars and all(jar.is_file() for jar in jars)
    return Java(str(program), os.pathsep.join(map(str, jars)))


@pytest.fixture(scope="session")
def parser() -> Sequence[str]:
    """The command that judges a document; the parser is installed once for each lock."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        not_run("no Node", "one")
    installed, lock = CACHE / "installed.json", HERE / "asyncapi" / "package-lock.json"
    if not installed.is_file() or installed.read_bytes() != lock.read_bytes():
        CACHE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "asyncapi" / name, CACHE / name)
        try:
            said([str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(CACHE)])
        except AssertionError as fault:
            not_run(f"no @asyncapi/parser ({str(fault)[:200]})", "one")
        shutil.copy(lock, installed)
    return [str(node), str(HERE / "asyncapi" / "check.mjs"), str(CACHE)]


def said(command: Sequence[str], stdin: str = "") -> str:
    """What a program wrote that ended well."""
    ended = subprocess.run(
        command, input=stdin, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    assert ended.returncode == 0, f"{Path(command[0]).name}: {ended.stderr.strip() or ended.stdout.strip()}"
    return ended.stdout
