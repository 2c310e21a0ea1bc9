"""`schemas`: the published contract, made from the code."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.outcome import ExitCode, Failed


def register(application: typer.Typer) -> None:
    application.command("schemas", epilog="Example: pos-gateway schemas --out contract")(schemas)


def schemas(
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write every file below this folder.", show_default=False),
    ] = None,
) -> None:
    """The contract of this version: AsyncAPI document, JSON Schemas and example messages.

    Without --out the AsyncAPI document alone, which holds the schemas too, is written to stdout. Files that are
    there already are replaced; others are left as they are.
    """
    # Here, since the other commands start sooner without it.
    from gateway.published import documents

    files = documents()
    if out is None:
        typer.echo(files["asyncapi.yaml"], nl=False)
        return
    try:
        for path, text in files.items():
            target = out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise Failed(ExitCode.WRONG_USAGE, f"{fault.filename or out}: {fault.strerror}") from None
    typer.echo(f"{len(files)} files written to {out}")
