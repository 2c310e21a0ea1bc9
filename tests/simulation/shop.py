"""What shops ask of the gateway, drawn: payments at once or prepared, captures, cancels, refunds, repeats.

A shop follows the events of its payments as a real one does, and asks wrong things now and then.
"""

import random
from collections.abc import Callable
from typing import Any

from tests.simulation import elsewhere

OTHER_MERCHANT = "DK87654321"
Send = Callable[[str, str, dict[str, Any]], None]


class Shop:
    """`send(type, payment id, data)` puts a command on its way; `points_of_sale` bounds the tills."""

    def __init__(self, draws: random.Random, send: Send, points_of_sale: int) -> None:
        self._draws = draws
        self._send = send
        self._points_of_sale = points_of_sale
        self._followed: set[str] = set()
        self._prepared_again: set[int] = set()

    def start(self, payment_id: str) -> None:
        """A new payment, and now and then a command that does not wait for its answer."""
        draws = self._draws
        pos = draws.randrange(self._points_of_sale)
        data: dict[str, Any] = {
            "posId": f"00000000-0000-4000-8000-{pos:012d}",
            "whenBusy": draws.choice(["reject", "wait", "wait"]),
        }
        if pos % 4 == 3:
            data["merchantVatNumber"] = OTHER_MERCHANT
        if draws.random() < 0.3:
            # One order in several payments now and then, so in several partitions too.
            data["orderId"] = draws.choice([f"order-{payment_id}", f"order-{payment_id}", "order-again"])
        if draws.random() < 0.25:
            if data.get("orderId") == "order-again" and pos in self._prepared_again:
                # It says no amount: no provider could tell a second one from a repeat of the first.
                data["orderId"] = f"order-{payment_id}"
            elif data.get("orderId") == "order-again":
                self._prepared_again.add(pos)
            self._send("payment.prepare", payment_id, data)
        else:
            self._send("payment.initiate", payment_id, {**data, **self._terms()})
        if draws.random() < 0.1:
            self._send("payment.cancel", payment_id, {})
        if draws.random() < 0.05:
            self._send("payment.capture", payment_id, {})
        if draws.random() < 0.05:
            self._send("payment.ready", payment_id, self._terms())

    def _terms(self) -> dict[str, Any]:
        draws = self._draws
        terms: dict[str, Any] = {
            "amount": {"value": draws.randrange(1, 100_000), "currency": "DKK"},
            "capture": draws.choice(["manual", "automatic"]),
            "approvalTimeoutSeconds": draws.choice([5, 20, 60]),
        }
        if draws.random() < 0.2:
            terms["restrictions"] = {draws.choice(["debitCardDisallowed", "creditCardDisallowed"]): True}
        return terms

    def follow(self, event: dict[str, Any]) -> None:
        """React to an event, once."""
        name = f"{event['paymentId']}-{event['type']}-{event.get('refundId')}"
        if name in self._followed:
            return
        self._followed.add(name)
        draws, payment_id = self._draws, event["paymentId"]
        match event["type"]:
            case "payment.prepared" | "payment.paired":
                self._prepared(payment_id)
            case "payment.reserved" if draws.random() < 0.7:
                self._send("payment.capture", payment_id, self._part(event))
            case "payment.reserved" if draws.random() < 0.7:
                self._send("payment.cancel", payment_id, {})
            case "payment.initiated" | "payment.unknown" if draws.random() < 0.15:
                self._send("payment.cancel", payment_id, {})
            case "payment.captured" if draws.random() < 0.6:
                self._refund(payment_id, event["amounts"].get("captured", 1_000))
            case "refund.initiated" if draws.random() < 0.1:
                self._send("refund.cancel", payment_id, {"refundId": event["refundId"]})
            case "refund.reserved" if draws.random() < 0.7:
                type_ = draws.choice(["refund.capture", "refund.cancel"])
                self._send(type_, payment_id, {"refundId": event["refundId"]})
            case _:
                pass

    def _prepared(self, payment_id: str) -> None:
        draws = self._draws
        if draws.random() < 0.75:
            self._send("payment.ready", payment_id, self._terms())
            if draws.random() < 0.1:
                self._send("payment.ready", payment_id, self._terms())
        elif draws.random() < 0.4:
            self._send("payment.cancel", payment_id, {})

    def _part(self, event: dict[str, Any]) -> dict[str, Any]:
        if not event.get("partialCapturePossible") or self._draws.random() < 0.5:
            return {}
        reserved = event["amounts"]["reserved"]
        return {"amount": {"value": self._draws.randrange(1, reserved + 2), "currency": "DKK"}}

    def _refund(self, payment_id: str, captured: int) -> None:
        """One refund or several, in all more than was captured now and then, an id twice now and then."""
        draws = self._draws
        for number in range(draws.choice([1, 1, 2, 3, 4])):
            value = max(1, round(captured * draws.choice([1.0, 0.5, 0.34, 0.1, 1.01])))
            self.refund(payment_id, f"r-{draws.choice([number, number, number, 0])}", value)

    def refund(self, payment_id: str, refund_id: str, minor_units: int, **more: Any) -> None:
        data = {
            "refundId": refund_id,
            "amount": {"value": minor_units, "currency": "DKK"},
            "capture": self._draws.choice(["automatic", "automatic", "manual"]),
        }
        self._send("refund.create", payment_id, {**data, **more})

    def give_back_of(self, order_id: str, captured: int) -> None:
        """Refund a payment that another system made: with its point of sale, under another name, or blindly."""
        draws = self._draws
        how = draws.choice(["by its order", "under another name", "without a point of sale", "never made"])
        value = max(1, round(captured * draws.choice([1.0, 0.5, 1.01])))
        match how:
            case "by its order":
                for number in range(draws.choice([1, 2])):
                    self.refund(order_id, f"r-{number}", value, posId=elsewhere.POS_ID)
            case "under another name":
                self.refund(f"lost-{order_id}", "r-0", value, posId=elsewhere.POS_ID, orderId=order_id)
            case "without a point of sale":
                self.refund(order_id, "r-0", value)
            case _:
                self.refund(f"never-{order_id}", "r-0", value, posId=elsewhere.POS_ID)
