"""Where settings come from: the environment, before `.env`, before files named like the variable in a
directory.

An empty value counts as not set, as compose files write it. A name that begins with `GATEWAY_` and is none
of ours is a misspelt one: left alone, its default would silently apply.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import (
    DotEnvSettingsSource,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    SecretsSettingsSource,
)

from gateway.settings.problems import Problem
from gateway.settings.variables import PREFIX, Variables, known_variables, variable

_SHOWN_NAME_CHARACTERS: Final = 80
_SERVICE_LINK: Final = re.compile(
    r"_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$|_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?$"
)
_PLACEHOLDERS: Final[Mapping[tuple[str, ...], str]] = {
    ("pos", "client_id"): "missing",
    ("pos", "client_secret"): "missing",
}
"""For what is required and missing or wrong, so that the rest can be judged; never used for anything else."""


class _SecretFiles(NestedSecretsSettingsSource):
    """Only files of ours, directly in the directory: others there (a service account's) are not ours to read."""

    def validate_secrets_path(self, path: Path) -> None:
        """A directory that is not there holds nothing."""

    @classmethod
    def load_secrets(cls, path: Path) -> dict[str, str]:
        if not path.is_dir():
            return {}
        ours = [file for file in sorted(path.iterdir()) if file.name.upper().startswith(PREFIX)]
        return {file.name: file.read_text(encoding="utf-8").strip() for file in ours if file.is_file()}


def read_variables(env_file: Path | None, secrets_dir: Path | None) -> tuple[Variables, list[Problem]]:
    """The variables with defaults in place of what is wrong, and all that is wrong with them."""
    known = known_variables()
    given: dict[str, Any] = {}
    problems: list[Problem] = []
    for source, place in ((_secrets, secrets_dir), (_dotenv, env_file), (_environment, None)):
        try:
            read = source(place)
        except (OSError, UnicodeDecodeError) as fault:
            problems.append(Problem(str(place), f"cannot be read: {_told(fault)}"))
            continue
        problems += _unknown(read.env_vars, place)
        # A section's own name would be read as JSON: only the names of single settings count.
        read.env_vars = {name: value for name, value in read.env_vars.items() if name.upper() in known}
        _merge(given, read())
    return _repaired(given, problems), problems


def _secrets(place: Path | None) -> EnvSettingsSource:
    return _SecretFiles(SecretsSettingsSource(Variables), secrets_dir=place)


def _dotenv(place: Path | None) -> EnvSettingsSource:
    return DotEnvSettingsSource(Variables, env_file=place, dotenv_filtering="only_existing")


def _environment(_: Path | None) -> EnvSettingsSource:
    return EnvSettingsSource(Variables)


def _unknown(given: Mapping[str, str | None], place: Path | None) -> list[Problem]:
    known = known_variables()
    where = "" if place is None else f" (in {place})"
    problems = []
    for name, value in sorted((name.upper(), value or "") for name, value in given.items()):
        if name.startswith(PREFIX) and name not in known and not _is_service_link(name, value):
            shown = name[:_SHOWN_NAME_CHARACTERS].encode("unicode_escape").decode("ascii")
            near = get_close_matches(name, known, n=1, cutoff=0.75)
            hint = f", did you mean {near[0]}?" if near else ""
            problems.append(Problem(shown, f"is no setting{where}{hint}"))
    return problems


def _is_service_link(name: str, value: str) -> bool:
    """Kubernetes sets such variables in every pod for a Service named `gateway` or `gateway-...`."""
    return _SERVICE_LINK.search(name) is not None or (
        name.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))
    )


def _merge(into: dict[str, Any], later: Mapping[str, Any]) -> None:
    for name, value in later.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = dict(value) if isinstance(value, Mapping) else value


def _repaired(given: dict[str, Any], problems: list[Problem]) -> Variables:
    """Take out what is wrong, value by value, until the rest can be read."""
    given.setdefault("pos", {})
    while True:
        try:
            return Variables(**given)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                path = tuple(map(str, detail["loc"]))[:2]
                missing = detail["type"] == "missing"
                problems.append(Problem(variable(*path), "is required" if missing else _text(detail["msg"])))
                section = given if len(path) == 1 else given[path[0]]
                section.pop(path[-1], None)
                if path in _PLACEHOLDERS:
                    section[path[-1]] = _PLACEHOLDERS[path]


def _text(message: str) -> str:
    return (
        message.replace("Input should be", "must be")
        .replace("String should", "must")
        .replace("Value should", "must")
    )


def _told(fault: OSError | UnicodeDecodeError) -> str:
    return (
        "it is not UTF-8" if isinstance(fault, UnicodeDecodeError) else fault.strerror or type(fault).__name__
    )
