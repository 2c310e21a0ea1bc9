"""`sandbox`: the provider's simulator as a server of its own."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.outcome import ExitCode, Failed


def register(application: typer.Typer) -> None:
    application.command(
        "sandbox", epilog="Example: pos-gateway sandbox --port 8080 --scenario scenarios/slow.toml"
    )(sandbox)


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one and says which.")] = 8080,
    seed: Annotated[
        int | None, typer.Option(help="Everything drawn follows from it. Default: the scenario's, else 0.")
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON or TOML: faults, customers, points of sale.")
    ] = None,
    self_certification: Annotated[
        bool,
        typer.Option("--self-certification", help="Each call first gets no answer, then a 500, then works."),
    ] = False,
    notifications_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Tell of check-ins there, as the notification service does."),
    ] = None,
) -> None:
    """Simulate the MobilePay PoS API over HTTP: tokens, payments, users and their decisions, faults.

    An unknown posId becomes a point of sale on first sight, unless the scenario says any_pos: false.
    """
    from gateway.sandbox import server
    from gateway.sandbox.config import SandboxConfig
    from gateway.sandbox.scenario import ScenarioError, load

    try:
        base = SandboxConfig(any_pos=True)
        config = base if scenario is None else load(scenario, base)
    except ScenarioError as wrong:
        raise Failed(ExitCode.WRONG_USAGE, str(wrong)) from None
    changes: dict[str, Any] = {"self_certification": True} if self_certification else {}
    changes |= {} if seed is None else {"seed": seed}
    changes |= {} if notifications_url is None else {"notifications_url": notifications_url}
    try:
        config = dataclasses.replace(config, **changes)
    except ValueError as wrong:
        raise Failed(ExitCode.WRONG_USAGE, str(wrong)) from None
    try:
        server.run(config, host, port, announce=_announce)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise Failed(ExitCode.OUT_OF_REACH, f"cannot listen on {host}:{port}: {reason}") from None


def _announce(address: str) -> None:
    typer.echo(f"sandbox listens on {address}")
