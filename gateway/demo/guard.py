"""Runs one command, and ends it when whoever asked for it is gone.

`python -m gateway.demo.guard FOLDER COMMAND...`: FOLDER, unless it is empty, is then removed too, since nobody
is left who would.

The asker holds the other end of our standard input. When it ends, by SIGKILL too, the pipe closes and the
command is told to stop; so no broker is left behind by a test that died. Chosen over PR_SET_PDEATHSIG alone,
which Linux ties to the thread that started the process; it is set here all the same, for the case that this
guard itself is killed.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

STOP_TIMEOUT_SECONDS = 20
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(folder: str, command: Sequence[str]) -> int:
    """Start `command`, print its process id, and return its exit code when it ends."""
    asker_gone = threading.Event()
    # The command ends with this guard's main thread, which lives as long as the guard.
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=_die_with_parent,  # noqa: PLW1509
    )
    print(child.pid, flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: child.terminate())
    threading.Thread(target=_stop_at_end_of_input, args=(child, asker_gone), daemon=True).start()
    code = child.wait()
    if folder and asker_gone.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _stop_at_end_of_input(child: "subprocess.Popen[bytes]", asker_gone: threading.Event) -> None:
    # By the descriptor: a buffered reader's lock, held here at the guard's own end, would abort the interpreter.
    while os.read(0, 1):
        pass
    asker_gone.set()
    child.terminate()
    try:
        child.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
