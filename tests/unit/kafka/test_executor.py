"""Which effect runs next: bounded, by urgency, the last places never for first starts."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.kafka.executor import Executor
from gateway.kafka.handler import Urgency


def test_first_starts_leave_the_reserved_places_free() -> None:
    executor: Executor[str] = Executor(max_running=3, reserved_for_pending=1)
    assert executor.submit("f1", Urgency.FIRST) == ["f1"]
    assert executor.submit("f2", Urgency.FIRST) == ["f2"]
    assert executor.submit("f3", Urgency.FIRST) == []
    assert executor.submit("read", Urgency.READ) == ["read"]
    assert executor.submit("capture", Urgency.PENDING) == []
    assert (executor.running, executor.waiting) == (3, 2)
    assert executor.done() == ["capture"]
    # Three run, none of them one too many; a first start comes only where two or fewer do.
    assert executor.done() == []
    assert executor.done() == ["f3"]


def test_what_waits_starts_by_urgency_then_in_order() -> None:
    executor: Executor[str] = Executor(max_running=1, reserved_for_pending=0)
    executor.submit("running", Urgency.READ)
    for name, urgency in (
        ("f", Urgency.FIRST),
        ("r1", Urgency.READ),
        ("p", Urgency.PENDING),
        ("r2", Urgency.READ),
    ):
        assert executor.submit(name, urgency) == []
    assert [executor.done() for _ in range(5)] == [["p"], ["r1"], ["r2"], ["f"], []]
    assert (executor.running, executor.waiting) == (0, 0)


def test_clear_forgets_what_waits_and_still_counts_what_runs() -> None:
    executor: Executor[str] = Executor(max_running=2, reserved_for_pending=1)
    executor.submit("a", Urgency.PENDING)
    executor.submit("b", Urgency.PENDING)
    executor.submit("forgotten", Urgency.READ)
    executor.clear()
    assert executor.submit("c", Urgency.READ) == []
    assert executor.done() == ["c"]
    assert (executor.running, executor.waiting) == (2, 0)


@given(
    st.integers(1, 6),
    st.integers(0, 5),
    st.lists(st.one_of(st.none(), st.sampled_from(list(Urgency))), max_size=80),
)
def test_bounds_hold_and_nothing_waits_beside_a_place_that_it_may_have(
    most: int, reserved: int, steps: list[Urgency | None]
) -> None:
    reserved = min(reserved, most - 1)
    executor: Executor[tuple[int, Urgency]] = Executor(most, reserved)
    submitted = started = ended = 0
    waiting: list[tuple[int, Urgency]] = []
    for step in steps:
        if step is None:
            if ended == started:
                continue
            ended += 1
            begun = executor.done()
        else:
            waiting.append((submitted, step))
            begun = executor.submit((submitted, step), step)
            submitted += 1
        for work in begun:
            assert work == min(w for w in waiting if w[1] is work[1]), "in order among equals"
            waiting.remove(work)
            started += 1
        assert executor.running == started - ended <= most
        assert executor.waiting == len(waiting)
        if any(work[1] is not Urgency.FIRST for work in waiting):
            assert executor.running == most
        elif waiting:
            assert executor.running >= most - reserved
