"""The jars of the embedded Kafka: named with their SHA-256 in `kafka-jars.txt`, fetched once, kept outside
the clone.

They are the runtime class path of org.apache.kafka:kafka_2.13 and log4j-slf4j-impl, which Kafka's own
distribution adds so that its log is written. maven-artifact brings them by group, artifact and version; it
compares MD5 sums with the same place that it loads from, so the SHA-256 that this project pins is believed.
"""

import contextlib
import hashlib
import io
import os
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

KAFKA_VERSION = "4.3.1"
MAX_DOWNLOADS = 8
MAX_ATTEMPTS = 3
CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 30
REPOSITORY_VARIABLE = "POS_GATEWAY_MAVEN_REPOSITORY"


class JarsUnavailable(Exception):
    """The broker's jars cannot be had; the text says which and why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def jar_list() -> tuple[Jar, ...]:
    """All jars of the broker's class path."""
    text = resources.files("gateway.demo").joinpath("kafka-jars.txt").read_text(encoding="utf-8")
    jars = []
    for line in text.splitlines():
        name, sha256 = line.split()
        group, artifact, version = name.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def cache_folder() -> Path:
    """Where the jars are kept between clones."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "pos-gateway" / f"kafka-{KAFKA_VERSION}"


def obtain(folder: Path, jars: Sequence[Jar]) -> list[Path]:
    """The paths of the jars in `folder`, after fetching those that are missing or not what they should be.

    Raises JarsUnavailable; nothing is left in the folder then that was not checked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanting = [jar for jar in jars if not _is_right(folder / jar.file_name, jar)]
    if wanting:
        # What maven-artifact prints would mix with our own output; threads cannot be redirected one by one.
        with contextlib.redirect_stdout(io.StringIO()), ThreadPoolExecutor(MAX_DOWNLOADS) as pool:
            for problem in pool.map(lambda jar: _bring(jar, folder), wanting):
                if problem:
                    # The others would fail the same way, each after its own time-outs.
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise JarsUnavailable(f"{problem}; give an existing broker with --broker ADDRESS instead")
    return [folder / jar.file_name for jar in jars]


def _fetch(jar: Jar, to: Path) -> None:
    """Load one jar into the file `to`, from Maven Central or from the repository that the variable names."""
    try:
        from maven_artifact import Artifact, Downloader, Requestor
    except ImportError as missing:
        raise JarsUnavailable(
            "the embedded Kafka needs the extra: pip install 'pos-gateway[demo]'"
        ) from missing

    time_outs = (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)

    class Impatient(Requestor):  # type: ignore[misc]
        def request(self, *arguments: object, **options: object) -> object:
            return super().request(*arguments, **options, timeout=time_outs, verify=_trusted())

    repository = os.environ.get(REPOSITORY_VARIABLE)
    downloader = Downloader(repository.rstrip("/")) if repository else Downloader()
    # It sets no time-out of its own, and a silent repository would hold us for ever.
    downloader.requestor = Impatient()
    downloader.download(Artifact(jar.group, jar.artifact, jar.version), str(to))


def _trusted() -> str | bool:
    # The authorities of the system, where it names a file of them, as pip does: behind a proxy that inspects TLS
    # the bundle that comes with requests knows too few. Its own two variables stay stronger.
    own = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return True if own else ssl.get_default_verify_paths().cafile or True


def _bring(jar: Jar, folder: Path) -> str | None:
    partial = folder / f"{jar.file_name}.{os.getpid()}.part"
    problem = ""
    for _ in range(MAX_ATTEMPTS):
        try:
            _fetch(jar, partial)
            if _is_right(partial, jar):
                partial.replace(folder / jar.file_name)
                return None
            problem = "what came has another SHA-256 than the one that is pinned"
        except JarsUnavailable as unavailable:
            return str(unavailable)
        # maven-artifact passes on whatever its HTTP library raises; each means that the jar did not come.
        except Exception as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
        finally:
            partial.unlink(missing_ok=True)
    return f"{jar.group}:{jar.artifact}:{jar.version} cannot be had: {problem}"


def _is_right(path: Path, jar: Jar) -> bool:
    if not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256
