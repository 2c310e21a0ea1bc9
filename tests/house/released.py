"""The released versions of the contract, as they lie in `schemas/released`, and how today's stands to them.

Commands are read: what older senders send must be taken. Events and dead letters are written: older readers must
take what is told. State is both, within one version of it: in a rolling upgrade each side reads the other's.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.published.examples import Example
from tests.house.compatibility import Schema, narrowings, removals, said

RELEASED = Path(__file__).resolve().parents[2] / "schemas" / "released"
DIGESTS = RELEASED / "digests.txt"
COMPOSED = {"commands/structured", "commands/structured.headers"}
"""Made of the other schemas of commands, word for word."""


def versions() -> list[str]:
    return sorted(path.name for path in RELEASED.iterdir() if path.is_dir())


def schemas_of(version: str) -> dict[str, Schema]:
    """By path, as `gateway.published.schemas` names them."""
    folder = RELEASED / version
    found = {}
    for path in folder.rglob("*.json"):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if not name.startswith("examples/"):
            found[name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def examples_of(version: str) -> dict[str, Example]:
    """By path, as `gateway.published.example_messages` names them."""
    folder = RELEASED / version / "examples"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): Example(
            **json.loads(path.read_text(encoding="utf-8"))
        )
        for path in folder.rglob("*.json")
    }


def digest(version: str) -> str:
    """Over every file of the version and its name."""
    whole = hashlib.sha256()
    for path in sorted((RELEASED / version).rglob("*")):
        if path.is_file():
            name = path.relative_to(RELEASED / version).as_posix()
            whole.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def breaks(released: dict[str, Schema], today: dict[str, Schema]) -> list[str]:
    """What somebody who was built on the released version would stumble over."""
    found: list[str] = []
    for path, before in released.items():
        if path in COMPOSED:
            continue
        if path not in today:
            # Another version of the state is another schema; that older records are read, their examples show.
            found += [] if path.startswith("state/") else [f"{path}: is gone"]
            continue
        found += [f"{path}: {problem}" for problem in _breaks(path, before, today[path])]
    return found


def _breaks(path: str, before: Schema, after: Schema) -> Iterator[str]:
    yield from removals(before, after)
    folder = path.partition("/")[0]
    if path.endswith("/headers"):
        gone = _types(before) - _types(after)
        yield from (f"the type {type_} is gone" for type_ in sorted(gone))
        before, after = _without_types(before), _without_types(after)
    if folder in ("commands", "state"):
        yield from (f"as its reader: {each}" for each in narrowings(before, after))
    if folder in ("events", "dead-letters", "state"):
        yield from (f"as its writer: {each}" for each in narrowings(after, before))


def _types(headers: Schema) -> set[str]:
    return set(headers["properties"].get("ce_type", {}).get("enum", ()))


def _without_types(headers: Schema) -> Schema:
    """A reader passes over a type that it does not know, so there may be more of them."""
    fields: dict[str, Any] = headers["properties"]
    return headers | {"properties": {name: field for name, field in fields.items() if name != "ce_type"}}


def differences(released: dict[str, Schema], today: dict[str, Schema]) -> list[str]:
    """The schemas that say something else, state apart, whose own version is in its name."""
    both = {path for path in (*released, *today) if not path.startswith("state/")}
    return sorted(path for path in both if said(released.get(path)) != said(today.get(path)))


def digests() -> str:
    """What `digests.txt` says of the versions as they lie there."""
    return "".join(f"{version}  {digest(version)}\n" for version in versions())


if __name__ == "__main__":
    DIGESTS.write_text(digests(), encoding="utf-8")
