"""What several kinds of tests share: one real Kafka for the whole run."""

from collections.abc import Iterator

import pytest

from gateway.demo.broker import EmbeddedKafka


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """A running broker. Where none can be started the tests that need one fail; they are never skipped."""
    with EmbeddedKafka() as broker:
        yield broker
