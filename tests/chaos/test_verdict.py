"""The judges of a run: each finds what it is there for, and nothing in what is as it should be."""

import json

import pytest

from tests.chaos.verdict import (
    Canaries,
    Opening,
    Sample,
    Tenure,
    Write,
    openings,
    quantile,
    stale_writes,
    standstills,
    takeovers,
    unexcused,
)

LEASE_SECONDS = 5.0
OPENINGS = [Opening(100.0, "old", 0), Opening(200.0, "new", 0)]
TENURES = Tenure.by_partition(OPENINGS)


def stale(*writes: Write) -> list[str]:
    return list(stale_writes(writes, OPENINGS, lambda _: 0, LEASE_SECONDS))


def test_each_owner_writes_in_its_time() -> None:
    assert not stale(Write(150.0, "old", "pay"), Write(201.0, "new", "pay"), Write(230.0, "new", "pay"))


def test_the_old_owner_may_use_its_lease_while_the_new_one_waits() -> None:
    assert not stale(Write(204.0, "old", "pay"), Write(206.0, "new", "pay"))


@pytest.mark.parametrize(
    "writes",
    [
        (Write(201.0, "new", "pay"), Write(201.5, "old", "pay")),
        (Write(207.0, "old", "pay"),),
        (Write(99.0, "old", "pay"),),
        (Write(150.0, "new", "pay"),),
    ],
    ids=["after the new owner", "after its lease", "before anybody", "never its own"],
)
def test_whoever_writes_without_owning_is_found(writes: tuple[Write, ...]) -> None:
    assert len(stale(*writes)) == 1


def test_an_owner_that_got_the_partition_back_is_none() -> None:
    found = [*OPENINGS, Opening(300.0, "old", 0)]
    writes = [Write(201.0, "new", "pay"), Write(301.0, "old", "pay")]
    assert not list(stale_writes(writes, found, lambda _: 0, LEASE_SECONDS))


@pytest.mark.parametrize(("new_acts_at", "findings"), [(None, 0), (201.0, 1)])
def test_one_that_was_overtaken_while_it_opened_owns_only_what_it_acts_on(
    new_acts_at: float | None, findings: int
) -> None:
    found = [OPENINGS[0], OPENINGS[1]._replace(fenced_at=203.0)]
    writes = [Write(150.0, "new", "pay"), Write(202.0, "old", "pay"), Write(230.0, "old", "pay")]
    found.insert(0, Opening(90.0, "new", 0))
    writes += [Write(new_acts_at, "new", "pay")] if new_acts_at is not None else []
    told = list(stale_writes(writes, found, lambda _: 0, LEASE_SECONDS))
    assert len([one for one in told if "by old" in one]) >= findings
    assert bool(findings) == any("by old" in one for one in told)


def test_openings_are_read_from_the_logs() -> None:
    line = {"time": "2026-11-24T12:00:00.500000Z", "event": "partition open", "partition": 3}
    text = b"not json\n" + json.dumps(line).encode() + b"\n"
    assert openings({"gateway-1.0.2.log": text}) == [Opening(1795521600.5, "1.0.2", 3)]
    closed = line | {"event": "partition closed", "cause": "fenced", "time": "2026-11-24T12:00:01.500000Z"}
    text += json.dumps(closed).encode() + b"\n"
    assert openings({"gateway-1.0.2.log": text}) == [Opening(1795521600.5, "1.0.2", 3, 1795521601.5)]


def moving(offsets: list[int], *, seen: bool = False, lag: int = 1) -> list[Sample]:
    return [Sample(10.0 * n, {0: lag}, {0: offset}, seen) for n, offset in enumerate(offsets)]


def test_a_partition_that_stands_still_unseen_is_found_once() -> None:
    assert len(list(standstills(moving([7, 7, 7, 7, 7, 7, 7])))) == 1


@pytest.mark.parametrize(
    "samples",
    [
        moving([1, 2, 3, 4, 5, 6, 7]),
        moving([7, 7, 7, 8, 8, 8, 8]),
        moving([7, 7, 7, 7, 7, 7, 7], seen=True),
        moving([7, 7, 7, 7, 7, 7, 7], lag=0),
    ],
    ids=["moving", "moving at last", "told", "nothing to do"],
)
def test_what_moves_or_says_so_stands_not_still_unseen(samples: list[Sample]) -> None:
    assert not list(standstills(samples))


def test_canaries_are_named_and_never_shown() -> None:
    token = "ab" * 20
    canaries = Canaries({"the secret": b"hunter22"}, frozenset({token.encode()}))
    assert canaries.shown_in(b"password=hunter22") == ["the secret"]
    assert canaries.shown_in(b"Bearer " + token.encode()) == ["a token"]
    assert canaries.shown_in(b"digest 00" + token.encode()) == ["a token"]
    assert not canaries.shown_in(b"digest " + b"cd" * 20)


def test_a_take_over_lasts_until_the_next_owner_writes() -> None:
    writes = [Write(190.0, "old", "pay"), Write(203.0, "new", "pay"), Write(204.0, "new", "pay")]
    assert takeovers([(195.0, "old")], writes, TENURES, lambda _: 0) == [8.0]
    assert takeovers([(195.0, "another")], writes, TENURES, lambda _: 0) == []


def test_quantiles_are_of_the_nearest_rank() -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0
    assert quantile([1.0, 2.0], 0.99) == 2.0
    assert quantile([], 0.99) == 0.0


@pytest.mark.parametrize(
    ("name", "at", "stays"),
    [
        ("polled_too_early", 11.6, False),
        ("polled_too_early", 11.4, True),
        ("polled_too_early", 9.0, True),
        ("concurrent_requests", 11.6, True),
    ],
    ids=["a pace later", "sooner", "the first", "something else"],
)
def test_only_a_poll_after_one_that_may_have_gone_unheard_is_excused(
    name: str, at: float, stays: bool
) -> None:
    violation = {"name": name, "at": at, "resource": "r"}
    assert bool(unexcused([violation], {"r": [10.0, 12.0]}, 1.5)) == stays


@pytest.mark.parametrize(
    ("broken_at", "stays"),
    [(9.8, False), (8.9, True), (9.95, True), (10.5, True)],
    ids=["while it was on its way", "long before", "no whole pace ago", "after it"],
)
def test_a_poll_that_was_on_its_way_when_the_wire_broke_may_arrive_after_its_sender_gave_it_up(
    broken_at: float, stays: bool
) -> None:
    violation = {"name": "polled_too_early", "at": 11.4, "resource": "r"}
    assert bool(unexcused([violation], {"r": [10.0, 11.4]}, 1.5, [broken_at])) == stays
