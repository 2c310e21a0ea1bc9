"""State records: the state of a payment or a point of sale as compact JSON, in the fields of the domain type
itself, without those that are None.

The version stands beside the bytes, in the record's header. A new field comes in two releases: first read,
then written; so a reader ignores what it does not know, and every field added after version 1 has a
default. A field that may be None has None for its default, else leaving it out would change it.
"""

from pydantic import TypeAdapter

from gateway.domain.points_of_sale.state import PointOfSaleState
from gateway.domain.state import PaymentState

STATE_VERSION = 1

_PAYMENT = TypeAdapter(PaymentState)
_POINT_OF_SALE = TypeAdapter(PointOfSaleState)
# Without the adapter between, which passes a dozen arguments on.
_write, _read = _PAYMENT.serializer.to_json, _PAYMENT.validator.validate_json


def encode_state(state: PaymentState) -> bytes:
    """The state record's value. Equal states have equal bytes."""
    return _write(state, exclude_none=True)


def decode_state(value: bytes) -> PaymentState:
    """The state of a record that `encode_state` wrote, by this version or an earlier one."""
    state: PaymentState = _read(value)
    return state


def encode_point_of_sale(state: PointOfSaleState) -> bytes:
    """The same for a point of sale."""
    return _POINT_OF_SALE.dump_json(state, exclude_none=True)


def decode_point_of_sale(value: bytes) -> PointOfSaleState:
    return _POINT_OF_SALE.validate_json(value)
