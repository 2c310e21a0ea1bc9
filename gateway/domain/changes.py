"""A frozen record with some fields changed: what `dataclasses.replace` does, at a sixth of its cost.

A turn changes its state and memo several times, of some twenty fields each. A frozen record sets each of its
fields by a call; so they are assigned to a twin that has the same fields and is not frozen, and which then becomes
a record of the kind.
"""

from collections.abc import Callable
from dataclasses import fields, make_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

R = TypeVar("R")


def changed(record: R, changes: dict[str, Any]) -> R:
    """`record` is of a dataclass with slots whose fields are all arguments of it, two at least, and are all there
    is to it; a name that is none of them raises KeyError.
    """
    kind: Any = type(record)
    read, places, twin = _layout(kind)
    values = list(read(record))
    for name, value in changes.items():
        values[places[name]] = value
    made = twin(*values)
    made.__class__ = kind
    return made  # type: ignore[no-any-return]


@cache
def _layout(kind: Any) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, int], Any]:
    names = [field.name for field in fields(kind)]
    twin = make_dataclass(f"{kind.__name__}InTheMaking", names, slots=True)
    return attrgetter(*names), {name: place for place, name in enumerate(names)}, twin
