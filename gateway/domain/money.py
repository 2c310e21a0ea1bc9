"""Money as the gateway reckons it: integer minor units of one currency, never a float."""

from dataclasses import dataclass
from enum import StrEnum

MIN_VALUE = 1
MAX_VALUE = 10**12


class Currency(StrEnum):
    """The currencies that the PoS API takes; both have two decimals."""

    DKK = "DKK"
    EUR = "EUR"


@dataclass(frozen=True, slots=True)
class Money:
    """`value` minor units (øre, cents) of `currency`: 1250 DKK is 12.50 kroner."""

    value: int
    currency: Currency
