"""`payment` and `refund`: what the provider itself says of them. Nothing is changed by hand."""

from typing import Annotated

import typer

from gateway.cli.by_hand.door import AsJson, Merchant, ask, show, show_list
from gateway.mobilepay.by_hand import reading


def register(application: typer.Typer) -> None:
    payments = typer.Typer(help="Payments as the provider has them.", no_args_is_help=True)
    payments.command("get", epilog="Example: pos-gateway payment get 3974eae6-e36f-4148-b5ee-22689e528c75")(
        get_payment
    )
    payments.command(
        "list", epilog="Example: pos-gateway payment list --pos c85916b1-8e17-4275-a388-551e16aa6293"
    )(list_payments)
    application.add_typer(payments, name="payment")
    refunds = typer.Typer(help="Refunds as the provider has them.", no_args_is_help=True)
    refunds.command("get", epilog="Example: pos-gateway refund get 7f3a6f03-fcd4-4860-a795-138e7dcf948e")(
        get_refund
    )
    refunds.command(
        "list", epilog="Example: pos-gateway refund list --payment 3974eae6-e36f-4148-b5ee-22689e528c75"
    )(list_refunds)
    application.add_typer(refunds, name="refund")


def get_payment(payment_id: str, merchant: Merchant = None, as_json: AsJson = False) -> None:
    """Show one payment, by the provider's own id."""
    show(ask(reading(f"payments/{payment_id}"), merchant), as_json)


def list_payments(
    pos: Annotated[str, typer.Option(help="posId; the provider wants one filter at least.")],
    order: Annotated[str | None, typer.Option(help="orderId")] = None,
    captured: Annotated[bool, typer.Option(help="The captured ones; else those active or reserved.")] = False,
    merchant: Merchant = None,
    as_json: AsJson = False,
) -> None:
    """List the payments of a point of sale."""
    request = reading("payments", posId=pos, orderId=order, state="Captured" if captured else None)
    show_list(ask(request, merchant), "paymentIds", as_json)


def get_refund(refund_id: str, merchant: Merchant = None, as_json: AsJson = False) -> None:
    """Show one refund, by the provider's own id."""
    show(ask(reading(f"refunds/{refund_id}"), merchant), as_json)


def list_refunds(
    payment: Annotated[str, typer.Option(help="The provider's paymentId.")],
    merchant: Merchant = None,
    as_json: AsJson = False,
) -> None:
    """List the refunds of a payment."""
    show_list(ask(reading("refunds", paymentId=payment), merchant), "refundIds", as_json)
