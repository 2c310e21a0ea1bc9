"""Idempotency keys as the provider keeps them: for a day, with the answer that they got.

A key belongs to one integrator and one request, byte for byte. Kept are answers that settle something: a
success and (`replay_refusals`) a 409. A 400 or 403 is judged anew each time, as the request was not
processed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from gateway.sandbox.http import Request, Response
from gateway.sandbox.operations import Operation
from gateway.sandbox.refusals import Refusal


class Kept(NamedTuple):
    fingerprint: bytes
    response: Response
    at: float


def fingerprint(operation: Operation, merchant: str, request: Request) -> bytes:
    text = f"{operation}\x1f{merchant}\x1f".encode()
    return blake2b(text + request.body, digest_size=16).digest()


@dataclass(slots=True)
class Keys:
    """Insertion order is the order of time, so the oldest is at the front."""

    retention_seconds: float
    replay_refusals: bool
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)

    def recall(self, integrator: str, key: str, print_: bytes, now: float) -> Response | None:
        """The first answer; None for a key that is new or forgotten. Another request: 1306."""
        self._forget(now)
        kept = self.kept.get((integrator, key))
        if kept is None:
            return None
        if kept.fingerprint != print_:
            raise Refusal("1306", resource=kept.response.resource)
        return kept.response

    def keep(self, integrator: str, key: str, print_: bytes, response: Response, now: float) -> None:
        if response.status == 200 or (response.status == 409 and self.replay_refusals):
            self.kept[integrator, key] = Kept(print_, response, now)

    def _forget(self, now: float) -> None:
        while self.kept:
            oldest = next(iter(self.kept))
            if now - self.kept[oldest].at < self.retention_seconds:
                return
            del self.kept[oldest]
