"""The demo's shop: the same seed asks for the same, and what it asks for is what the auditor may expect."""

from collections import Counter
from typing import Any

from gateway.demo.evidence import Event
from gateway.demo.shop import Message, Shop

PAYMENTS = 600


def captured(number: int, value: int = 500) -> Event:
    amounts = {"currency": "DKK", "requested": value, "reserved": value, "captured": value, "refunded": 0}
    data = {"paymentId": f"pay-{number:05d}", "status": "captured", "amounts": amounts}
    return Event(f"captured-{number}", "payment.captured", data)


def told(type_: str, number: int, **more: Any) -> Event:
    data = {"paymentId": f"pay-{number:05d}", **more}
    return Event(f"{type_}-{number}-{more.get('refundId')}", type_, data)


def opened(shop: Shop) -> list[Message]:
    return [message for messages in shop.opening() for message in messages]


def test_one_seed_asks_for_the_same_and_another_for_something_else() -> None:
    first, again, other = (opened(Shop(seed, 50, prepared_share=0.3)) for seed in (1, 1, 2))
    assert first == again != other


def test_without_shares_nothing_is_prepared_or_given_back() -> None:
    shop = Shop(1, PAYMENTS)
    types = {message.command.type for message in opened(shop)}
    assert types.isdisjoint({"payment.prepare", "payment.ready", "refund.create"})
    assert not [shop.follow(captured(number)) for number in range(99) if shop.follow(captured(number))]


def test_a_prepared_payment_is_readied_given_up_or_forgotten_once() -> None:
    shop = Shop(1, PAYMENTS, prepared_share=1.0)
    prepared = [one for one in opened(shop) if one.command.type == "payment.prepare"]
    assert {one.command.amount for one in prepared} == {None}
    followed = Counter(
        tuple(one.command.type for one in dict.fromkeys(shop.follow(told("payment.prepared", number))))
        for number in range(1, PAYMENTS + 1)
    )
    assert followed.keys() == {(), ("payment.cancel",), ("payment.ready",)}
    assert followed[("payment.ready",)] > PAYMENTS / 2
    assert not any(shop.follow(told("payment.paired", number)) for number in range(1, PAYMENTS + 1))


def test_what_is_given_back_never_exceeds_what_was_taken_unless_it_is_to_be_refused() -> None:
    shop = Shop(1, PAYMENTS, refund_share=1.0)
    habits: Counter[tuple[str, ...]] = Counter()
    for number in range(PAYMENTS):
        asked = dict.fromkeys(shop.follow(captured(number, value=number + 1)))
        creates = [one.command for one in asked if one.command.type == "refund.create"]
        habits[tuple(one.command.type for one in asked)] += 1
        assert creates
        assert all(one.amount and one.currency == "DKK" for one in creates)
        names = [one.refund_id for one in creates]
        refunds = {one.refund_id: one.amount or 0 for one in creates}
        too_much = len(creates) == 3 and creates[0].amount == number + 1
        if not too_much:
            assert sum(refunds.values()) <= number + 1, names
        assert shop.follow(captured(number)) == [], "an event that comes again leads to nothing"
    assert habits.keys() == {
        ("refund.create",),
        ("refund.create", "refund.create"),
        ("refund.create", "refund.create", "refund.create"),
        ("refund.create", "refund.cancel"),
    }


def test_a_manual_refund_is_captured_or_cancelled_once_it_is_reserved() -> None:
    shop = Shop(1, PAYMENTS, refund_share=1.0)
    done: Counter[str] = Counter()
    for number in range(PAYMENTS):
        for create in dict.fromkeys(shop.follow(captured(number))):
            command = create.command
            if command.type != "refund.create":
                continue
            reserved = told("refund.reserved", number, refundId=command.refund_id)
            following = [one.command for one in shop.follow(reserved)]
            assert len(following) == (not command.automatic)
            for one in following:
                done[one.type] += 1
                assert one.refund_id == command.refund_id
    assert done.keys() == {"refund.capture", "refund.cancel"}
