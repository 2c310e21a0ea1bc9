"""The API's formats ("Formats" in the provider's documents): texts, amounts, ids, VAT numbers, versions."""

from __future__ import annotations

import re
from decimal import Decimal

TEXT_LENGTH_MAX = 36
AMOUNT_DIGITS_MAX = 15

_CHARACTERS = frozenset(
    "0123456789"
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "æÆøØåÅ"
    "äÄöÖšŠžŽâÂàÀáÁãÃéÉêÊëËèÈíÍîÎïÏìÌüÜûÛùÙúÚôÔòÒóÓõÕÿýÝñÑ"
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¦¯¨\u00b4\u00d7"
    "«»ðþçß¤ÇµÐÞ±°ªº©§¶¼½¾¬®¢£¥¡¿¹²³"
    " "
)
_VAT = re.compile(r"(?:DK|FI)[0-9]{8}")
_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_BEACON_DIGITS = re.compile(r"[0-9]{15}")
_BRAND = re.compile(r"(?:MPPOS|POSDK|POSFI)[0-9]{5}")


def valid_text(value: object) -> bool:
    """At most 36 characters, all of the API's set. Empty is valid here; ids ask for more with `valid_id`."""
    return isinstance(value, str) and len(value) <= TEXT_LENGTH_MAX and _CHARACTERS.issuperset(value)


def valid_id(value: object) -> bool:
    return valid_text(value) and value != ""


def valid_vat(value: str) -> bool:
    return _VAT.fullmatch(value) is not None


def valid_version(value: str) -> bool:
    return _VERSION.fullmatch(value) is not None


def valid_brand(value: str) -> bool:
    return _BRAND.fullmatch(value) is not None


def valid_location(value: str) -> bool:
    return len(value) == 5 and value.isascii() and value.isprintable()


def as_uuid(value: object) -> str | None:
    """The UUID in lower case, or None."""
    if isinstance(value, str) and _UUID.fullmatch(value):
        return value.lower()
    return None


def as_beacon(value: object) -> str | None:
    """A beacon id is 15 digits or a GUID."""
    if isinstance(value, str) and _BEACON_DIGITS.fullmatch(value):
        return value
    return as_uuid(value)


def as_minor_units(value: object) -> int | None:
    """A positive JSON number with at most two decimals, in minor units; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    if not number.is_finite() or number.adjusted() >= AMOUNT_DIGITS_MAX or number.adjusted() < -2:
        return None
    if len(number.as_tuple().digits) > AMOUNT_DIGITS_MAX + 8:
        return None
    minor = number * 100
    if minor <= 0 or minor != minor.to_integral_value():
        return None
    return int(minor)
