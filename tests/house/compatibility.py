"""Whether one JSON Schema takes all that another takes, for the keywords that the published ones are made of.

Written here, since the libraries that do so need a later Python than the oldest that the gateway runs on, or know
nothing of 2020-12. A keyword that is not known is an error, never passed over. Objects are open: a new field is
nobody's harm, one that is gone is.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

Schema = dict[str, Any]

ANNOTATIONS = {"title", "description", "default", "examples", "$schema", "$id", "$defs"}
SAME_OR_ABSENT = ("pattern", "format", "contentEncoding", "uniqueItems")
LEAST = ("minimum", "minLength", "minItems")
MOST = ("maximum", "maxLength", "maxItems")
KNOWN = {
    *ANNOTATIONS,
    *SAME_OR_ABSENT,
    *LEAST,
    *MOST,
    *("type", "properties", "required", "dependentRequired", "enum", "const", "items", "anyOf", "$ref"),
}


class UnknownKeyword(Exception):
    """A schema says something that is not compared yet."""


def narrowings(before: Schema, after: Schema) -> list[str]:
    """Why something that `before` takes may be refused by `after`, each with its place; empty where nothing is."""
    return sorted(set(_Pair(before, after).narrowings(before, after, "")))


def removals(before: Schema, after: Schema) -> list[str]:
    """The fields that `before` names and `after` does not."""
    return [f"{place} is gone" for place in sorted(_fields(before) - _fields(after))]


def said(part: Any) -> Any:
    """The schema without what is for people alone."""
    match part:
        case list():
            return [said(each) for each in part]
        case dict():
            named = isinstance(part.get("properties"), dict)
            kept = {name: said(value) for name, value in part.items() if name not in ANNOTATIONS - {"$defs"}}
            return kept | (
                {"properties": {n: said(v) for n, v in part["properties"].items()}} if named else {}
            )
        case _:
            return part


def _fields(schema: Schema) -> set[str]:
    found: set[str] = set()

    def visit(part: Schema, place: str, under: tuple[str, ...]) -> None:
        target = part.get("$ref")
        if target is not None and target not in under:
            visit(_target(schema, target), place, (*under, target))
        for each in part.get("anyOf", ()):
            visit(each, place, under)
        if "items" in part:
            visit(part["items"], f"{place}[]", under)
        for name, field in part.get("properties", {}).items():
            found.add(f"{place}.{name}")
            visit(field, f"{place}.{name}", under)

    visit(schema, "", ())
    return found


def _target(root: Schema, reference: str) -> Schema:
    found: Schema = root["$defs"][reference.removeprefix("#/$defs/")]
    return found


class _Pair:
    def __init__(self, before: Schema, after: Schema) -> None:
        self._roots = before, after
        self._known: dict[tuple[str, str], list[str]] = {}
        """What was found of two definitions; while they are compared, nothing: they may contain themselves."""

    def narrowings(self, before: Schema, after: Schema, place: str) -> Iterator[str]:
        if "$ref" not in before or "$ref" not in after:
            yield from self._narrowings(before, after, place)
            return
        pair = (before["$ref"], after["$ref"])
        if pair not in self._known:
            self._known[pair] = []
            self._known[pair] = list(self._narrowings(before, after, ""))
        yield from (place + found for found in self._known[pair])

    def _narrowings(self, before: Schema, after: Schema, place: str) -> Iterator[str]:
        before, after = self._resolved(before, 0), self._resolved(after, 1)
        for part in (before, after):
            if unknown := set(part) - KNOWN:
                raise UnknownKeyword(f"{place}: {sorted(unknown)}")
        if "anyOf" in before:
            for one in self._alternatives(before, 0):
                yield from self.narrowings(one, after, place)
        elif "anyOf" in after:
            tried = [list(self.narrowings(before, one, place)) for one in self._alternatives(after, 1)]
            yield from min(tried, key=len)
        elif "enum" in before or "const" in before:
            yield from self._values(before, after, place)
        else:
            yield from self._plain(before, after, place)

    def _alternatives(self, part: Schema, side: int) -> Iterator[Schema]:
        """Each with what stands beside them all."""
        rest = {name: value for name, value in part.items() if name not in ANNOTATIONS | {"anyOf"}}
        for each in part["anyOf"]:
            one = self._resolved(each, side)
            if any(rest[name] != one[name] for name in rest.keys() & one.keys()):
                raise UnknownKeyword("alternatives and what stands beside them say the same differently")
            yield {**rest, **one} if rest else each

    def _resolved(self, part: Schema, side: int) -> Schema:
        """Without a reference; what stands beside one here is for people."""
        while "$ref" in part:
            if beside := set(part) - ANNOTATIONS - {"$ref"}:
                raise UnknownKeyword(f"{sorted(beside)} beside a reference")
            part = _target(self._roots[side], part["$ref"])
        return part

    def _values(self, before: Schema, after: Schema, place: str) -> Iterator[str]:
        """Each value by itself: what else `before` says of them is said by themselves."""
        values = before["enum"] if "enum" in before else [before["const"]]
        judge = jsonschema_rs.Draft202012Validator({**after, "$defs": self._roots[1].get("$defs", {})})
        taken = jsonschema_rs.Draft202012Validator({**before, "$defs": self._roots[0].get("$defs", {})})
        for value in values:
            if taken.is_valid(value) and not judge.is_valid(value):
                yield f"{place}: {value!r} is not taken"

    def _plain(self, before: Schema, after: Schema, place: str) -> Iterator[str]:
        if "enum" in after or "const" in after:
            yield f"{place}: was not a list of values"
        if "type" in after and before.get("type") != after["type"]:
            yield f"{place}: was {before.get('type', 'anything')}, is {after['type']}"
        for name in SAME_OR_ABSENT:
            if after.get(name) and before.get(name) != after[name]:
                yield f"{place}: another {name}"
        for name in LEAST:
            if name in after and before.get(name, float("-inf")) < after[name]:
                yield f"{place}: {name} is {after[name]}"
        for name in MOST:
            if name in after and before.get(name, float("inf")) > after[name]:
                yield f"{place}: {name} is {after[name]}"
        yield from self._object(before, after, place)
        if "items" in after:
            yield from self.narrowings(before.get("items", {}), after["items"], f"{place}[]")

    def _object(self, before: Schema, after: Schema, place: str) -> Iterator[str]:
        always = set(before.get("required", ()))
        for name in set(after.get("required", ())) - always:
            yield f"{place}.{name}: must be there"
        for name, others in after.get("dependentRequired", {}).items():
            if missing := set(others) - always - set(before.get("dependentRequired", {}).get(name, ())):
                yield f"{place}.{name}: not without {sorted(missing)}"
        told = before.get("properties", {})
        for name, field in after.get("properties", {}).items():
            if name in told:
                yield from self.narrowings(told[name], field, f"{place}.{name}")
