"""`stores`: the merchant's stores as the provider has them."""

from typing import Annotated

import typer

from gateway.cli.by_hand.door import AsJson, Merchant, ask, show, show_list, show_records
from gateway.mobilepay.by_hand import reading

Brand = Annotated[str | None, typer.Option(help="merchantBrandId, such as POSDK12345.")]
Location = Annotated[str | None, typer.Option(help="merchantLocationId, 5 characters; with --brand.")]

_COLUMNS = ("storeId", "storeName", "storeCity", "merchantBrandId", "merchantLocationId")


def register(application: typer.Typer) -> None:
    group = typer.Typer(help="The merchant's stores.", no_args_is_help=True)
    group.command("list", epilog="Example: pos-gateway stores list --detailed")(list_)
    group.command("get", epilog="Example: pos-gateway stores get 401b5617-ae5e-4f1a-9a59-5a446dbb3caa")(get)
    application.add_typer(group, name="stores")


def list_(
    brand: Brand = None,
    location: Location = None,
    detailed: Annotated[bool, typer.Option(help="Names and addresses besides the ids.")] = False,
    merchant: Merchant = None,
    as_json: AsJson = False,
) -> None:
    """List the stores of a merchant."""
    path = "stores/detailed" if detailed else "stores"
    said = ask(reading(path, merchantBrandId=brand, merchantLocationId=location), merchant)
    if detailed:
        show_records(said, _COLUMNS, as_json)
    else:
        show_list(said, "storeIds", as_json)


def get(store_id: str, merchant: Merchant = None, as_json: AsJson = False) -> None:
    """Show one store."""
    show(ask(reading(f"stores/{store_id}"), merchant), as_json)
