"""What a platform asks of its points of sale: made, watched, deleted, made anew; and who checks in there."""

import random
from collections.abc import Callable
from typing import Any

from gateway.sandbox import Sandbox
from gateway.sandbox.config import DEFAULT_STORE_ID
from gateway.sandbox.customers import USERS
from gateway.sandbox.refusals import Refusal
from gateway.sandbox.users import arrive

Send = Callable[[str, str, dict[str, Any]], None]


class Tills:
    """`send(type, merchantPosId, data)` puts a command on its way, `notify` a notification of the provider's."""

    def __init__(
        self, draws: random.Random, send: Send, notify: Callable[[str], None], sandbox: Sandbox
    ) -> None:
        self._draws = draws
        self._send = send
        self._notify = notify
        self._sandbox = sandbox
        self._followed: set[str] = set()

    def ask(self, number: int) -> None:
        """Something about a till, sensible or not."""
        draws, name = self._draws, f"till-{number}"
        pos_id = self._there(name)
        if pos_id is None or draws.random() < 0.1:
            self._create(name)
        elif draws.random() < 0.2:
            self._send("point-of-sale.delete", name, {"posId": pos_id})
        elif draws.random() < 0.5:
            self._send("checkin.watch", name, {"posId": pos_id, "seconds": draws.choice([2, 10, 40])})
        else:
            self._visit(pos_id, name)

    def follow(self, event: dict[str, Any]) -> None:
        """React to an event of a point of sale, once."""
        name = f"{event['merchantPosId']}-{event['sequence']}"
        if name in self._followed:
            return
        self._followed.add(name)
        draws, till = self._draws, event["merchantPosId"]
        match event["type"]:
            case "point-of-sale.created" if draws.random() < 0.5:
                self._send("checkin.watch", till, {"posId": event["posId"], "seconds": draws.choice([2, 40])})
            case "point-of-sale.deleted" if draws.random() < 0.5:
                self._create(till)
            case "checkin.ended" if draws.random() < 0.2:
                self._send("point-of-sale.delete", till, {"posId": event["posId"]})
            case _:
                pass

    def _create(self, name: str) -> None:
        draws = self._draws
        data: dict[str, Any] = {
            "storeId": DEFAULT_STORE_ID,
            "name": draws.choice(["Check-out", "Kiosk"]),
            "supportedBeaconTypes": ["QR"],
            "callbackAlias": "shop",
        }
        if draws.random() < 0.3:
            data["beaconId"] = f"{draws.randrange(3):015d}"
        self._send("point-of-sale.create", name, data)

    def _there(self, name: str) -> str | None:
        """As the platform's own books would say."""
        places = self._sandbox.world.register.points_of_sale.values()
        found = [pos.pos_id for pos in places if pos.merchant_pos_id == name and not pos.deleted]
        return found[-1] if found else None

    def _visit(self, pos_id: str, name: str) -> None:
        """A customer checks in at a till; the provider tells of it once, again and again, or not at all."""
        register = self._sandbox.world.register
        user = self._draws.choice(list(USERS.values()))
        try:
            arrive(register, register.points_of_sale[pos_id], user, self._sandbox.clock.now())
        except Refusal:
            return
        for _ in range(self._draws.choice([0, 1, 1, 3])):
            self._notify(name)
