"""What the environment may set: read, checked as a whole, and gathered into the options that each room
declares.
"""

from pathlib import Path
from typing import Final

from gateway.settings.gathered import (
    BrokerSettings,
    HttpSettings,
    KafkaSettings,
    Settings,
    gather,
    gather_broker,
)
from gateway.settings.problems import Problem, SettingsProblems
from gateway.settings.sources import read_variables
from gateway.settings.variables import known_variables, variable

__all__ = [
    "BrokerSettings",
    "HttpSettings",
    "KafkaSettings",
    "Problem",
    "Settings",
    "SettingsProblems",
    "known_variables",
    "load",
    "load_broker",
    "variable",
]

ENV_FILE: Final = Path(".env")
SECRETS_DIR: Final = Path("/run/secrets")

_SERVICE_ALONE: Final = (variable("pos"), variable("http"), variable("notifications"), variable("tracing"))


def load(env_file: Path | None = ENV_FILE, secrets_dir: Path | None = SECRETS_DIR) -> Settings:
    """The settings of the service. Raises `SettingsProblems` with everything that is wrong."""
    variables, problems = read_variables(env_file, secrets_dir)
    settings, found = gather(variables)
    if problems or found or settings is None:
        raise SettingsProblems([*problems, *found])
    return settings


def load_broker(env_file: Path | None = ENV_FILE, secrets_dir: Path | None = SECRETS_DIR) -> BrokerSettings:
    """Only what reaching the topics needs: what is wrong or missing of the other settings does not count.

    A misspelt name counts wherever it belongs. Raises `SettingsProblems`.
    """
    variables, problems = read_variables(env_file, secrets_dir)
    known = known_variables()
    problems = [p for p in problems if p.variable not in known or not p.variable.startswith(_SERVICE_ALONE)]
    settings, found = gather_broker(variables)
    if problems or found:
        raise SettingsProblems([*problems, *found])
    return settings
