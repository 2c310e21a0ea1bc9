"""What one payment's path answers: the right token, then whatever the process knows of the payment."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = "/payments/"

_SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON body."""

    status: int
    body: object


@dataclass(frozen=True, slots=True)
class PaymentQueries:
    """`look` tells what is known of a paymentId; it is asked only by those who hold `token`."""

    token: str = field(repr=False)
    look: Callable[[str], Answer]

    def answer(self, path: str, authorization: list[bytes]) -> Answer:
        """`authorization`: the values of all headers of that name; more than one is none."""
        if len(authorization) != 1 or not self._holds(authorization[0]):
            return Answer(401, {"error": "unauthorized"})
        payment_id = path.removeprefix(PREFIX)
        if not payment_id:
            return Answer(404, {"error": "not found"})
        return self.look(payment_id)

    def _holds(self, authorization: bytes) -> bool:
        scheme, _, given = authorization.partition(b" ")
        # The time that comparing takes tells nothing of how much of it was right.
        return scheme.lower() == _SCHEME.encode() and hmac.compare_digest(given.strip(), self.token.encode())
