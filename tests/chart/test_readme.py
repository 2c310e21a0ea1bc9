"""What the chart's README tells to type is what Helm takes."""

import re
import shlex
import subprocess
from pathlib import Path

from tests.chart.rendering import CHART
from tests.chart.test_policies import drain_seconds


def commands() -> list[list[str]]:
    text = (CHART / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


def test_the_installation_renders(helm: Path) -> None:
    (install,) = (one for one in commands() if one[:3] == ["helm", "upgrade", "--install"])
    done = subprocess.run(
        [helm, "template", *install[3:]], cwd=CHART.parents[1], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "registry.example.com/pos-gateway:" in done.stdout


def test_its_figure_of_a_drain_is_the_services() -> None:
    text = (CHART / "README.md").read_text(encoding="utf-8")
    assert f"add up to {drain_seconds():.0f} s" in text
