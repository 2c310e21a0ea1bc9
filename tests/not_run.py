"""What needs more than Python runs where its tool is found."""

import os
from typing import NoReturn

import pytest


def not_run(what: str, needed: str) -> NoReturn:
    """Where the tool is missing the summary says so; in CI, which is told what is `needed`, that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"not run: {what}; CI needs {needed}", pytrace=False)
    pytest.skip(f"not run: {what}")
