"""`demo`: the whole system on one machine."""

from typing import Annotated

import typer

from gateway.cli.outcome import extra


def register(application: typer.Typer) -> None:
    application.command("demo", epilog="Example: pos-gateway demo --payments 200 --kill")(demo)


def demo(
    payments: Annotated[int, typer.Option(min=1, max=100_000, help="How many payments to send.")] = 120,
    broker: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Use this Kafka instead of an embedded one.")
    ] = None,
    kill: Annotated[
        bool, typer.Option("--kill", help="Kill the gateway with SIGKILL in the middle and start it again.")
    ] = False,
) -> None:
    """Start a real Kafka, the sandbox and the gateway, send payments and refunds, show them moving, compare both
    ledgers.

    Exits 0 only if every command was answered once and both ledgers agree. Needs the extra `demo`.
    """
    # Imported here, so that no other command loads what only the demo needs.
    with extra("demo"):
        from gateway.demo import conductor
    raise typer.Exit(conductor.run(payments=payments, broker=broker, kill=kill))
