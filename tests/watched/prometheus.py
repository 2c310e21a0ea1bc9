"""A real Prometheus that scrapes one gateway each second, with the rules that are shipped; and its answers."""

import contextlib
import json
import math
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.not_run import not_run

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "alerts"
TOOLS = ("prometheus", "promtool", "curl")
START_SECONDS = 20.0
STEP_SECONDS = 1


def needed(*tools: str) -> None:
    """Where one of them is missing the test is not run, and the summary says so; in CI it fails."""
    missing = " and no ".join(tool for tool in tools if shutil.which(tool) is None)
    if not missing:
        return
    not_run(f"no {missing}", "it on the path")


class Wrong(Exception):
    """Prometheus says that a query is wrong."""


@dataclass(frozen=True)
class Series:
    labels: dict[str, str]
    times: list[float]
    values: list[float]

    @property
    def changes(self) -> bool:
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class Prometheus:
    """`began`: when it was started, seconds since 1970."""

    port: int
    began: float

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            raise Wrong(json.load(refused)["error"]) from None

    def series(self, query: str, since: float | None = None, until: float | None = None) -> list[Series]:
        """What the query answered at each second; points that are no numbers are left out, and so are series
        without any.
        """
        found = self.ask(
            "query_range",
            query=query,
            start=str(self.began if since is None else since),
            end=str(time.time() if until is None else until),
            step=str(STEP_SECONDS),
        )
        every = []
        for one in found["result"]:
            points = [(at, float(value)) for at, value in one["values"]]
            points = [(at, value) for at, value in points if math.isfinite(value)]
            if points:
                every.append(Series(one["metric"], [at for at, _ in points], [value for _, value in points]))
        return every


@contextlib.contextmanager
def scraping(folder: Path, port: int, targets: Sequence[int]) -> Iterator[Prometheus]:
    """`port` is its own, `targets` the gateways'."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in sorted(RULES.glob("*.yaml"))],
        "scrape_configs": [
            {
                "job_name": "pos-gateway",
                "static_configs": [{"targets": [f"127.0.0.1:{target}" for target in targets]}],
            }
        ],
    }
    path = folder / "prometheus.yml"
    # JSON is YAML too.
    path.write_text(json.dumps(configuration), encoding="utf-8")
    log_path = folder / "prometheus.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={path}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        began = time.time()
        _wait_ready(process, port, log_path)
        yield Prometheus(port, began)
    finally:
        process.terminate()
        process.wait(20)


def _wait_ready(process: "subprocess.Popen[bytes]", port: int, log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready") as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"Prometheus did not come up: {log_path.read_text(encoding='utf-8')[-1000:]}")
