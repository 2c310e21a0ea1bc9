"""What several kinds of tests share: one real Kafka for the whole run, and a word on what was not run."""

from collections.abc import Iterator

import pytest

from gateway.demo.broker import EmbeddedKafka


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """A running broker. Where none can be started the tests that need one fail; they are never skipped."""
    with EmbeddedKafka() as broker:
        yield broker


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what this machine has no tools for; such tests skip with `not run: ` and the tool."""
    reasons = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ())}
    for reason in sorted(reasons):
        terminalreporter.write_line(reason.removeprefix("Skipped: "), yellow=True)
