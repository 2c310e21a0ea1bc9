"""How these commands ask the provider, and how they show what it answers."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gateway.cli.configuration import quiet, service_settings
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.table import show_table
from gateway.mobilepay.by_hand import NotAnswered
from gateway.mobilepay.client import MobilePay
from gateway.mobilepay.exchange import Answer
from gateway.mobilepay.wire import WireRequest

AsJson = Annotated[bool, typer.Option("--json", help="The provider's own JSON, for programs.")]
Merchant = Annotated[
    str | None, typer.Option(help="The merchant's VAT number, where it is not the one of the settings.")
]


def ask(request: WireRequest, merchant: str | None = None) -> Any:
    """The JSON of a 2xx, None of an empty one. Anything else ends the command: 1 refused, 3 not answered."""
    settings = service_settings()
    quiet(settings)

    async def once() -> Answer:
        provider = MobilePay(settings.pos)
        try:
            return await provider.ask(request, merchant)
        finally:
            await provider.close()

    try:
        answer = asyncio.run(once())
    except NotAnswered as silence:
        raise Failed(ExitCode.OUT_OF_REACH, f"{settings.pos.base_url}: {silence}") from None
    said = _said(answer.body)
    if 200 <= answer.status < 300:
        return said
    known = said if isinstance(said, dict) else {}
    words = [f"{name} {known[name]}" for name in ("code", "message", "correlationId") if known.get(name)]
    raise Failed(ExitCode.DOES_NOT_HOLD, ", ".join([f"the provider answered {answer.status}", *words]))


def show(said: Any, as_json: bool) -> None:
    """One thing: its fields, a line each."""
    if as_json:
        typer.echo(json.dumps(said, ensure_ascii=False))
    else:
        fields = said.items() if isinstance(said, Mapping) else ()
        show_table(("field", "value"), [(name, told(value)) for name, value in fields])


def show_list(said: Any, name: str, as_json: bool) -> None:
    """A list of ids, which the provider gives under `name`."""
    if as_json:
        typer.echo(json.dumps(said, ensure_ascii=False))
    else:
        ids = said.get(name) if isinstance(said, Mapping) else None
        show_table((name,), [(told(one),) for one in ids or ()])


def show_records(said: Any, columns: Sequence[str], as_json: bool) -> None:
    """A list of things with the columns that matter."""
    if as_json:
        typer.echo(json.dumps(said, ensure_ascii=False))
    else:
        rows = said if isinstance(said, list) else []
        show_table(columns, [[told(row.get(column)) for column in columns] for row in rows])


def told(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _said(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
