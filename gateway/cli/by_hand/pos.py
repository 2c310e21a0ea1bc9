"""`pos`: points of sale by hand, and their QR codes in the terminal."""

import json
import sys
from typing import Annotated
from uuid import uuid4

import segno
import typer

from gateway.cli.by_hand.door import AsJson, Merchant, ask, show, show_list
from gateway.cli.outcome import ExitCode, Failed
from gateway.domain.points_of_sale.operations import MakePointOfSale, RemovePointOfSale
from gateway.mobilepay.by_hand import reading
from gateway.mobilepay.successes import qr_content
from gateway.mobilepay.wire import request_of

_KEY_LIFE_MS = 2**53
"""A key that a person gives is the person's to answer for."""


def register(application: typer.Typer) -> None:
    group = typer.Typer(help="Points of sale by hand.", no_args_is_help=True)
    group.command("list", epilog="Example: pos-gateway pos list --merchant-pos-id till-1")(list_)
    group.command("get", epilog="Example: pos-gateway pos get c85916b1-8e17-4275-a388-551e16aa6293")(get)
    group.command(
        "create",
        epilog="Example: pos-gateway pos create till-1 --store 401b5617-ae5e-4f1a-9a59-5a446dbb3caa "
        "--name 'Till 1' --beacon-type QR",
    )(create)
    group.command("delete", epilog="Example: pos-gateway pos delete c85916b1-8e17-4275-a388-551e16aa6293")(
        delete
    )
    group.command("qr", epilog="Example: pos-gateway pos qr c85916b1-8e17-4275-a388-551e16aa6293")(qr)
    application.add_typer(group, name="pos")


def list_(
    store: Annotated[str | None, typer.Option(help="Of this storeId.")] = None,
    beacon: Annotated[str | None, typer.Option(help="With this beaconId.")] = None,
    merchant_pos_id: Annotated[str | None, typer.Option(help="With this merchantPosId.")] = None,
    merchant: Merchant = None,
    as_json: AsJson = False,
) -> None:
    """List points of sale; the provider wants one filter at least."""
    if store is None and beacon is None and merchant_pos_id is None:
        raise Failed(ExitCode.WRONG_USAGE, "--store, --beacon or --merchant-pos-id: one of them is needed")
    request = reading("pointofsales", storeId=store, beaconId=beacon, merchantPosId=merchant_pos_id)
    show_list(ask(request, merchant), "posIds", as_json)


def get(pos_id: str, merchant: Merchant = None, as_json: AsJson = False) -> None:
    """Show one point of sale."""
    show(ask(reading(f"pointofsales/{pos_id}"), merchant), as_json)


def create(
    merchant_pos_id: str,
    store: Annotated[str, typer.Option(help="storeId")],
    name: Annotated[str, typer.Option(help="What the customer sees, such as 'Till 1'.")],
    beacon_type: Annotated[list[str], typer.Option(help="QR, NFC or Bluetooth; may be repeated.")],
    beacon: Annotated[
        str | None, typer.Option(help="15 digits or a UUID; without it one is made up.")
    ] = None,
    callback_alias: Annotated[str | None, typer.Option(help="For the notification service.")] = None,
    payment_before_checkin: Annotated[bool, typer.Option(help="For self-service.")] = False,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key of an earlier try; without it a fresh one.")
    ] = None,
    merchant: Merchant = None,
    as_json: AsJson = False,
) -> None:
    """Make a point of sale. Its key is printed first, so that a try that was not heard of can be repeated."""
    key = key or str(uuid4())
    typer.echo(f"idempotency key {key}", err=True)
    operation = MakePointOfSale(
        merchant,
        key,
        merchant_pos_id,
        store,
        name,
        tuple(beacon_type),
        beacon,
        callback_alias,
        payment_before_checkin,
        first=True,
        not_after_ms=_KEY_LIFE_MS,
    )
    said = ask(request_of(operation), merchant)
    show({**said, "idempotencyKey": key} if isinstance(said, dict) else said, as_json)


def delete(pos_id: str, merchant: Merchant = None, as_json: AsJson = False) -> None:
    """Remove a point of sale; payments that are reserved there can still be captured or cancelled."""
    ask(request_of(RemovePointOfSale(merchant, pos_id)), merchant)
    show({"deleted": pos_id}, as_json)


def qr(pos_id: str, merchant: Merchant = None, as_json: AsJson = False) -> None:
    """Print the QR code that customers scan, for the beacon of this point of sale."""
    said = ask(reading(f"pointofsales/{pos_id}"), merchant)
    beacon = said.get("beaconId") if isinstance(said, dict) else None
    if not isinstance(beacon, str) or not beacon:
        raise Failed(ExitCode.DOES_NOT_HOLD, f"point of sale {pos_id} has no beacon")
    content = qr_content(beacon)
    if as_json:
        typer.echo(json.dumps({"posId": pos_id, "qrContent": content}))
    else:
        segno.make(content, error="m", micro=False).terminal(sys.stdout, compact=True)
        typer.echo(content)
