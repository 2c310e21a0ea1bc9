"""checkov, which knows what was found wrong with other charts. What it finds here and is meant has its reason."""

import json
import subprocess
from pathlib import Path

from tests.chart.rendering import CASES, case, rendered

MEANT = {
    "CKV_K8S_15": "an image that is pulled each time is a start that fails with its registry",
    "CKV_K8S_43": "whoever installs it names the digest; a chart cannot know that of a registry of theirs",
}
MEANT_OF_PODS = {
    "CKV_K8S_8": "it asks and ends",
    "CKV_K8S_9": "it asks and ends",
}
LEAST_PASSED = 70
WRONG = (
    ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "CKV_K8S_22"),
    ("automountServiceAccountToken: false", "automountServiceAccountToken: true", "CKV_K8S_38"),
    ("allowPrivilegeEscalation: false", "privileged: true", "CKV_K8S_16"),
)


def findings(python: Path, text: str, tmp_path: Path) -> tuple[int, set[tuple[str, str]]]:
    """How many checks passed, and which failed of which kind."""
    path = tmp_path / "objects.yaml"
    path.write_text(text, encoding="utf-8")
    command = [python, "-m", "checkov.main", "--file", path, "--framework", "kubernetes", "--output", "json"]
    done = subprocess.run(
        [*command, "--skip-download", "--quiet"], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    told = json.loads(done.stdout)
    failed = {
        (one["resource"].partition(".")[0], one["check_id"]) for one in told["results"]["failed_checks"]
    }
    return told["summary"]["passed"], failed


def test_nothing_is_found_that_is_not_meant(helm: Path, tools_python: Path, tmp_path: Path) -> None:
    whole = "\n---\n".join(rendered(helm, (case(name),)) for name in CASES)
    passed, failed = findings(tools_python, whole, tmp_path)
    assert passed >= LEAST_PASSED * len(CASES)
    assert {check for _, check in failed} == MEANT.keys() | MEANT_OF_PODS.keys()
    assert not {(kind, check) for kind, check in failed if check in MEANT_OF_PODS and kind != "Pod"}


def test_what_is_wrong_is_found(helm: Path, tools_python: Path, tmp_path: Path) -> None:
    text = rendered(helm, (case("plain"),))
    for before, after, _ in WRONG:
        assert before in text
        text = text.replace(before, after)
    _, failed = findings(tools_python, text, tmp_path)
    assert {check for *_, check in WRONG} <= {check for _, check in failed}
