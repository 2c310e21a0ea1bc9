"""Until when an owner may change something (I11), by its own clock alone."""

import pytest

from gateway.kafka.changelog import Checkpoint
from gateway.kafka.lease import Lease
from gateway.kafka.limits import Limits
from gateway.kafka.opening import waits

LIMITS = Limits(lease_seconds=5.0, write_timeout_seconds=2.0)


def lease(not_before: float = 0.0) -> Lease:
    return Lease(5.0, 2.0, not_before)


def test_there_is_none_before_the_first_acknowledged_transaction() -> None:
    assert not lease().holds(0.0)
    assert not lease().holds(1e9)


def test_it_leaves_room_for_one_write_and_counts_from_the_request() -> None:
    one = lease()
    one.acknowledged(requested_at=10.0)
    assert one.holds(10.0)
    assert one.holds(13.0)
    assert not one.holds(13.001)


def test_an_older_acknowledgement_never_shortens_it() -> None:
    one = lease()
    one.acknowledged(20.0)
    one.acknowledged(10.0)
    assert one.holds(23.0)
    one.acknowledged(22.0)
    assert one.holds(25.0)


def test_a_new_owner_waits_even_with_an_acknowledged_transaction() -> None:
    one = lease(not_before=15.0)
    one.acknowledged(14.0)
    assert not one.holds(14.999)
    assert one.holds(15.0)


def test_what_has_ended_never_holds_again() -> None:
    one = lease()
    one.acknowledged(10.0)
    one.end()
    assert one.ended
    assert not one.holds(10.0)
    one.acknowledged(11.0)
    assert not one.holds(11.0)


@pytest.mark.parametrize(
    ("checkpoint", "everywhere", "on_slow"),
    [
        (None, 100.0, 100.0),
        (Checkpoint(1, 1, "g"), 105.0, 105.0),
        (Checkpoint(1, 1, "g", ()), 100.0, 100.0),
        (Checkpoint(1, 1, "g", ("c:slow",)), 100.0, 102.0),
    ],
)
def test_how_long_a_new_owner_waits(checkpoint: Checkpoint | None, everywhere: float, on_slow: float) -> None:
    wait = waits(checkpoint, 100.0, LIMITS)
    assert wait.not_before == everywhere
    assert (wait.free_at("c:other"), wait.free_at("c:slow")) == (everywhere, on_slow)
