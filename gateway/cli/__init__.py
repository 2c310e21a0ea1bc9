"""The command line: one file a command group, presentation only."""

import sys

import typer

from gateway.cli import (
    certify,
    check,
    demo,
    dlq,
    events,
    partitions,
    reconcile,
    run,
    sandbox,
    schemas,
    send,
    topics,
)
from gateway.cli.by_hand import payments, pos, stores
from gateway.cli.outcome import Failed

application = typer.Typer(
    name="pos-gateway",
    help="A payment gateway between Kafka and the MobilePay PoS API.",
    epilog="Exit codes: 0 done, 1 what was asked about does not hold, 2 wrong usage, settings or topics, "
    "3 a dependency is out of reach.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    run,
    sandbox,
    demo,
    send,
    events,
    topics,
    dlq,
    partitions,
    reconcile,
    schemas,
    stores,
    pos,
    payments,
    check,
    certify,
):
    group.register(application)


def main() -> None:
    """Run one command and exit with its code. Expected faults are told on stderr, without a stack trace."""
    try:
        application(prog_name="pos-gateway")
    except Failed as failed:
        typer.echo(str(failed), err=True)
        sys.exit(failed.code)
