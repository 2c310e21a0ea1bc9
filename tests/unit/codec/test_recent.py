"""What was written moments ago need not be read, and nothing is held for longer than it is worth."""

from dataclasses import replace

from gateway.codec.recent import RecentStates
from gateway.domain.state import PaymentState
from gateway.published.state_examples import initiating


def numbered(number: int) -> PaymentState:
    return replace(initiating(), payment_id=f"order-{number}", sequence=number)


def test_a_state_just_written_is_the_object_and_one_long_ago_is_read_from_its_bytes() -> None:
    states = RecentStates(most_under_way=3, most_settled=2)
    first = numbered(0)
    values = [states.encode(first, under_way=True)]
    assert states.decode(values[0]) is first
    values += [states.encode(numbered(number), under_way=True) for number in range(1, 4)]
    assert states.decode(values[0]) == first and states.decode(values[0]) is not first
    assert [states.decode(value) for value in values] == [numbered(number) for number in range(4)]


def test_what_is_settled_makes_no_room_among_what_is_under_way_and_leaves_it_empty() -> None:
    states = RecentStates(most_under_way=3, most_settled=2)
    busy = numbered(100)
    value = states.encode(busy, under_way=True)
    for number in range(20):
        settled = states.encode(numbered(number), states.encode(numbered(1000 + number), under_way=True))
        assert states.decode(value) is busy and states.decode(settled) == numbered(number)
    assert list(states._under_way.values()) == [busy]
    assert list(states._settled.values()) == [numbered(18), numbered(19)]


def test_the_same_state_written_again_is_held_once() -> None:
    states = RecentStates(most_under_way=2, most_settled=2)
    one, other = numbered(1), numbered(2)
    values = [states.encode(one), states.encode(other), states.encode(one), states.encode(one)]
    assert states.decode(values[0]) is one and states.decode(values[1]) is other
