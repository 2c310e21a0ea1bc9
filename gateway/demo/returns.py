"""What customers bring back: the refunds of the demo's shop, decided by the events that they follow."""

import random
from typing import Any

from gateway.demo.evidence import Event
from gateway.demo.messages import Message, Messages

_HABITS = {
    "whole": 25,
    "part": 15,
    "several": 20,
    "too_much": 8,
    "manual_capture": 12,
    "manual_cancel": 12,
    "changed_mind": 8,
    "declined": 6,
    "same_again": 6,
}


class Returns:
    """Of `share` of the captured payments something is given back: all at once, in parts side by side, more
    than there is, captured or cancelled by hand, cancelled in the same breath, refused by the provider (a
    refundId that starts with `fail`), or asked for twice.
    """

    def __init__(self, messages: Messages, share: float) -> None:
        self._messages = messages
        self._share = share
        self._plans: dict[tuple[str, str], str] = {}

    def follow(self, event: Event) -> list[Message]:
        if event.type == "payment.captured" and "captured" in event.data["amounts"]:
            draws = random.Random(event.id)
            return self._open(event, draws) if draws.random() < self._share else []
        if event.type == "refund.reserved" and event.refund_id is not None:
            verb = self._plans.pop((event.payment_id, event.refund_id), None)
            return [self._change(verb, event.payment_id, event.refund_id)] if verb else []
        return []

    def _open(self, event: Event, draws: random.Random) -> list[Message]:
        payment_id, amounts = event.payment_id, event.data["amounts"]
        value, currency = int(amounts["captured"]), str(amounts["currency"])
        habit = draws.choices(list(_HABITS), weights=list(_HABITS.values()))[0]
        names = [f"ref-{payment_id}-{number}" for number in (1, 2, 3, 4)]
        part = draws.randint(1, value)

        def create(name: str, minor: int, **more: Any) -> Message:
            data = {"refundId": name, "amount": {"value": minor, "currency": currency}, **more}
            return self._messages.command("refund.create", payment_id, data)

        match habit:
            case "whole":
                return [create(names[0], value)]
            case "part":
                return [create(names[0], part)]
            case "several":
                return [create(name, minor) for name, minor in zip(names, _parts(value, draws), strict=False)]
            case "too_much":
                return [create(names[0], value), create(names[1], 1), create(names[2], value + 1)]
            case "manual_capture" | "manual_cancel":
                verb = habit.removeprefix("manual_")
                self._plans[payment_id, names[0]] = verb
                return [create(names[0], part, capture="manual")]
            case "changed_mind":
                return [create(names[0], part), self._change("cancel", payment_id, names[0])]
            case "declined":
                return [create(f"fail-{payment_id}", part)]
            case "same_again":
                first = create(names[0], part)
                return [first, first, create(names[0], part)]
            case _:
                raise AssertionError(habit)

    def _change(self, verb: str, payment_id: str, refund_id: str) -> Message:
        return self._messages.command(f"refund.{verb}", payment_id, {"refundId": refund_id})


def _parts(value: int, draws: random.Random) -> list[int]:
    """Up to three positive parts that are `value` in sum."""
    cuts = sorted({draws.randint(1, value) for _ in range(2)} | {value})
    return [upper - lower for lower, upper in zip([0, *cuts], cuts, strict=False)]
