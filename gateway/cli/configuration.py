"""The settings as the commands need them; whatever is wrong with them is told at once, with exit code 2."""

import logging

from gateway import settings
from gateway.cli.outcome import ExitCode, Failed
from gateway.observability import logs


def service_settings() -> settings.Settings:
    try:
        return settings.load()
    except settings.SettingsProblems as wrong:
        raise Failed(ExitCode.WRONG_USAGE, str(wrong)) from None


def broker_settings() -> settings.BrokerSettings:
    """What commands need that reach Kafka alone: no credentials of the provider."""
    try:
        loaded = settings.load_broker()
    except settings.SettingsProblems as wrong:
        raise Failed(ExitCode.WRONG_USAGE, str(wrong)) from None
    quiet(loaded)
    return loaded


def quiet(loaded: settings.BrokerSettings) -> None:
    """A short command tells what is wrong itself, in one line; the libraries' own words are for debugging."""
    if loaded.log.level is logs.LogLevel.DEBUG:
        logs.configure(loaded.log, conceal=loaded.secrets())
    else:
        logging.disable(logging.CRITICAL)
