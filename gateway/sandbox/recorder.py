"""Watches the client: every request is noted, and each break of the protocol is a violation with a name.

The rules are "What a client must do" of the API's documents; `gateway.sandbox.violations` lists them. What is
allowed but worth seeing is a note. The recorder judges by what it saw itself: when a request arrived and when
its answer was handed to the network, so a client that counts from the moment it has read an answer is never
early.

- The first GET of a resource right after a write to it is a repair and not a poll; so is one GET of each
  payment that a list named, or that a 409 was about. An answered repair starts the delay anew, one of a
  candidate does not: that payment may have its own poller.
- A GET that got no answer (time-out, reset, 5xx, unreadable body) may be repeated after a back-off.
- 401 and 429 are no requests of a call.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from gateway.sandbox.calls import CallBook, Sighting
from gateway.sandbox.config import SandboxConfig
from gateway.sandbox.faults import SPOILED
from gateway.sandbox.http import Response
from gateway.sandbox.operations import CREATING, POLLED, REPEATABLE_WRITES, SIMULATION, Operation
from gateway.sandbox.refusals import INVALID_REQUESTS, MALFORMED_HEADERS
from gateway.sandbox.violations import VIOLATIONS, Record, record

UNHEARD_GAP_SECONDS = 0.05
CONCURRENT_SECONDS = 1.5
"""A request older than that may have been given up by its client before the sandbox learned of it."""
WRITE_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 0.5
WAIT_NOTED_SECONDS = 0.2

_OPPOSITE = {
    Operation.CAPTURE: Operation.CANCEL,
    Operation.CANCEL: Operation.CAPTURE,
    Operation.CAPTURE_REFUND: Operation.CANCEL_REFUND,
    Operation.CANCEL_REFUND: Operation.CAPTURE_REFUND,
}


@dataclass(slots=True)
class Poll:
    """How often a resource may be read; `repairs` and `candidates` are GETs that may come early, `repairing` is
    the one of the first kind that is on its way."""

    not_before: float = 0.0
    delay_seconds: float = 0.0
    repairs: int = 0
    candidates: int = 0
    repairing: Sighting | None = None
    requests: int = 0
    ended: bool = False


class Recorder:
    """Remembers the last `records_max` of each list and counts them all."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.calls = CallBook()
        self.polls: dict[tuple[Operation, str], Poll] = {}
        self.violations: deque[Record] = deque(maxlen=config.records_max)
        self.notes: deque[Record] = deque(maxlen=config.records_max)
        self.violation_counts: Counter[str] = Counter()
        self.note_counts: Counter[str] = Counter()

    def arrived(self, sighting: Sighting, now: float) -> None:
        operation = sighting.operation
        if operation is None:
            return
        if operation in POLLED:
            self._poll_arrived(operation, sighting, now)
        elif operation in CREATING or operation in REPEATABLE_WRITES:
            self._call_arrived(sighting, now)

    def performed(self, sighting: Sighting, response: Response, now: float) -> None:
        """What the API itself thought of the request, whether or not the client will hear of it."""
        if sighting.operation is not None:
            self._judge(sighting, response, now)
        call = sighting.call
        if call is None:
            return
        if sighting.operation in CREATING and response.status == 200:
            if call.resource and call.resource != response.resource:
                self._violation("second_resource", sighting, now, f"first {call.resource}")
            call.resource = response.resource
            kind = {
                Operation.CREATE_REFUND: "refund",
                Operation.CREATE_POINT_OF_SALE: "pos",
            }.get(sighting.operation, "payment")
            self.calls.add_subject(call, f"{kind}:{response.resource}")
        elif response.status == 409 and response.resource:
            poll = self._poll(Operation.GET_PAYMENT, response.resource)
            poll.candidates = max(poll.candidates, 1)

    def finished(self, sighting: Sighting, shown: Response | None, fault: str, now: float) -> None:
        """The exchange ended at `now`, just before its answer was handed over; `shown` is None without an
        answer."""
        self._check_wait(sighting, now)
        call = sighting.call
        if call is not None:
            call.in_flight -= 1
            call.repaired_kind(self._repair)
            if shown is not None and shown.status in (401, 429):
                call.since_look -= 1
                call.settled = sighting.was_settled and not call.in_flight
            elif _answered(sighting.operation, shown, fault):
                call.settled = True
                if sighting.operation in REPEATABLE_WRITES:
                    # Without a key, what follows an answer is another call.
                    call.since_look = 0
        heard = shown is not None and shown.status < 500 and shown.status not in (401, 429)
        heard = heard and fault not in SPOILED
        if sighting.operation is not None and sighting.operation in POLLED:
            unauthorized = shown is not None and shown.status == 401
            self._poll_finished(
                sighting.operation, sighting, shown if heard else None, now, unauthorized=unauthorized
            )
        if heard and shown is not None and shown.status == 200:
            self.calls.looked(sighting, shown)
            if sighting.operation is Operation.LIST_PAYMENTS:
                for payment_id in shown.listed:
                    # Several may look for what is in their way at once, each with a list of its own.
                    self._poll(Operation.GET_PAYMENT, payment_id).candidates += 1

    def misshapen(self, sighting: Sighting, name: str, detail: str, now: float) -> None:
        """The request carries what its endpoint does not take."""
        self._violation(name, sighting, now, detail)

    def odd(self, sighting: Sighting, name: str, detail: str, now: float) -> None:
        self._note(name, sighting, now, detail)

    def astray(self, sighting: Sighting, what: str, now: float) -> None:
        """A request whose path or method leads to no operation."""
        self._violation("unknown_path", sighting, now, what)

    def _check_wait(self, sighting: Sighting, now: float) -> None:
        operation, tolerance = sighting.operation, self.config.wait_tolerance_seconds
        if operation is None or operation is Operation.TOKEN or operation in SIMULATION:
            return
        writes = operation in CREATING or operation in REPEATABLE_WRITES
        over = now - sighting.arrived_at - (WRITE_TIMEOUT_SECONDS if writes else READ_TIMEOUT_SECONDS)
        if tolerance is not None and over > tolerance:
            self._violation("waited_too_long", sighting, now, f"by {over:.2f} s")
        elif over > WAIT_NOTED_SECONDS:
            self._note("waited_long", sighting, now, f"by {over:.2f} s")

    def _call_arrived(self, sighting: Sighting, now: float) -> None:
        call, earlier = self.calls.find(sighting, now)
        sighting.call = call
        if earlier is not None and not earlier.settled:
            self._violation("second_key", sighting, now, f"the earlier key is {earlier.subject}")
        if sighting.operation in CREATING and call.fingerprint != sighting.fingerprint:
            self._violation("key_reused", sighting, now, "the request differs from the first with this key")
        elif call.fingerprint != sighting.fingerprint:
            if not call.settled:
                self._violation("changed_call", sighting, now, "its earlier requests have another body")
            call.fingerprint = sighting.fingerprint
        limit = self.config.key_use_limit_seconds
        if sighting.operation in CREATING and now - call.first_at > limit:
            hours = (now - call.first_at) / 3600
            self._violation("key_used_too_late", sighting, now, f"{hours:.2f} h after its first use")
        if call.in_flight and now - call.last_at < CONCURRENT_SECONDS:
            age = now - call.last_at
            self._violation("concurrent_requests", sighting, now, f"the other is {age:.3f} s old")
        opposite = _OPPOSITE.get(call.operation)
        other = self.calls.get(opposite, sighting.subject) if opposite else None
        if other is not None and not other.settled:
            self._violation("opposite_decision", sighting, now, f"{other.operation} is not settled")
        sighting.was_settled = call.settled
        call.requests += 1
        call.since_look += 1
        call.in_flight += 1
        call.last_at = now
        call.settled = False
        if call.since_look == self.config.requests_per_call_max + 1:
            text = f"request {call.since_look} since the last answered look"
            self._violation("too_many_requests", sighting, now, text)
        call.repaired_kind(self._repair)

    def _repair(self, kind: str, resource: str) -> None:
        """A write to a resource: its next GET may come at once."""
        operations = {
            "payment": Operation.GET_PAYMENT,
            "refund": Operation.GET_REFUND,
        }
        if kind in operations:
            self._poll(operations[kind], resource).repairs = 1

    def _poll_arrived(self, operation: Operation, sighting: Sighting, now: float) -> None:
        poll = self._poll(operation, sighting.subject)
        poll.requests += 1
        early = poll.not_before - self.config.poll_tolerance_ms / 1000 - now
        if early <= 0:
            poll.repairs = 0
            if poll.candidates:
                # Whoever listed it reads it: its own poller cannot know of that.
                poll.candidates -= 1
                sighting.allowance = "candidate"
            if poll.ended:
                self._note("polled_after_the_end", sighting, now, "its last answer told an end")
        elif poll.repairs:
            poll.repairs = 0
            sighting.allowance = "repair"
            poll.repairing = sighting
        elif poll.candidates:
            poll.candidates -= 1
            sighting.allowance = "candidate"
            if poll.repairing is not None:
                sighting.shared = poll.repairing.shared = True
        else:
            text = f"{early * 1000:.1f} ms too early (pollDelayInMs {poll.delay_seconds * 1000:.0f})"
            self._violation("polled_too_early", sighting, now, text)

    def _poll_finished(
        self,
        operation: Operation,
        sighting: Sighting,
        shown: Response | None,
        now: float,
        *,
        unauthorized: bool,
    ) -> None:
        poll = self._poll(operation, sighting.subject)
        if poll.repairing is sighting:
            poll.repairing = None
        if shown is None:
            # A 401 says nothing of the resource: the same GET may follow at once, with another token.
            gap = 0.0 if unauthorized else min(poll.delay_seconds, UNHEARD_GAP_SECONDS)
            poll.not_before = max(poll.not_before, sighting.arrived_at + gap)
            if sighting.allowance == "repair":
                poll.repairs = 1
            elif sighting.allowance == "candidate":
                poll.candidates += 1
            return
        if shown.poll_delay_ms is None:
            return
        poll.delay_seconds = shown.poll_delay_ms / 1000
        poll.ended = shown.ended
        if sighting.shared:
            poll.not_before = min(poll.not_before, now + poll.delay_seconds)
        elif sighting.allowance != "candidate":
            poll.not_before = now + poll.delay_seconds

    def _judge(self, sighting: Sighting, response: Response, now: float) -> None:
        code = response.code
        if code == "1164":
            self._violation("missing_key", sighting, now, code)
        elif code in MALFORMED_HEADERS:
            self._violation("malformed_header", sighting, now, code)
        elif code in INVALID_REQUESTS:
            self._violation("invalid_request", sighting, now, code)
        elif response.status in (403, 409):
            self._note(f"refused_{code}", sighting, now, f"{response.status}")
        elif response.status == 401:
            if sighting.has_authorization:
                self._note("token_refused", sighting, now, "401")
            else:
                self._violation("missing_token", sighting, now, "401")
        elif response.status == 415:
            self._violation("invalid_request", sighting, now, "415")
        elif response.status == 404:
            self._note("not_found", sighting, now, "404")

    def _poll(self, operation: Operation, resource: str) -> Poll:
        poll = self.polls.get((operation, resource))
        if poll is None:
            poll = self.polls[operation, resource] = Poll()
        return poll

    def _violation(self, name: str, sighting: Sighting, now: float, detail: str) -> None:
        self.violation_counts[name] += 1
        number = self.violation_counts.total()
        self.violations.append(record(number, name, sighting, now, f"{VIOLATIONS[name]}: {detail}"))

    def _note(self, name: str, sighting: Sighting, now: float, detail: str) -> None:
        self.note_counts[name] += 1
        self.notes.append(record(self.note_counts.total(), name, sighting, now, detail))


def _answered(operation: Operation | None, shown: Response | None, fault: str) -> bool:
    """Whether the client knows the outcome now: any 2xx does for a repeatable write, a creating POST needs
    its id. A refusal is one, though its body cannot be read."""
    if shown is None or shown.status >= 500:
        return False
    return fault not in SPOILED or operation in REPEATABLE_WRITES or shown.status >= 400
