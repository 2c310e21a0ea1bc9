"""What a scrape works out: of partitions, of payments, of the provider; and nothing of who has left."""

from typing import Any

from gateway.app.gauges import COMMAND_TYPES, Gauges
from gateway.kafka.health import PartitionHealth, Phase
from gateway.mobilepay.client import Standing as ProviderStanding
from gateway.observability.metrics import REGISTRY
from gateway.observability.standing import Matter, Open, Standing, Tally

NOW_SECONDS = 1_000_000.0
PROVIDER = ProviderStanding(
    token_held=True,
    fault=None,
    breaker_open=True,
    throttled=False,
    in_flight=3,
    unanswered=1,
    waiting=2,
    concurrency_limit=128,
    misaddressed=False,
)


def health(tally: Tally | None = None, **more: Any) -> PartitionHealth:
    given: dict[str, Any] = {
        "phase": Phase.OPEN,
        "reason": None,
        "offset": None,
        "stalled_seconds": 0.0,
        "lag": 0,
        "waiting": 1,
        "running": 2,
        "runnable": 3,
        "uncommitted": 4,
        "position": 5,
        "paused": False,
        "unaccepted_seconds": 0.0,
        "tally": tally or Tally(),
    }
    return PartitionHealth(**(given | more))


def shown(partitions: dict[int, PartitionHealth]) -> None:
    Gauges(lambda: partitions, lambda: PROVIDER, lambda: True, lambda: NOW_SECONDS).show()


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_partitions_by_number_and_none_that_moved_away() -> None:
    shown({0: health(), 7: health(phase=Phase.STOPPED, offset=12, lag=None, stalled_seconds=2.5)})
    assert value("gateway_partition_open", partition="0") == 1
    assert value("gateway_partition_stopped", partition="7") == 1
    assert value("gateway_partition_undecodable", partition="7") == 1
    assert value("gateway_partition_stalled_seconds", partition="7") == 2.5
    assert value("gateway_commands_waiting") == 2 and value("gateway_effects_waiting") == 6
    shown({0: health(paused=True)})
    assert value("gateway_partition_stopped", partition="7") is None, "who no longer owns it alerts nobody"
    assert value("gateway_partition_paused", partition="0") == 1
    assert value("gateway_partition_stopped", partition="0") == 0


def test_how_the_provider_stands() -> None:
    shown({})
    assert value("gateway_provider_breaker_open") == 1 and value("gateway_provider_throttled") == 0
    assert (
        value("gateway_provider_requests_waiting") == 2 and value("gateway_provider_requests_in_flight") == 1
    )
    assert value("gateway_provider_concurrency_limit") == 128
    assert value("gateway_broker_in_reach") == 1


def ago(seconds: float) -> int:
    return int((NOW_SECONDS - seconds) * 1000)


def test_payments_add_up_over_partitions_and_ages_are_of_the_oldest() -> None:
    one, two = Tally(), Tally()
    reserved = (("payment", "reserved"),)
    one.moved("a", None, Standing(reserved, (Open(Matter.PAST_INTENT, "capture", ago(59)),)))
    one.moved("b", None, Standing(reserved, (Open(Matter.PENDING, "capture", ago(30)),)))
    matters = (
        Open(Matter.PAST_INTENT, "capture", ago(61)),
        Open(Matter.PENDING, "capture", ago(61)),
        Open(Matter.UNKNOWN, "capture", ago(61)),
        Open(Matter.COMMAND, "payment.capture", ago(90)),
        Open(Matter.APPROVAL, "", ago(61)),
        Open(Matter.REFUND_RESERVED, "", ago(20 * 3600 + 1)),
        Open(Matter.REFUND_RESERVED, "", ago(20 * 3600 - 1)),
    )
    two.moved("c", None, Standing((*reserved, ("refund", "reserved"), ("refund", "reserved")), matters))
    # One that is due in a minute.
    two.moved("d", None, Standing((("payment", "issued"),), (Open(Matter.APPROVAL, "", ago(-60)),)))
    shown({0: health(one), 1: health(two)})
    assert (
        value("gateway_payments", status="reserved") == 3 and value("gateway_payments", status="issued") == 1
    )
    assert (
        value("gateway_payments", status="captured") == 0 and value("gateway_refunds", status="reserved") == 2
    )
    assert value("gateway_reservations_past_intent") == 1
    assert value("gateway_payments_overdue") == 1
    assert value("gateway_operations_pending", operation="capture") == 2
    assert value("gateway_operations_pending_oldest_seconds", operation="capture") == 61
    assert value("gateway_operations_unknown_oldest_seconds", operation="capture") == 61
    assert value("gateway_operations_unknown_oldest_seconds", operation="cancel") == 0
    assert value("gateway_commands_unanswered_oldest_seconds", type="payment.capture") == 90
    assert value("gateway_refunds_near_deadline") == 1
    shown({})
    assert value("gateway_payments", status="reserved") == 0
    assert value("gateway_reservations_past_intent") == 0


def test_every_command_type_is_known() -> None:
    assert {"payment.initiate", "refund.cancel", "checkin.notified"} < set(COMMAND_TYPES)
