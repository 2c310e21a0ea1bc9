"""What the changelog holds: states under their keys, and one checkpoint for each partition.

The checkpoint is written in the transactions that pass commands, so that "processed" means "durably in the
state". It names the partition count and the group, since under others the keys would meet foreign state and
nobody would be fenced.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.kafka.log import Entry

CHECKPOINT_KEY = b"checkpoint"
VERSION_HEADER = "v"
CHECKPOINT_VERSION = 1


class Unreadable(Exception):
    """The changelog holds what this version cannot read or must not use; the partition stays closed."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`position`: the next command to accept. `released`: the last owner let go in order, and on these keys
    an effect was under way that may still change something; None: it did not let go, or while an owner before
    it might still act.
    """

    position: int
    partition_count: int
    group_id: str
    released: tuple[str, ...] | None = None


@dataclass(slots=True)
class Restored:
    """What a new owner has read back."""

    states: dict[str, bytes] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    count: int = 0
    """Entries read."""
    later: dict[str, int] = field(default_factory=dict)
    """Of states that stand there by a later version than can be read: that version."""

    def take(self, entries: Sequence[Entry], state_version: int) -> None:
        """Take entries in, oldest first; `require_readable` once all are. Raises Unreadable."""
        self.count += len(entries)
        for entry in entries:
            if entry.key == CHECKPOINT_KEY:
                self.checkpoint = read_checkpoint(entry)
                continue
            key = _key(entry)
            version = 0 if entry.value is None else _version(entry)
            self.later.pop(key, None)
            if entry.value is None:
                self.states.pop(key, None)
            elif version > state_version:
                self.later[key] = version
            else:
                self.states[key] = entry.value

    def require_readable(self, state_version: int) -> None:
        """What a later version wrote and overwrote or forgot since is in nobody's way. Raises Unreadable."""
        for key, version in self.later.items():
            raise Unreadable(
                f"the state of {key} has version {version}, this instance reads up to {state_version}"
            )


def state_entry(key: str, state: bytes | None, version: int) -> Entry:
    headers = () if state is None else ((VERSION_HEADER, str(version).encode()),)
    return Entry(key.encode(), state, headers)


def checkpoint_entry(checkpoint: Checkpoint) -> Entry:
    fields: dict[str, object] = {
        "position": checkpoint.position,
        "partitions": checkpoint.partition_count,
        "group": checkpoint.group_id,
    }
    if checkpoint.released is not None:
        fields["released"] = checkpoint.released
    value = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return Entry(CHECKPOINT_KEY, value, ((VERSION_HEADER, str(CHECKPOINT_VERSION).encode()),))


def read_checkpoint(entry: Entry) -> Checkpoint:
    """Raises Unreadable for a later version or bytes that are no checkpoint."""
    if _version(entry) > CHECKPOINT_VERSION:
        raise Unreadable(
            f"the checkpoint has version {_version(entry)}, this instance reads {CHECKPOINT_VERSION}"
        )
    try:
        fields: Mapping[str, object] = json.loads(entry.value or b"")
        position, count, group = fields["position"], fields["partitions"], fields["group"]
        released = fields.get("released")
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise Unreadable(f"the checkpoint cannot be read: {type(broken).__name__}") from broken
    if (
        not isinstance(position, int)
        or not isinstance(count, int)
        or not isinstance(group, str)
        or not isinstance(released, list | None)
    ):
        raise Unreadable("the checkpoint cannot be read: a field is not of its type")
    return Checkpoint(position, count, group, None if released is None else tuple(map(str, released)))


def _key(entry: Entry) -> str:
    try:
        return entry.key.decode()
    except UnicodeDecodeError as broken:
        raise Unreadable(
            f"the state topic holds a record that is none of ours, under {entry.key!r}"
        ) from broken


def _version(entry: Entry) -> int:
    for name, value in entry.headers:
        if name == VERSION_HEADER and value is not None and value.isdigit():
            return int(value)
    raise Unreadable(f"the record of {entry.key!r} in the state topic names no version")
