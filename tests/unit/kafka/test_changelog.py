"""What stands in the state topic, and what must not be read."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kafka.changelog import (
    CHECKPOINT_KEY,
    Checkpoint,
    Restored,
    Unreadable,
    checkpoint_entry,
    read_checkpoint,
    state_entry,
)
from gateway.kafka.log import Entry


def restored(entries: Sequence[Entry], version: int = 1) -> Restored:
    found = Restored()
    found.take(entries, version)
    return found


@given(
    st.integers(0, 2**63),
    st.integers(1, 1000),
    st.text(),
    st.none() | st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
)
def test_a_checkpoint_comes_back_as_it_was(
    position: int, count: int, group: str, released: list[str] | None
) -> None:
    mark = Checkpoint(position, count, group, None if released is None else tuple(released))
    entry = checkpoint_entry(mark)
    assert entry.key == CHECKPOINT_KEY
    assert read_checkpoint(entry) == mark


def test_the_bytes_of_a_checkpoint() -> None:
    """Another version of the gateway reads them in a rolling upgrade."""
    plain = checkpoint_entry(Checkpoint(17, 12, "pos-gateway"))
    assert plain == Entry(
        b"checkpoint", b'{"position":17,"partitions":12,"group":"pos-gateway"}', (("v", b"1"),)
    )
    marked = checkpoint_entry(Checkpoint(17, 12, "g", ("p:\u00f8",)))
    assert marked.value == '{"position":17,"partitions":12,"group":"g","released":["p:\u00f8"]}'.encode()


def test_the_last_word_on_each_key_counts_and_a_tombstone_removes() -> None:
    found = restored(
        [
            state_entry("p:1", b"old", 1),
            checkpoint_entry(Checkpoint(1, 1, "g")),
            state_entry("p:2", b"gone", 1),
            state_entry("p:1", b"new", 1),
            state_entry("p:2", None, 1),
            state_entry("p:unheard-of", None, 1),
            checkpoint_entry(Checkpoint(2, 1, "g")),
        ]
    )
    assert found.states == {"p:1": b"new"}
    assert found.checkpoint == Checkpoint(2, 1, "g")
    assert found.count == 7


def test_a_state_of_a_later_version_is_not_read_an_earlier_one_is() -> None:
    assert restored([state_entry("p:1", b"x", 1)], version=2).states == {"p:1": b"x"}
    with pytest.raises(Unreadable, match="p:1 has version 2, this instance reads up to 1"):
        restored([state_entry("p:1", b"x", 2)], version=1).require_readable(1)


@pytest.mark.parametrize("last", [state_entry("p:1", b"old", 1), state_entry("p:1", None, 1)])
def test_a_later_version_that_has_gone_again_is_in_nobodys_way(last: Entry) -> None:
    found = restored([state_entry("p:1", b"x", 2), last])
    found.require_readable(1)
    assert found.states == ({} if last.value is None else {"p:1": b"old"})


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"p:1", b"no version", ()),
        Entry(b"p:1", b"version of null", (("v", None),)),
        Entry(b"p:1", b"no number", (("v", b"one"),)),
        Entry(b"\xff\xfe", b"no key of ours", (("v", b"1"),)),
        Entry(b"\xff\xfe", None, ()),
        Entry(b"", b"x", ()),
    ],
)
def test_what_the_gateway_did_not_write_is_not_guessed_at(entry: Entry) -> None:
    with pytest.raises(Unreadable):
        restored([entry])


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"17",
        b"\xff",
        b'{"position":"17","partitions":1,"group":"g"}',
        b'{"position":17,"group":"g"}',
        b'{"position":17,"partitions":1,"group":7}',
        b'{"position":17,"partitions":1,"group":"g","released":"p:1"}',
    ],
)
def test_a_broken_checkpoint_is_unreadable_never_an_empty_one(value: bytes | None) -> None:
    with pytest.raises(Unreadable):
        read_checkpoint(Entry(CHECKPOINT_KEY, value, (("v", b"1"),)))


def test_a_checkpoint_of_a_later_version_is_not_read() -> None:
    with pytest.raises(Unreadable, match="version 2"):
        read_checkpoint(Entry(CHECKPOINT_KEY, json.dumps({"position": 1}).encode(), (("v", b"2"),)))
