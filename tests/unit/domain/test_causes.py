"""Each operation is for a command, and what its outcome leads to is told as that command's."""

import pytest

from gateway.domain.causes import cause_at_point_of_sale, cause_of_operation
from gateway.domain.commands import CreatePointOfSale, Message, WatchCheckin
from gateway.domain.draft import cause_of
from gateway.domain.events import Cause
from gateway.domain.identity import MessageId
from gateway.domain.operations import Accepted, ProviderRefundStatus, ProviderStatus, Purpose
from gateway.domain.points_of_sale.operations import FindPointsOfSale, ReadCheckin
from gateway.domain.points_of_sale.state import (
    PointOfSalePending,
    PointOfSaleState,
    PointOfSaleTask,
    Watch,
)
from tests.unit.domain.play import CAPTURE, PROVIDER_ID, Play, initiate, is_list, observed, refund_read
from tests.unit.domain.test_every_turn import (
    DAY,
    EMPTY,
    REFUND,
    REFUND_MADE,
    SOME,
    STAGES,
    Unknown,
    after,
    fork,
    prompts,
)


def asked_for(play: Play) -> str | None:
    assert play.state is not None and play.running is not None
    cause = cause_of_operation(play.state, play.running)
    return None if cause is None else cause.id.id


@pytest.mark.parametrize("stage", STAGES)
def test_no_operation_is_without_its_command(stage: str) -> None:
    origin = STAGES[stage]()
    for what, prompt in prompts(origin):
        play = fork(origin)
        prompt(play)
        if play.running is not None and play.state is not None:
            assert asked_for(play) in play.commands, (what, play.running)


def test_a_payments_calls_are_its_starts_and_then_those_of_each_command() -> None:
    play = after(initiate())
    assert asked_for(play) == "m-1"
    play.outcome(Accepted(PROVIDER_ID))
    assert asked_for(play) == "m-1"
    play.outcome(observed(ProviderStatus.INITIATED))
    play.due()
    assert asked_for(play) == "m-1"
    play.outcome(observed(ProviderStatus.RESERVED))
    play.command(CAPTURE)
    assert asked_for(play) == "m-2"
    (captured,) = play.outcome(Accepted())
    assert captured.cause.id.id == "m-2"


def test_a_refunds_calls_and_polls_are_its_own() -> None:
    play = after(initiate(), Accepted(PROVIDER_ID), observed(ProviderStatus.CAPTURED), REFUND)
    assert asked_for(play) == "m-2"
    play.outcome(REFUND_MADE)
    assert asked_for(play) == "m-2"
    play.outcome(refund_read(ProviderRefundStatus.INITIATED, amount=SOME))
    play.due()
    assert asked_for(play) == "m-2"


def test_a_late_look_is_for_the_start_that_was_given_up() -> None:
    play = after(initiate(), Unknown(3), DAY, "due", EMPTY, EMPTY)
    assert play.types()[-1] == "command.rejected"
    play.command(initiate(), "later")
    play.outcome(Accepted("another"))
    play.outcome(observed(ProviderStatus.CAPTURED, provider_payment_id="another"))
    play.due()
    assert is_list(play.running)
    assert asked_for(play) == "m-1"


def message(id_: str, data: CreatePointOfSale | WatchCheckin) -> Message:
    return Message(MessageId("/orders", id_), data.kind, data, "hash", 0, 1)


def test_at_a_point_of_sale_watches_and_pending_operations_have_theirs() -> None:
    watch = message("watch", WatchCheckin("till", "pos-1", 60))
    creation = message("create", CreatePointOfSale("till", "store", "name", ("qr",)))
    pending = PointOfSalePending(PointOfSaleTask.CREATE, cause_of(creation), 0, creation)
    state = PointOfSaleState("till", pending=pending, watches=(Watch(watch, 60_000),))
    search = FindPointsOfSale(None, "till", Purpose.LOOK)
    assert cause_at_point_of_sale(state, ReadCheckin(None, "pos-1", Purpose.POLL)) == cause_of(watch)
    assert cause_at_point_of_sale(state, search) == cause_of(creation)
    notified = Cause(MessageId("/pos-gateway/notifications", "n-1"))
    told = PointOfSaleState("till", notified=notified, inbox=(creation,))
    assert cause_at_point_of_sale(told, ReadCheckin(None, "pos-1", Purpose.POLL)) == notified
    assert cause_at_point_of_sale(told, search) == cause_of(creation)
    assert cause_at_point_of_sale(PointOfSaleState("till"), search) is None
