"""The tools that judge what is deployed. Where one is missing its tests are not run, and the summary says so; in
CI they fail.
"""

import os
from collections.abc import Callable

import pytest

from tests.deployed import tools


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    def needed(name: str) -> str:
        found = tools.find(name)
        if found is None and os.environ.get("CI") == "true":
            pytest.fail(f"not run: no {name}; CI needs it (python -m tests.deployed.tools)", pytrace=False)
        if found is None:
            pytest.skip(f"not run: no {name}")
        return found

    return needed
