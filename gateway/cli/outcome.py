"""How a command ends: the exit codes, and faults that are told in a line instead of a stack trace."""

import contextlib
from collections.abc import Iterator
from enum import IntEnum


class ExitCode(IntEnum):
    DONE = 0
    DOES_NOT_HOLD = 1
    WRONG_USAGE = 2
    OUT_OF_REACH = 3


class Failed(Exception):
    """An expected end that is no success. `str()` is for people: one line or several, without a secret."""

    def __init__(self, code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Around imports of what the extra `name` brings; where it is not installed, Failed says how to."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("gateway"):
            raise
        told = f"{missing.name} is not installed: pip install 'pos-gateway[{name}]'"
        raise Failed(ExitCode.WRONG_USAGE, told) from None
