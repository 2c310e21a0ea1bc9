"""Wake times: one for each key, the latest word counts."""

import random

from gateway.kafka.schedule import Schedule


def test_the_earliest_comes_first_and_not_before_its_time() -> None:
    schedule = Schedule()
    schedule.set("b", 2.0)
    schedule.set("a", 1.0)
    assert schedule.next_at() == 1.0
    assert schedule.pop_due(0.999) is None
    assert schedule.pop_due(1.0) == "a"
    assert schedule.pop_due(1.5) is None
    assert schedule.pop_due(9.0) == "b"
    assert schedule.next_at() is None
    assert len(schedule) == 0


def test_a_new_time_replaces_the_old_one_either_way_and_none_removes_it() -> None:
    schedule = Schedule()
    schedule.set("later", 1.0)
    schedule.set("later", 5.0)
    schedule.set("earlier", 5.0)
    schedule.set("earlier", 2.0)
    schedule.set("gone", 0.5)
    schedule.set("gone", None)
    schedule.set("never", None)
    assert schedule.next_at() == 2.0
    assert [schedule.pop_due(4.0), schedule.pop_due(4.0)] == ["earlier", None]
    assert [schedule.pop_due(5.0), schedule.pop_due(9.0)] == ["later", None]


def test_keys_due_together_come_in_the_order_in_which_they_were_set() -> None:
    schedule = Schedule()
    for key in "dbca":
        schedule.set(key, 1.0)
    schedule.set("b", 1.0)
    assert [schedule.pop_due(1.0) for _ in range(4)] == ["d", "b", "c", "a"]


def test_it_agrees_with_a_dictionary_and_outdated_entries_do_not_pile_up() -> None:
    draws, schedule, times = random.Random(7), Schedule(), dict[str, float]()
    for step in range(20_000):
        key = f"k{draws.randrange(50)}"
        at = None if draws.random() < 0.2 else step + draws.random() * 500
        schedule.set(key, at)
        times.pop(key, None)
        if at is not None:
            times[key] = at
        if step % 100 == 0:
            while (popped := schedule.pop_due(step)) is not None:
                assert times[popped] == min(times.values())
                del times[popped]
            assert schedule.next_at() == min(times.values(), default=None)
        assert len(schedule) == len(times)
    assert len(schedule._heap) <= 64 + 2 * 50
