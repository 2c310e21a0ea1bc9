"""A container under runc, the runtime that Docker and containerd use: a root that nobody can write to, the
image's user, no capability, no new privileges, a bound of memory. Only the network is the machine's own, since
the broker and the provider listen on its loopback.
"""

import json
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY_BYTES = 256 * 1024 * 1024
NO_CAPABILITIES: dict[str, list[str]] = {
    kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")
}


@dataclass(frozen=True, slots=True)
class Image:
    """Its unpacked root and what it says of itself."""

    root: Path
    config: Mapping[str, Any]
    folder: Path

    def container(
        self, *arguments: str, settings: Mapping[str, str], secrets: Path | None = None
    ) -> "Container":
        """Made, not yet started. `secrets`: a folder to be seen under /run/secrets."""
        name = f"pos-gateway-{uuid.uuid4().hex[:8]}"
        bundle = self.folder / name
        bundle.mkdir()
        told = self._specification([*self.config["Entrypoint"], *(arguments or self.config["Cmd"])], settings)
        if secrets is not None:
            told["mounts"].append(
                {
                    "destination": "/run/secrets",
                    "type": "bind",
                    "source": str(secrets),
                    "options": ["bind", "ro"],
                }
            )
        (bundle / "config.json").write_text(json.dumps(told), encoding="utf-8")
        return Container(name, bundle)

    def _specification(self, command: Sequence[str], settings: Mapping[str, str]) -> dict[str, Any]:
        user, _, group = self.config["User"].partition(":")
        return {
            "ociVersion": "1.0.2",
            "root": {"path": str(self.root), "readonly": True},
            "hostname": "pos-gateway",
            "process": {
                "terminal": False,
                "user": {"uid": int(user), "gid": int(group)},
                "args": list(command),
                "env": [*self.config["Env"], *(f"{name}={value}" for name, value in settings.items())],
                "cwd": self.config["WorkingDir"] or "/",
                "capabilities": NO_CAPABILITIES,
                "noNewPrivileges": True,
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {
                    "destination": "/dev",
                    "type": "tmpfs",
                    "source": "tmpfs",
                    "options": ["nosuid", "strictatime", "mode=755", "size=64k"],
                },
            ],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
                "resources": {
                    "memory": {"limit": MEMORY_BYTES},
                    "devices": [{"allow": False, "access": "rwm"}],
                },
                "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            },
        }


class Container:
    """As a context manager it never stays behind."""

    def __init__(self, name: str, bundle: Path) -> None:
        self.name = name
        self._bundle = bundle
        self.log = bundle / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Container":
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._runc(), "run", "--bundle", str(self._bundle), self.name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._say("kill", self.name, "KILL")
            self._process.wait(20)

    def to_its_end(self, stdin: str = "", seconds: float = 60.0) -> str:
        """What a short command writes; raises where it does not end with 0."""
        done = subprocess.run(
            [*self._runc(), "run", "--bundle", str(self._bundle), self.name],
            input=stdin.encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
        return done.stdout.decode()

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One more process in the container, as `docker exec` and a health check start it."""
        return self._say("exec", self.name, *command)

    def terminate(self, seconds: float) -> int:
        """SIGTERM to the first process, as an engine stops a container; its exit code."""
        assert self._process is not None
        self._say("kill", self.name, "TERM")
        return self._process.wait(seconds)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def written(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def memory_bytes(self) -> int:
        """The most that its processes held at once."""
        told = json.loads(self._say("events", "--stats", self.name).stdout)
        return int(told["data"]["memory"]["usage"]["max"])

    def _runc(self) -> list[str]:
        return ["runc", "--root", str(self._bundle / "state")]

    def _say(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._runc(), *arguments], capture_output=True, text=True, timeout=60, check=False
        )
