"""The broker's jars are what the project pinned, or there is no broker."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway.demo.jars import (
    KAFKA_VERSION,
    MAX_ATTEMPTS,
    REPOSITORY_VARIABLE,
    Jar,
    JarsUnavailable,
    cache_folder,
    jar_list,
    obtain,
)

GOOD = b"PK the bytes that were pinned"
JAR = Jar("org.example.deep", "thing", "1.2", hashlib.sha256(GOOD).hexdigest())
OTHER = Jar("org.example.deep", "other", "3.4", hashlib.sha256(GOOD).hexdigest())


@dataclass
class Repository:
    """A Maven repository on loopback; `files` by path, `asked` for in this order."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def offer(self, jar: Jar, content: bytes) -> None:
        group = jar.group.replace(".", "/")
        self.files[f"/maven2/{group}/{jar.artifact}/{jar.version}/{jar.file_name}"] = content


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            repository.asked.append(self.path)
            content = repository.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(REPOSITORY_VARIABLE, f"http://127.0.0.1:{server.server_port}/maven2/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield repository
        server.shutdown()
        thread.join()


def test_every_jar_of_the_class_path_is_pinned() -> None:
    jars = jar_list()
    assert len(jars) == len({jar.file_name for jar in jars}) == 46
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) for jar in jars)
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in {jar.file_name for jar in jars}
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {KAFKA_VERSION}


def test_jars_are_fetched_once_and_nothing_is_printed(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.offer(JAR, GOOD)
    repository.offer(OTHER, GOOD)
    paths = [tmp_path / "thing-1.2.jar", tmp_path / "other-3.4.jar"]
    assert obtain(tmp_path, [JAR, OTHER]) == paths
    assert obtain(tmp_path, [JAR, OTHER]) == paths
    assert [path.read_bytes() for path in paths] == [GOOD, GOOD]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert len(repository.asked) == 2
    assert capsys.readouterr().out == ""


def test_other_bytes_than_the_pinned_ones_are_refused(repository: Repository, tmp_path: Path) -> None:
    repository.offer(JAR, GOOD + b" and more")
    with pytest.raises(JarsUnavailable, match=r"thing:1\.2 cannot be had: .*SHA-256.*--broker ADDRESS"):
        obtain(tmp_path, [JAR])
    assert list(tmp_path.iterdir()) == []
    assert len(repository.asked) == MAX_ATTEMPTS


def test_a_kept_jar_that_was_changed_is_fetched_again(repository: Repository, tmp_path: Path) -> None:
    repository.offer(JAR, GOOD)
    (tmp_path / JAR.file_name).write_bytes(GOOD[:-1])
    (path,) = obtain(tmp_path, [JAR])
    assert path.read_bytes() == GOOD


def test_a_repository_without_the_jar_is_said_in_one_line(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(JarsUnavailable, match=r"org\.example\.deep:thing:1\.2 cannot be had: .*404"):
        obtain(tmp_path, [JAR])
    assert list(tmp_path.iterdir()) == []


def test_the_jars_are_kept_outside_the_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pos-gateway" / f"kafka-{KAFKA_VERSION}"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "pos-gateway" / f"kafka-{KAFKA_VERSION}"
