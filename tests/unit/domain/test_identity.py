"""Names are made of all that tells one from another, and are the same in every release."""

from gateway.domain.commands import MessageId
from gateway.domain.identity import event_id, idempotency_key

ORDER = MessageId("/orders", "m-1")


def test_names_are_the_same_in_every_release() -> None:
    """A key that changed would charge twice what was asked for before the upgrade (I1)."""
    assert idempotency_key(ORDER, "pay-1", "initiate", 1) == "e673ce74-2c10-59bb-9112-9c5f9cf37a8f"
    assert event_id("pay-1", ORDER, 3) == "5d85ba0c-89da-5087-8cd7-da3e4bac21bc"


def test_whatever_differs_makes_another_name() -> None:
    """I6 for events: no two share an id."""
    others = [MessageId("/orders", "m-2"), MessageId("/shop", "m-1")]
    keys = [
        idempotency_key(ORDER, "pay-1", "initiate", 1),
        idempotency_key(ORDER, "pay-2", "initiate", 1),
        idempotency_key(ORDER, "pay-1", "refund", 1),
        idempotency_key(ORDER, "pay-1", "initiate", 2),
        *(idempotency_key(other, "pay-1", "initiate", 1) for other in others),
    ]
    ids = [event_id("pay-1", ORDER, 3), event_id("pay-2", ORDER, 3), event_id("pay-1", ORDER, 4)]
    ids += [event_id("pay-1", other, 3) for other in others]
    assert len(set(keys)) == len(keys)
    assert len(set(ids)) == len(ids)
