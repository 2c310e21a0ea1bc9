"""What an auditor finds, and by which guarantee it is wrong."""

from typing import NamedTuple

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
