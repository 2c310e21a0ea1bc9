"""What an auditor finds, and by which guarantee it is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

SHOWN_FINDINGS = 5

GUARANTEES = {
    "I1": "at most one effect at the provider per command and operation",
    "I2": "every command is answered exactly once, by an event or a dead letter",
    "I3": "nothing is captured or cancelled without an intent, never both",
    "I4": "the refunds of a payment never exceed what was captured",
    "I5": "no event contradicts the provider's ledger, or itself",
    "I6": "the events of a payment have gap-free sequences, an order and ids of their own",
    "I7": "the provider's protocol is kept",
    "I8": "nothing stays reserved or active past its intent",
}


class Finding(NamedTuple):
    """One break of a guarantee."""

    guarantee: str
    text: str


def lines(guarantees: Mapping[str, str], findings: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One line a guarantee, with its first findings."""
    for name, what in guarantees.items():
        found = findings[name]
        yield f"{name}  {'FAILS' if found else 'holds'}  {what}"
        yield from (f"      {text}" for text in found[:SHOWN_FINDINGS])
        if len(found) > SHOWN_FINDINGS:
            yield f"      and {len(found) - SHOWN_FINDINGS} more"
