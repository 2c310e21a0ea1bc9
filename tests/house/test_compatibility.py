"""Today's contract against the released ones; and the comparison itself, by changes that it must find or pass."""

import copy
import random
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from gateway.codec import CommandLimits, decode_point_of_sale, decode_state, read_command
from gateway.domain.commands import Message
from gateway.published import CONTRACT_VERSION, schemas
from gateway.published.examples import COMMANDS as DATA
from tests.house import released
from tests.house.compatibility import Schema, UnknownKeyword, narrowings
from tests.unit.published.test_agreement import ODD, changed, places

TODAY = schemas()
VERSIONS = released.versions()
INITIATE, REJECTED, HEADERS = "commands/payment.initiate", "events/command.rejected", "events/headers"


def test_there_is_a_released_version() -> None:
    assert VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_nobody_who_was_built_on_a_released_version_stumbles(version: str) -> None:
    assert released.breaks(released.schemas_of(version), TODAY) == []


def test_the_contract_says_what_was_released_under_its_version() -> None:
    if CONTRACT_VERSION in VERSIONS:
        differing = released.differences(released.schemas_of(CONTRACT_VERSION), TODAY)
        assert differing == [], "raise CONTRACT_VERSION"


def test_released_versions_are_as_they_were() -> None:
    assert released.DIGESTS.read_text(encoding="utf-8") == released.digests()


@pytest.mark.parametrize("version", VERSIONS)
def test_released_commands_are_read_and_hashed_as_ever(version: str) -> None:
    """The messages in the released states say what each command meant then; its hash tells repeats apart."""
    examples = released.examples_of(version)
    kept: list[Message] = []
    for path, example in examples.items():
        if path.startswith("state/payment"):
            state = decode_state(example.bytes())
            kept += [*state.inbox, *([state.start.message] if state.start else [])]
        elif path.startswith("state/point-of-sale"):
            till = decode_point_of_sale(example.bytes())
            kept += [*till.inbox, *(watch.message for watch in till.watches)]
    meant = {message.type: message for message in kept}
    for path, example in examples.items():
        if path.startswith("commands/"):
            message = read_command(example.record(), CommandLimits())
            assert isinstance(message, Message), f"{path}: {message}"
            if path not in ("commands/payment.initiate.least", "commands/checkin.notified"):
                assert message == meant[message.type]
    assert len(meant) == 11


@pytest.mark.parametrize("version", VERSIONS)
def test_released_events_and_states_keep_todays_schemas(version: str) -> None:
    for path, example in released.examples_of(version).items():
        if path.startswith("events/"):
            jsonschema_rs.validate(TODAY[f"events/{example.headers['ce_type']}"], example.value)
            jsonschema_rs.validate(TODAY[HEADERS], example.headers)


def field(path: str, name: str) -> Callable[[dict[str, Schema]], Schema]:
    """Where the schema of a field stands, through its reference."""

    def find(all_: dict[str, Schema]) -> Schema:
        found: Any = all_[path]
        for part in name.split("/"):
            options = found.get("anyOf", [found])
            found = options[0]["properties"][part]
            if "$ref" in found:
                found = all_[path]["$defs"][found["$ref"].removeprefix("#/$defs/")]
        return found  # type: ignore[no-any-return]

    return find


Change = Callable[[dict[str, Schema]], object]
BREAKS: dict[str, Change] = {
    "a command that is gone": lambda all_: all_.pop("commands/refund.cancel"),
    "a field of a command that is gone": lambda all_: all_[INITIATE]["properties"].pop("label"),
    "a field of a command that must be there": lambda all_: all_[INITIATE]["required"].append("label"),
    "a shorter field": lambda all_: field(INITIATE, "label")(all_).update(maxLength=20),
    "a smaller amount": lambda all_: field(INITIATE, "amount/value")(all_).update(maximum=10**6),
    "another format": lambda all_: field(INITIATE, "posId")(all_).update(pattern="^[0-9a-f]*$"),
    "another type": lambda all_: field(INITIATE, "amount/value")(all_).update(type="string"),
    "a choice less": lambda all_: field(INITIATE, "whenBusy")(all_)["enum"].remove("wait"),
    "a currency less": lambda all_: field(INITIATE, "amount/currency")(all_)["enum"].remove("EUR"),
    "fewer beacon types at once": lambda all_: field("commands/point-of-sale.create", "supportedBeaconTypes")(
        all_
    ).update(maxItems=1),
    "an attribute that must be there": lambda all_: all_["commands/headers"]["required"].append("ce_time"),
    "a type of command that is gone": lambda all_: field("commands/headers", "ce_type")(all_)["enum"].pop(),
    "an event that is gone": lambda all_: all_.pop("events/payment.expired"),
    "a type of event that is gone": lambda all_: field(HEADERS, "ce_type")(all_)["enum"].pop(),
    "a reason that readers do not know": lambda all_: field(REJECTED, "reason")(all_)["enum"].append("new"),
    "a field of an event that may lack": lambda all_: all_["events/payment.captured"]["required"].remove(
        "status"
    ),
    "an answer without its source": lambda all_: all_["events/payment.captured"].pop("dependentRequired"),
    "a word of the provider's that is gone": lambda all_: all_["events/payment.issued"]["$defs"][
        "ProviderData"
    ]["properties"].pop("code"),
    "an amount that may be negative": lambda all_: field("events/payment.captured", "amounts/captured")(
        all_
    ).pop("minimum"),
    "another time": lambda all_: field("events/payment.issued", "occurredAt")(all_).pop("pattern"),
    "a reason of dead letters": lambda all_: field("dead-letters/headers", "dlq.reason")(all_)["enum"].append(
        "x"
    ),
    "a status that older owners do not know": lambda all_: field("state/payment.v1", "status")(all_)[
        "enum"
    ].append("new"),
    "a field of the state without a default": lambda all_: all_["state/payment.v1"]["required"].append(
        "inbox"
    ),
    "a field of the state that is gone": lambda all_: all_["state/payment.v1"]["properties"].pop("inbox"),
}
HARMLESS: dict[str, Change] = {
    "a command more": lambda all_: all_.update({"commands/new": {"type": "object"}}),
    "a field of a command more": lambda all_: all_[INITIATE]["properties"].update(new={"type": "string"}),
    "a longer field": lambda all_: field(INITIATE, "label")(all_).update(maxLength=40),
    "a choice more": lambda all_: field(INITIATE, "whenBusy")(all_)["enum"].append("new"),
    "an event more": lambda all_: field(HEADERS, "ce_type")(all_)["enum"].append("new"),
    "a field of an event more": lambda all_: all_["events/payment.captured"]["properties"].update(new={}),
    "a field of an event that is always there": lambda all_: all_["events/payment.captured"][
        "required"
    ].append("posId"),
    "a field of the state that may lack": lambda all_: all_["state/payment.v1"]["properties"].update(new={}),
    "other words": lambda all_: field(INITIATE, "label")(all_).update(description="other"),
    "another version of the state": lambda all_: all_.update(
        {"state/payment.v2": all_.pop("state/payment.v1")}
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_found(name: str) -> None:
    today = copy.deepcopy(TODAY)
    BREAKS[name](today)
    assert released.breaks(TODAY, today)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_harms_nobody_passes(name: str) -> None:
    today = copy.deepcopy(TODAY)
    HARMLESS[name](today)
    assert released.breaks(TODAY, today) == []


def test_words_alone_are_no_difference_and_a_choice_is() -> None:
    today = copy.deepcopy(TODAY)
    HARMLESS["other words"](today)
    assert released.differences(TODAY, today) == []
    HARMLESS["a choice more"](today)
    assert released.differences(TODAY, today) == [INITIATE]


def test_a_keyword_that_is_not_compared_is_never_passed_over() -> None:
    with pytest.raises(UnknownKeyword, match="multipleOf"):
        narrowings({"type": "object"}, {"type": "object", "multipleOf": 2})


def mutated(schema: Schema, draws: random.Random) -> Schema:
    """Something of it said otherwise, by chance."""
    whole = copy.deepcopy(schema)
    parts: list[dict[str, Any]] = []

    def visit(part: Any) -> None:
        if isinstance(part, dict):
            parts.append(part)
            for inner in part.values():
                visit(inner)

    visit(whole)
    part = draws.choice([each for each in parts if set(each) & {"type", "required"}])
    name = draws.choice(
        [*(set(part) & {"maxLength", "maximum", "minimum", "pattern", "enum", "required", "type"})]
    )
    match part[name]:
        case int() as bound:
            part[name] = bound + draws.choice((-1, 1))
        case list() as values:
            part[name] = [*values[1:]] if draws.random() < 0.5 else [*values, "label"]
        case _:
            part.pop(name)
    return whole


def test_what_is_found_compatible_takes_all_that_was_taken() -> None:
    """By chance: changed schemas of a command, and data at the edges of the first."""
    before = TODAY[INITIATE]
    data = DATA["payment.initiate"]
    instances = [changed(data, place, value) for place in places(data) for value in [*ODD, ...]]
    old = jsonschema_rs.Draft202012Validator(before)
    taken = [each for each in instances if old.is_valid(each)]
    passed = caught = 0
    for seed in range(600):
        after = mutated(before, random.Random(seed))
        new = jsonschema_rs.Draft202012Validator(after)
        refused = any(not new.is_valid(each) for each in taken)
        found = narrowings(before, after)
        assert found or not refused, (seed, after)
        passed, caught = passed + (not found), caught + refused
    assert passed > 50 and caught > 50
