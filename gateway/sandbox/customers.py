"""The customers: who comes to a payment, when, and what they decide. Pure; the world carries the visit out.

A payment's customer follows from, in this order: the first rule of the scenario whose `order_id_prefix` fits,
the prefix of the orderId (`PATTERNS`), the shares of the policy. Whatever is left open is drawn from seed,
point of sale, orderId and how many payments of that orderId there were, so neither arrival order nor time has
a say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from gateway.sandbox.draws import Span, fraction

Behaviour = Literal["accept", "decline", "never", "ignore", "fail"]
"""accept: comes and approves. decline: comes and declines. never: nobody comes. ignore: comes, decides
nothing. fail: comes and approves, but the reservation fails (CancelledByMobilePay)."""

_CHECK_IN_SECONDS = Span(0.2, 2.0)
_DECISION_SECONDS = Span(0.3, 3.0)

PATTERNS: dict[str, Behaviour] = {
    "accept": "accept",
    "partial": "accept",
    "decline": "decline",
    "never": "never",
    "manual": "never",
    "ignore": "ignore",
    "fail": "fail",
}


@dataclass(frozen=True, slots=True)
class User:
    """A user of the provider's sandbox ("Sandbox users")."""

    phone: str
    card: Literal["credit", "debit"] = "credit"
    loyalty_ids: tuple[str, ...] = ()
    partial_capture: bool = False


def _users() -> dict[str, User]:
    users = {}
    for country, stem in (("+45", "2003180"), ("+358", "20031800")):
        users[f"{country}{stem}1"] = User(f"{country}{stem}1")
        users[f"{country}{stem}2"] = User(f"{country}{stem}2", card="debit")
        users[f"{country}{stem}3"] = User(f"{country}{stem}3")
        users[f"{country}{stem}4"] = User(f"{country}{stem}4", loyalty_ids=("123456",))
        users[f"{country}{stem}5"] = User(f"{country}{stem}5", partial_capture=True)
    return users


USERS = _users()


def user_of(phone: str) -> User | None:
    return USERS.get(phone.replace(" ", ""))


@dataclass(frozen=True, slots=True)
class CustomerRule:
    """Forces what the customers of some orders do; what it leaves out is drawn as ever. `user` is a phone
    number."""

    order_id_prefix: str
    behaviour: str
    check_in_seconds: Span | None = None
    decision_seconds: Span | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        if self.behaviour not in get_args(Behaviour):
            raise ValueError(f"behaviour must be one of {', '.join(get_args(Behaviour))}")
        if self.user is not None and user_of(self.user) is None:
            raise ValueError("user must be the phone number of a sandbox user, such as +4520031801")


@dataclass(frozen=True, slots=True)
class CustomerPolicy:
    """Shares of the payments (each 0 to 1, 1 at most in sum; the rest accepts) and how long customers take.

    `automatic: false` leaves every payment to the user simulation endpoints, patterns included.
    """

    automatic: bool = True
    decline: float = 0.1
    never: float = 0.05
    ignore: float = 0.0
    fail: float = 0.0
    check_in_seconds: Span = _CHECK_IN_SECONDS
    decision_seconds: Span = _DECISION_SECONDS
    rules: tuple[CustomerRule, ...] = ()

    def __post_init__(self) -> None:
        shares = (self.decline, self.never, self.ignore, self.fail)
        if any(not 0 <= share <= 1 for share in shares) or sum(shares) > 1 + 1e-9:
            raise ValueError(
                "decline, never, ignore and fail must lie between 0 and 1 and be 1 at most in sum"
            )


@dataclass(frozen=True, slots=True)
class Visit:
    """What the customer of one payment does; seconds from the payment's start, then from the request to
    approve."""

    behaviour: Behaviour
    check_in_seconds: float
    decision_seconds: float
    phone: str | None
    """The user that a rule or pattern names; None lets the world pick one whose card is allowed."""


def plan_visit(policy: CustomerPolicy, seed: int, pos_id: str, order_id: str, visit: int) -> Visit:
    who = (pos_id, order_id, visit)
    rule = next((rule for rule in policy.rules if order_id.startswith(rule.order_id_prefix)), None)
    pattern = next((pattern for pattern in PATTERNS if order_id.startswith(pattern)), None)
    phone: str | None = None
    behaviour: Behaviour
    if rule is not None:
        behaviour = _behaviour(rule.behaviour)
        phone = rule.user
    elif pattern is not None:
        behaviour = PATTERNS[pattern]
        phone = "partial" if pattern == "partial" else None
    else:
        behaviour = _drawn(policy, fraction(seed, "behaviour", *who))
    check_in = (rule.check_in_seconds if rule else None) or policy.check_in_seconds
    decision = (rule.decision_seconds if rule else None) or policy.decision_seconds
    return Visit(
        behaviour,
        check_in.at(fraction(seed, "check-in", *who)),
        decision.at(fraction(seed, "decision", *who)),
        phone,
    )


def pick_user(
    seed: int, payment_id: str, currency: str | None, wanted: str | None, cards_refused: frozenset[str]
) -> User:
    """The user who comes to a payment: the one named, else a drawn one of the currency's country with a card
    that the payment allows. `wanted` "partial" stands for the user whose payments can be captured in part."""
    if wanted is not None and wanted != "partial":
        return USERS[wanted.replace(" ", "")]
    country = "+358" if currency == "EUR" else "+45"
    users = [user for user in USERS.values() if user.phone.startswith(country)]
    if wanted == "partial":
        return next(user for user in users if user.partial_capture)
    allowed = [user for user in users if user.card not in cards_refused] or users
    return allowed[int(fraction(seed, "user", payment_id) * len(allowed))]


def _behaviour(name: str) -> Behaviour:
    for behaviour in get_args(Behaviour):
        if behaviour == name:
            return behaviour  # type: ignore[no-any-return]
    raise AssertionError(name)


def _drawn(policy: CustomerPolicy, share: float) -> Behaviour:
    edge = policy.decline
    if share < edge:
        return "decline"
    edge += policy.never
    if share < edge:
        return "never"
    edge += policy.ignore
    if share < edge:
        return "ignore"
    return "fail" if share < edge + policy.fail else "accept"
