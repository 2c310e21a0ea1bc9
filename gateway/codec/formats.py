"""The formats of command fields, each said once: what pydantic checks, the JSON Schema shows and a problem
says.

Texts: 1 to 36 characters of the API's set (API formats: printable ASCII, the Nordic and Western European
letters, a list of signs). Strict: a boolean is no integer, 1.0 is none either, and nothing is made out of a
string.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gateway.domain.money import MAX_VALUE, MIN_VALUE

LONGEST_TEXT_CHARACTERS: Final = 36

CHARACTERS: Final = (
    " -~"
    "æÆøØåÅ"
    "äÄöÖšŠžŽâÂàÀáÁãÃéÉêÊëËèÈíÍîÎïÏìÌüÜûÛùÙúÚôÔòÒóÓõÕÿýÝñÑ"
    "¦¯¨\u00b4\u00d7"
    "«»ðþçß¤ÇµÐÞ±°ªº©§¶¼½¾¬®¢£¥¡¿¹²³"
)
"""The inside of a regular expression's brackets; ` -~` is all of printable ASCII."""

UUID: Final = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

TEXT_PATTERN: Final = f"^[{CHARACTERS}]*$"
UUID_PATTERN: Final = f"^{UUID}$"
VAT_PATTERN: Final = "^(?:DK|FI)[0-9]{8}$"
BEACON_PATTERN: Final = f"^(?:[0-9]{{15}}|{UUID})$"

PATTERN_PROBLEMS: Final = {
    TEXT_PATTERN: "has a character that the API does not take",
    UUID_PATTERN: "must be a UUID",
    VAT_PATTERN: "must be DK or FI and 8 digits",
    BEACON_PATTERN: "must be 15 digits or a UUID",
}

Text = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=LONGEST_TEXT_CHARACTERS, pattern=TEXT_PATTERN),
]
Uuid = Annotated[str, StringConstraints(strict=True, pattern=UUID_PATTERN, to_lower=True)]
"""Either case is taken; lower case is what it means, is sent and is compared."""

VatNumber = Annotated[str, StringConstraints(strict=True, pattern=VAT_PATTERN)]
BeaconId = Annotated[str, StringConstraints(strict=True, pattern=BEACON_PATTERN, to_lower=True)]
MinorUnits = Annotated[int, Field(strict=True, ge=MIN_VALUE, le=MAX_VALUE)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=3600)]
Flag = Annotated[bool, Field(strict=True)]


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("each_once", "must name each type once")
    return values


BeaconTypes = Annotated[
    tuple[Literal["QR", "NFC", "Bluetooth"], ...],
    Field(min_length=1, max_length=3),
    AfterValidator(_each_once),
    Field(json_schema_extra={"uniqueItems": True}),
]
