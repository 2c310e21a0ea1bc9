"""What several kinds of tests share: one real Kafka for the whole run, a look for secrets in what each test wrote,
and a word on what was not run.
"""

from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest

from gateway.demo.broker import EmbeddedKafka
from gateway.observability.metrics import REGISTRY
from tests.canaries import shown_in

LEAKS = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """A running broker. Where none can be started the tests that need one fail; they are never skipped."""
    with EmbeddedKafka() as broker:
        yield broker


class Lookout:
    """Reads what each test wrote: output, log, and what its fault says of itself."""

    def __init__(self, leaks: list[str]) -> None:
        self._leaks = leaks

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for where, text in [*report.sections, ("its fault", report.longreprtext)]:
            self._leaks += [f"{name} in {where} of {report.nodeid}" for name in shown_in(text)]


def pytest_configure(config: pytest.Config) -> None:
    leaks = config.stash[LEAKS] = []
    config.pluginmanager.register(Lookout(leaks))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    leaks = session.config.stash[LEAKS]
    leaks += [f"{name} in the metrics" for name in shown_in(generate_latest(REGISTRY).decode())]
    if leaks and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what was shown and must not be, and what this machine has no tools for (skipped with `not run: `)."""
    for leak in terminalreporter.config.stash[LEAKS]:
        terminalreporter.write_line(f"I9: {leak}", red=True)
    reasons = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ())}
    for reason in sorted(reasons):
        terminalreporter.write_line(reason.removeprefix("Skipped: "), yellow=True)
