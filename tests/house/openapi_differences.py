"""What the sandbox's document says otherwise than a provider's: `python -m tests.house.openapi_differences FILE`.

Prose does not count, nor who serves it. Each difference that is meant has its reason below; the program ends with
1 at any other.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gateway.sandbox.openapi import document

PROSE = {"servers", "description", "example", "examples", "title", "summary", "externalDocs"}
NOT_COMPARED = {"info", "tags", "openapi"}
SIMULATION = "/pos/app/usersimulation/"
METHODS = ("get", "post", "delete")

REASONS = (
    (
        "connect/token",
        "the token endpoint is documented elsewhere (integrator authentication), and served here",
    ),
    ("/links", "what a creating call has made can be followed by a machine"),
    ("/Token", "schemas of the token endpoint"),
    (f"{SIMULATION}*/responses/400", "the simulation says why a user cannot do something"),
    (f"{SIMULATION}*/parameters", "the simulation needs a token, which the provider's document leaves out"),
    ("responses/415", "another content type is refused as the provider's framework does, and said openly"),
    ("/pos/v10/refunds/{refundid}/capture/post/responses/404", "code 1004 comes with a body (error table)"),
)


def differences(ours: Any, theirs: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    """Place, ours, theirs."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted({*ours, *theirs}):
            if name not in PROSE:
                yield from differences(ours.get(name), theirs.get(name), f"{place}/{name}")
    elif ours != theirs:
        yield place, _shown(ours), _shown(theirs)


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Lists whose order means nothing become sorted or keyed; a schema in an `allOf` of its own becomes itself."""
    told = {name: value for name, value in document.items() if name not in NOT_COMPARED}
    return dict(_plain(told))


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        found = {key: _plain(one, key) for key, one in value.items() if key not in PROSE}
        only = found.get("allOf")
        return only[0] if only and found.keys() == {"allOf"} and len(only) == 1 else found
    if isinstance(value, list) and name == "parameters":
        return {f"{one['in']} {one['name']}": _plain(one) for one in value}
    if isinstance(value, list) and name in ("required", "enum"):
        return sorted(value)
    return [_plain(one) for one in value] if isinstance(value, list) else value


def reason_of(place: str) -> str:
    for pattern, reason in REASONS:
        parts = pattern.split("*")
        if all(part in place for part in parts):
            return reason
    return ""


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) < 90 else f"{text[:90]}…"


def main(path: str) -> int:
    theirs = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    unexplained, told = 0, 0
    for place, one, other in differences(comparable(document()), comparable(theirs)):
        reason = reason_of(place)
        told, unexplained = told + 1, unexplained + (not reason)
        print(f"{place}\n    ours {one}; theirs {other}\n    {reason or 'NO REASON'}")
    print(f"{told} differences, {unexplained} without a reason")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
