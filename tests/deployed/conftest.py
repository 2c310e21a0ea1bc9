"""The tools that judge what is deployed. Where one is missing its tests are not run, and the summary says so; in
CI they fail.
"""

from collections.abc import Callable

import pytest

from tests.deployed import tools
from tests.not_run import not_run


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    def needed(name: str) -> str:
        found = tools.find(name)
        if found is None:
            not_run(f"no {name}", "it (python -m tests.deployed.tools)")
        return found

    return needed
