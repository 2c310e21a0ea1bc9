"""`run`: the service."""

import typer

from gateway.cli.outcome import ExitCode, Failed


def register(application: typer.Typer) -> None:
    application.command(
        "run", epilog="Example: GATEWAY_POS__CLIENT_ID=… GATEWAY_POS__CLIENT_SECRET=… pos-gateway run"
    )(run)


def run() -> None:
    """Run the gateway until SIGTERM, which drains, hands the partitions over and exits 0.

    A broker or provider out of reach is said in a line and tried again; wrong settings or topics end it.
    """
    from gateway.app import WrongSetup, serve
    from gateway.cli.configuration import service_settings

    try:
        serve(service_settings())
    except WrongSetup as wrong:
        raise Failed(ExitCode.WRONG_USAGE, str(wrong)) from None
