"""The tables of schemas/README.md, made from the closed lists and the schemas themselves."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from gateway.codec.event_data import EVENTS
from gateway.domain.vocabulary import DeadLetterReason, Reason
from gateway.published import schemas
from tests.house import markdown

README: Final = Path(__file__).resolve().parents[2] / "schemas" / "README.md"
_MADE: Final = re.compile(r"(<!-- made by make generated: ([a-z ]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)

REASONS: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.PAYMENT_EXISTS: ("a payment of this paymentId has begun", "another paymentId for another attempt"),
    Reason.PAYMENT_NOT_FOUND: (
        "nothing is known of the payment, or it was never started",
        "start it; for a refund of an old payment add `posId` and `orderId`",
    ),
    Reason.WRONG_STATUS: (
        "not in this status; the event says which",
        "wait for the status that it needs, ask anew",
    ),
    Reason.AMOUNT_ABOVE_RESERVED: ("more than is reserved", "a smaller amount"),
    Reason.PARTIAL_CAPTURE_NOT_POSSIBLE: (
        "the provider captures all or nothing here",
        "capture without an amount",
    ),
    Reason.CURRENCY_MISMATCH: ("another currency than the payment's", "the payment's currency"),
    Reason.POINT_OF_SALE_BUSY: (
        "another payment is active there; `provider.candidates` names it",
        "cancel that one, or say `whenBusy: wait`",
    ),
    Reason.POINT_OF_SALE_NOT_FOUND: ("the provider knows no such point of sale", "check the posId"),
    Reason.POINT_OF_SALE_EXISTS: ("the merchantPosId is taken", "another merchantPosId, or delete that one"),
    Reason.POINT_OF_SALE_IN_USE: (
        "payments are open there; `provider.candidates` names them",
        "end them, then delete anew",
    ),
    Reason.BEACON_EXISTS: ("the beacon belongs to another point of sale", "another beaconId"),
    Reason.STORE_NOT_FOUND: (
        "the provider knows no such store",
        "check the storeId (`pos-gateway stores list`)",
    ),
    Reason.STORE_NOT_ACTIVE: ("the store is closed at the provider", "have it opened there"),
    Reason.REFUND_EXISTS: ("a refund of this refundId has begun", "another refundId for another refund"),
    Reason.REFUND_NOT_FOUND: ("nothing is known of the refund", "check the refundId"),
    Reason.REFUND_ABOVE_CAPTURED: ("more than is captured and not refunded yet", "a smaller amount"),
    Reason.REFUND_ABOVE_BALANCE: (
        "more than the merchant's balance at the provider",
        "later, when there is more",
    ),
    Reason.REFUND_TOO_LATE: ("the provider refunds it no more", "pay it back another way"),
    Reason.CANCELLED_BEFORE_START: (
        "a cancel came before anything was at the provider",
        "nothing: it is cancelled",
    ),
    Reason.TOO_MANY_COMMANDS: ("64 commands wait, or 1,000 are remembered", "wait, then the same again"),
    Reason.EXPIRED: ("its time was over, and no effect was found", "a new message, if it is still wanted"),
    Reason.NOT_PERMITTED: ("the provider does not allow it; `provider.code`", "ask the provider"),
    Reason.INVALID_AT_PROVIDER: (
        "the provider calls it invalid, or there is no VAT number; `provider.code`",
        "mend what the code is about",
    ),
    Reason.REJECTED_BY_PROVIDER: ("a refusal that is not known here; `provider.code`", "look the code up"),
    Reason.UNSUPPORTED: ("this provider cannot do it", "do without"),
}

DEAD: Final[Mapping[DeadLetterReason, str]] = {
    DeadLetterReason.TOO_LARGE: "the value is larger than `GATEWAY_COMMAND_MAX_BYTES` (65,536)",
    DeadLetterReason.MALFORMED_ENVELOPE: "attributes that cannot be read, another specversion or content type",
    DeadLetterReason.MISSING_ID: "no id or no source",
    DeadLetterReason.UNKNOWN_TYPE: "no type, or none of this gateway's commands",
    DeadLetterReason.INVALID_DATA: "no value, no JSON in UTF-8, a field missing or wrong: `dlq.message` names it",
    DeadLetterReason.KEY_MISMATCH: "the record's key is not the paymentId or merchantPosId",
    DeadLetterReason.ID_REUSED: "source and id of another message about this payment, with other data",
}


def readme() -> str:
    """The whole file, its tables made anew."""
    tables: Mapping[str, Callable[[], str]] = {
        "commands": _commands,
        "events": _events,
        "reasons": _reasons,
        "dead letters": _dead_letters,
    }
    return _MADE.sub(lambda m: f"{m[1]}\n{tables[m[2]]()}\n\n{m[3]}", README.read_text(encoding="utf-8"))


def _commands() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for path, schema in schemas().items():
            folder, _, type_ = path.partition("/")
            if folder == "commands" and "." in type_ and "headers" not in type_:
                required = schema["required"]
                optional = [name for name in schema["properties"] if name not in required]
                yield f"`{type_}`", schema["description"], _names(required), _names(optional)

    return markdown.table(("`ce_type`", "what it asks", "always", "may be left out"), rows())


def _events() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for type_, kind in EVENTS.items():
            added = dict.fromkeys(
                name for shape in kind.shapes for part in shape.parts[1:-1] for name in part.__annotations__
            )
            own = [name for name in added if not name.startswith("command")]
            yield f"`{type_}`", kind.when, _names(own)

    return markdown.table(("`ce_type`", "when", "what it adds"), rows())


def _reasons() -> str:
    rows = ((f"`{reason}`", *REASONS[reason]) for reason in Reason)
    return markdown.table(("`reason`", "why", "what to do"), rows)


def _dead_letters() -> str:
    rows = ((f"`{reason}`", DEAD[reason]) for reason in DeadLetterReason)
    return markdown.table(("`dlq.reason`", "why"), rows)


def _names(names: list[str]) -> str:
    return ", ".join(names)
