"""The sandbox answers as its own document says, to what the document allows and to what it forbids: as judged by a
fuzzer that knows nothing else.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.gateway_process import Running, environment, wait_until
from tests.integration.schemathesis_hooks import BEACON_ID, TILLS

EXAMPLES = int(os.environ.get("EXAMPLES", "3"))
# What the document, as the provider's, does not say, the API refuses all the same: characters, lengths, filters
# that are too wide, a beacon that is none. So not everything that the document allows can be taken.
NOT_JUDGED = "positive_data_acceptance"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[str]:
    scenario = tmp_path / "scenario.json"
    till = {"pos_id": TILLS[0], "merchant_pos_id": "till-0", "beacon_id": BEACON_ID}
    told = {"any_pos": True, "poll_delay_ms": 50, "partial_capture": "always", "points_of_sale": [till]}
    scenario.write_text(json.dumps(told))
    with Running(("sandbox", "--port", "0", "--scenario", str(scenario)), {}) as process:
        wait_until(lambda: "http://" in process.output, "the sandbox")
        yield process.output[process.output.index("http://") :].split()[0]


def ask(url: str, method: str, path: str, body: str = "", **headers: str) -> Any:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, body or None, headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def fuzz(url: str, folder: Path, *options: str, hooks: str = "") -> str:
    pair = base64.b64encode(b"fuzzer:secret").decode()
    form = {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"}
    path = "/integrator-authentication/connect/token"
    token = ask(url, "POST", path, "grant_type=client_credentials", **form)["access_token"]
    headers = {
        "Authorization": f"Bearer {token}",
        "X-MobilePay-Merchant-VAT-Number": "DK12345678",
        "X-MobilePay-Client-System-Version": "1.2.3",
    }
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json", "--no-color"),
            *(part for name, value in headers.items() for part in ("--header", f"{name}: {value}")),
            *("--exclude-path-regex", "connect/token", "--exclude-checks", NOT_JUDGED),
            *(
                "--workers",
                "4",
                "--seed",
                "1",
                "--max-examples",
                str(EXAMPLES),
                "--generation-database",
                "none",
                *options,
            ),
        ],
        cwd=folder,
        env=environment(SCHEMATHESIS_HOOKS=hooks),
        capture_output=True,
        timeout=600,
        check=False,
    )
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, said
    return said


@pytest.mark.timeout(700)
def test_anything_is_answered_as_documented(sandbox: str, tmp_path: Path) -> None:
    assert " passed" in fuzz(sandbox, tmp_path)
    stats = ask(sandbox, "GET", "/_sandbox/stats")
    assert {"400", "401", "404", "405", "415"} <= stats["statuses"].keys()
    assert stats["requests"] > 300


@pytest.mark.timeout(700)
def test_what_a_till_sends_is_answered_as_documented(sandbox: str, tmp_path: Path) -> None:
    fuzz(sandbox, tmp_path, "--mode", "positive", hooks="tests.integration.schemathesis_hooks")
    stats = ask(sandbox, "GET", "/_sandbox/stats")
    assert stats["payments"] >= 2
    assert stats["statuses"]["200"] > stats["requests"] / 10
