"""`certify`: the provider's checklist, item by item."""

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.outcome import ExitCode, Failed, extra
from gateway.cli.table import show_table


def register(application: typer.Typer) -> None:
    application.command("certify", epilog="Example: pos-gateway certify --json report.json")(certify)


def certify(
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the whole report there, - for the output."),
    ] = None,
    broker: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Use this Kafka instead of an embedded one.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A provider's test system instead of the sandbox; needs --store."),
    ] = None,
    store: Annotated[str | None, typer.Option(help="storeId for the points of sale made there.")] = None,
) -> None:
    """Play the compliance checklist through real gateway processes: what must be sent, retried, polled, refused.

    Against another provider than the sandbox, credentials are those of GATEWAY_POS__CLIENT_ID, __CLIENT_SECRET and
    __MERCHANT_VAT_NUMBER, and items that need the sandbox's clock or books are not run. Exits 1 if an item fails.
    """
    with extra("demo"):
        from gateway.certify import conductor, report
        from gateway.demo.broker import BrokerUnavailable
        from gateway.demo.processes import NotReady
    target = None
    if base_url is not None:
        try:
            target = conductor.Target(
                base_url,
                os.environ["GATEWAY_POS__CLIENT_ID"],
                os.environ["GATEWAY_POS__CLIENT_SECRET"],
                os.environ["GATEWAY_POS__MERCHANT_VAT_NUMBER"],
                store or "",
            )
        except KeyError as missing:
            raise Failed(ExitCode.WRONG_USAGE, f"{missing.args[0]}: is required with --base-url") from None
        if store is None:
            raise Failed(ExitCode.WRONG_USAGE, "--store: is required with --base-url")
    try:
        verdicts, about = asyncio.run(
            conductor.certify(broker, target, lambda text: typer.echo(text, err=True))
        )
    except (BrokerUnavailable, NotReady) as fault:
        raise Failed(ExitCode.OUT_OF_REACH, str(fault).strip()) from None
    told = json.dumps(report.as_json(verdicts, about), indent=2, ensure_ascii=False)
    if json_file == Path("-"):
        typer.echo(told)
    else:
        show_table(
            ("item", "level", "result", "requirement", "evidence"),
            [
                (str(one.item.number), one.item.level, one.result, one.item.requirement, one.line)
                for one in verdicts
            ],
        )
    if json_file not in (None, Path("-")):
        assert json_file is not None
        json_file.write_text(told + "\n", encoding="utf-8")
    for one in verdicts:
        if one.result == "failed":
            typer.echo(f"item {one.item.number} failed: {one.line}", err=True)
    counts = report.counts(verdicts)
    typer.echo(", ".join(f"{count} {result}" for result, count in counts.items() if count), err=True)
    raise typer.Exit(ExitCode.DOES_NOT_HOLD if counts["failed"] else 0)
