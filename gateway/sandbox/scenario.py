"""Reads a scenario file (JSON, or TOML by its suffix) into a `SandboxConfig`, naming the field that is wrong.

The file has the names of the dataclasses in `config`, `customers` and `faults`, nested as they are; what it
leaves out keeps its default. A `Span` is a number or [low, high].
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from gateway.sandbox.config import SandboxConfig
from gateway.sandbox.draws import Span
from gateway.sandbox.faults import FaultPlan

T = TypeVar("T")


class ScenarioError(ValueError):
    """The message names the file's field."""


def load(path: Path, base: SandboxConfig | None = None) -> SandboxConfig:
    """The config of a scenario file; `base` gives the values of what the file leaves out."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ScenarioError(f"{path}: cannot be read: {problem}") from problem
    try:
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as problem:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise ScenarioError(f"{path}: is not {kind}: {problem}") from problem
    try:
        return read_config(document, base)
    except ScenarioError as problem:
        raise ScenarioError(f"{path}: {problem}") from problem


def read_config(document: object, base: SandboxConfig | None = None) -> SandboxConfig:
    """`ScenarioError` names the field that is unknown or wrong."""
    given = _members(SandboxConfig, document, "")
    try:
        return dataclasses.replace(base or SandboxConfig(), **given)
    except ValueError as problem:
        raise ScenarioError(str(problem)) from problem


def read_faults(document: object) -> FaultPlan:
    """A fault plan alone, as the admin endpoint takes it."""
    return _dataclass(FaultPlan, document, "faults")


def _dataclass(kind: type[T], value: object, where: str) -> T:
    given = _members(kind, value, where)
    for entry in dataclasses.fields(kind):  # type: ignore[arg-type]
        no_default = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        if no_default and entry.name not in given:
            raise ScenarioError(f"{_join(where, entry.name)}: is missing")
    try:
        return kind(**given)
    except ValueError as problem:
        raise ScenarioError(f"{where}: {problem}") from problem


def _members(kind: type[Any], value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{where or 'the scenario'}: must be an object")
    hints = get_type_hints(kind)
    names = [entry.name for entry in dataclasses.fields(kind)]
    given = {}
    for name, member in value.items():
        if name not in names:
            raise ScenarioError(f"{_join(where, str(name))}: is unknown (known: {', '.join(names)})")
        given[name] = _value(hints[name], member, _join(where, name))
    return given


def _value(kind: Any, value: object, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        return _value(next(one for one in get_args(kind) if one is not type(None)), value, where)
    if origin is Literal:
        if value not in get_args(kind):
            raise ScenarioError(f"{where}: must be one of {', '.join(map(str, get_args(kind)))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ScenarioError(f"{where}: must be a list")
        return tuple(_value(get_args(kind)[0], one, f"{where}[{number}]") for number, one in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise ScenarioError(f"{where}: must be an object")
        return {
            str(name): _value(get_args(kind)[1], one, _join(where, str(name))) for name, one in value.items()
        }
    if kind is Span:
        return _span(value, where)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)  # type: ignore[arg-type]
    return _plain(kind, value, where)


def _plain(kind: type, value: object, where: str) -> object:
    if kind is bool and isinstance(value, bool):
        return value
    if kind is str and isinstance(value, str):
        return value
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    names = {bool: "true or false", str: "a text", int: "a whole number", float: "a number"}
    raise ScenarioError(f"{where}: must be {names[kind]}")


def _span(value: object, where: str) -> Span:
    ends = value if isinstance(value, list) else [value, value]
    if len(ends) != 2:
        raise ScenarioError(f"{where}: must be a number or [low, high]")
    low, high = (_plain(float, end, where) for end in ends)
    try:
        return Span(float(low), float(high))  # type: ignore[arg-type]
    except ValueError as problem:
        raise ScenarioError(f"{where}: {problem}") from problem


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
