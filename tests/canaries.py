"""The credentials that the tests hand to the gateway: none of them may ever be read in what it writes."""

from gateway.sandbox.customers import USERS

CANARIES = ("hunter22", "canary-secret", "canary-client-secret", "canary-token", "s3cret-of-the-test")


PHONES = tuple(phone.lstrip("+") for phone in USERS)
"""The numbers of the simulator's customers, as they stand in any notation of them."""


def shown_in(text: str) -> list[str]:
    """Which canaries can be read there, by their number; never the canary itself."""
    return [f"canary {number}" for number, canary in enumerate(CANARIES) if canary in text]
