"""The provider's ledger beside what was asked and what was told: whose each payment is, and whether it fits."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.evidence import ENDED_AT_PROVIDER, Command, Event, Evidence, rejected
from gateway.demo.finding import Finding

_CANCELLED_BY = {
    "CancelledByUser": "customer",
    "CancelledByClient": "merchant",
    "CancelledByMobilePay": "provider",
}

# With one of these the gateway cancels by itself; every other cancel needs a command.
_OWN_REASONS = frozenset({"approval_timeout", "prepared_timeout", "late_effect"})

# What a start command, and the telling of a prepared payment's amount, leave in the ledger.
_EFFECT_OF = {"initiate": "payment.initiate", "prepare": "payment.prepare", "ready": "payment.ready"}


@dataclass(slots=True)
class _Account:
    """All that was asked and told of one payment, and the provider's entries for it."""

    asked: dict[str, list[Command]] = field(default_factory=lambda: defaultdict(list))
    """By type; without what was told to have had no effect, starts excepted: theirs may come late."""
    events: list[Event] = field(default_factory=list)
    books: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def starts(self) -> int:
        return len(self.asked["payment.initiate"]) + len(self.asked["payment.prepare"])

    @property
    def terms(self) -> list[Command]:
        """The commands that say over how much the payment is, and who captures it."""
        return self.asked["payment.initiate"] + self.asked["payment.ready"]


def compare(evidence: Evidence) -> Iterator[Finding]:
    """Every difference between the ledger, the events and the commands of payments."""
    accounts: dict[str, _Account] = defaultdict(_Account)
    void = rejected(evidence)
    for command in dict.fromkeys(one for one in evidence.sent if one.dead_letter is None):
        if command.starts or command.identity not in void:
            accounts[command.payment_id].asked[command.type].append(command)
    for event in evidence.events:
        accounts[event.payment_id].events.append(event)
    owner = owners(evidence)
    yield from _named(evidence, owner)
    for book in evidence.ledger:
        payment_id = owner.get(book["paymentId"])
        if payment_id is None:
            yield Finding("I1", f"{book['paymentId']}: nobody has asked for it")
        else:
            accounts[payment_id].books.append(book)
    for payment_id, account in accounts.items():
        yield from _account(payment_id, account)


def owners(evidence: Evidence) -> dict[str, str]:
    """Whose payment each of the provider's is, by the orderId that the sender chose."""
    by_order = {one.order_id: one.payment_id for one in evidence.sent if one.starts}
    return {
        book["paymentId"]: by_order[book["orderId"]]
        for book in evidence.ledger
        if book["orderId"] in by_order
    }


def _named(evidence: Evidence, owner: Mapping[str, str]) -> Iterator[Finding]:
    """What events call the provider's payment must agree with whose it is."""
    named = {(event.data.get("provider", {}).get("paymentId"), event.payment_id) for event in evidence.events}
    for provider_id, payment_id in sorted((str(a), b) for a, b in named if a is not None):
        if owner.get(provider_id) != payment_id:
            told = f"its events name {provider_id}, which is {owner.get(provider_id, 'not in the ledger')}"
            yield Finding("I5", f"{payment_id}: {told}")


def _account(payment_id: str, account: _Account) -> Iterator[Finding]:
    if len(account.books) > account.starts:
        told = f"{account.starts} starts, {len(account.books)} payments at the provider"
        yield Finding("I1", f"{payment_id}: {told}")
    told_captured = sum(
        int(event.data["amounts"]["captured"]) for event in account.events if event.type == "payment.captured"
    )
    taken = sum(book["captured"] for book in account.books)
    if told_captured != taken:
        yield Finding("I5", f"{payment_id}: captured told {told_captured}, taken {taken}")
    last = account.events[-1] if account.events else None
    if last is not None and last.data["status"] in ENDED_AT_PROVIDER.values():
        yield from _end(payment_id, last, account)
    for book in account.books:
        name = f"{payment_id} ({book['paymentId']})"
        yield from _effects(name, book, account)
        yield from _terms(name, book, account)
        if book["status"] not in ENDED_AT_PROVIDER:
            yield Finding("I8", f"{name}: still {book['status']}")


def _end(payment_id: str, last: Event, account: _Account) -> Iterator[Finding]:
    """The provider's newest entry is the one that the last event tells of."""
    if not account.books:
        yield Finding("I5", f"{payment_id}: told {last.data['status']}, unknown to the provider")
        return
    there, amounts = account.books[-1]["status"], last.data.get("amounts", {})
    if ENDED_AT_PROVIDER.get(there) != last.data["status"]:
        yield Finding("I5", f"{payment_id}: told {last.data['status']}, is {there}")
        return
    for name in ("requested", "reserved") if there == "Captured" else ():
        if amounts.get(name) != account.books[-1][name]:
            told = f"told {amounts.get(name)} {name}, is {account.books[-1][name]}"
            yield Finding("I5", f"{payment_id}: {told}")
    by = next((event.data.get("by") for event in reversed(account.events) if _cancelled(event)), None)
    if there in _CANCELLED_BY and by != _CANCELLED_BY[there]:
        yield Finding("I5", f"{payment_id}: told cancelled by {by}, is {there}")


def _effects(name: str, book: Mapping[str, Any], account: _Account) -> Iterator[Finding]:
    effects: Counter[str] = Counter(book["effects"])
    for operation, count in effects.items():
        if count > 1:
            yield Finding("I1", f"{name}: {operation} took effect {count} times")
        command = _EFFECT_OF.get(operation)
        if command is not None and not account.asked[command]:
            yield Finding("I3", f"{name}: {operation} took effect, and nobody asked for it")
    if effects["capture"] and effects["cancel"]:
        yield Finding("I3", f"{name}: both captured and cancelled")
    if effects["capture"]:
        captures = account.asked["payment.capture"]
        asked = {one.amount if one.amount is not None else book["reserved"] for one in captures}
        asked |= {book["reserved"]} if any(one.automatic for one in account.terms) else set()
        if not asked:
            yield Finding("I3", f"{name}: captured, and nobody asked for it")
        elif book["captured"] not in asked:
            yield Finding("I3", f"{name}: captured {book['captured']}, asked for {sorted(asked)}")
    own = any(_cancelled(event) and event.data.get("reason") in _OWN_REASONS for event in account.events)
    if effects["cancel"] and not account.asked["payment.cancel"] and not own:
        yield Finding("I3", f"{name}: cancelled, and nobody asked for it")


def _terms(name: str, book: Mapping[str, Any], account: _Account) -> Iterator[Finding]:
    asked = {(one.amount, one.currency) for one in account.terms}
    if not {"initiate", "ready"} & book["effects"].keys():
        asked = {(0, None)}
    if (book["requested"], book["currency"]) not in asked:
        told = f"started over {book['requested']} {book['currency']}"
        yield Finding("I1", f"{name}: {told}, which nobody asked for")


def _cancelled(event: Event) -> bool:
    return event.type == "payment.cancelled"
