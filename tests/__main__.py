"""All tests: `python -m tests`, or `make test`; what follows goes to pytest.

Most of them wait, for brokers and gateways that are real processes. Those that only calculate run beside them,
behind everything else, and what they say comes after.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CALCULATING = ("bench", "house", "planted", "simulation", "unit")


def pytest(rooms: list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *(f"tests/{room}" for room in rooms), *sys.argv[1:]]


def main() -> int:
    rooms = {path.relative_to(ROOT / "tests").parts[0] for path in ROOT.glob("tests/*/**/test_*.py")}
    waiting = sorted(rooms - set(CALCULATING))
    with tempfile.TemporaryFile() as said:
        beside = subprocess.Popen(
            ["nice", "-n", "10", *pytest(list(CALCULATING)), "-p", "no:cacheprovider"],
            cwd=ROOT,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            found = subprocess.run(pytest(waiting), cwd=ROOT, check=False).returncode
            found = beside.wait() or found
        finally:
            beside.kill()
        said.seek(0)
        print(f"\nbeside them, {', '.join(CALCULATING)}:", flush=True)
        sys.stdout.buffer.write(said.read())
    return found


if __name__ == "__main__":
    raise SystemExit(main())
