"""State records: what is left out of one means the same when it is read back."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest

from gateway.codec import decode_point_of_sale, encode_point_of_sale
from gateway.domain.points_of_sale.operations import PointOfSaleReading
from gateway.domain.points_of_sale.state import PointOfSaleState
from gateway.domain.state import PaymentState


def kept_types(kind: Any, seen: set[type]) -> Iterator[type]:
    """Every dataclass that a state record may hold."""
    if is_dataclass(kind) and isinstance(kind, type):
        if kind in seen:
            return
        seen.add(kind)
        yield kind
        for inner in get_type_hints(kind).values():
            yield from kept_types(inner, seen)
    for inner in get_args(kind):
        yield from kept_types(inner, seen)


@pytest.mark.parametrize("state", [PaymentState, PointOfSaleState])
def test_what_may_be_none_is_none_by_default(state: type) -> None:
    kept = list(kept_types(state, set()))
    assert len(kept) > 8
    for kind in kept:
        hints = get_type_hints(kind)
        for field in fields(kind):  # type: ignore[arg-type]
            may_be_none = type(None) in get_args(hints[field.name])
            assert not may_be_none or field.default is None, f"{kind.__name__}.{field.name}"


def test_a_point_of_sale_without_a_beacon_is_read_back() -> None:
    reading = PointOfSaleReading("pos", "till-1", "store", "Till 1", None, (), None)
    state = PointOfSaleState("till-1", known=reading)
    assert decode_point_of_sale(encode_point_of_sale(state)) == state
