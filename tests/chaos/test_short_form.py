"""Each kind of violence once, in a fixed order, on three real gateways and a real Kafka."""

from pathlib import Path

import pytest

from tests.chaos.acts import WEIGHTS
from tests.chaos.brokers import running
from tests.chaos.run import in_order, play

ORDER = (
    *("kill", "freeze", "roll", "cut_off", "provider_dark", "join_and_leave", "broker_hard", "kill"),
    *("refuse_produces", "break_wires", "provider_failing", "kill_all", "broker_clean", "blink"),
    *("provider_resets", "kill"),
)


@pytest.mark.timeout(480)
async def test_every_kind_of_violence_once(tmp_path: Path) -> None:
    assert set(ORDER) == WEIGHTS.keys()
    async with running(1) as brokers:
        outcome = await play(brokers, tmp_path, in_order(ORDER, pause_seconds=1.5), seed=1, per_second=5)
    print("\n".join([str(outcome.facts), *outcome.lines]))
    assert outcome.facts["fenced"], "no owner was ever told that another had taken its partition"
    assert outcome.holds, "\n".join(outcome.lines)
