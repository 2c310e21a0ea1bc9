"""What a person sees of the demo: payments moving, as a live table on a terminal, as plain lines elsewhere."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.demo.audit import Report
from gateway.demo.evidence import Event, Evidence

LAST_EVENTS = 8
PLAIN_LINE_SECONDS = 2.0
_ORDER = ("requested", "initiated", "issued", "reserved", "captured", "cancelled", "expired", "none")


def in_majors(minor: int) -> str:
    """Minor units as people write them: 1250 is 12.50."""
    whole, rest = divmod(abs(minor), 100)
    return f"{'-' if minor < 0 else ''}{whole:,}.{rest:02d}"


class View:
    """`told` takes events, `note` what happens to the processes."""

    def __init__(self, console: Console, payments: int) -> None:
        self._console = console
        self._payments = payments
        self._status: dict[str, str] = {}
        self._last: deque[str] = deque(maxlen=LAST_EVENTS)
        self._live = Live(console=console, refresh_per_second=8) if console.is_terminal else None
        self._said_at = 0.0
        self._answered = 0

    def __enter__(self) -> "View":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._show()
            self._live.stop()

    def note(self, text: str) -> None:
        self._console.print(Text(text, style="bold"))

    def told(self, event: Event) -> None:
        self._status[event.payment_id] = str(event.data["status"])
        self._answered += "commandId" in event.data
        amounts = event.data.get("amounts", {})
        value = f"{in_majors(amounts.get('requested', 0))} {amounts.get('currency', '')}"
        self._last.append(f"{event.payment_id}  {event.data['sequence']:>2}  {event.type:<20} {value:>12}")

    def refresh(self) -> None:
        if self._live is not None:
            self._show()
        elif time.monotonic() - self._said_at > PLAIN_LINE_SECONDS:
            self._said_at = time.monotonic()
            counts = Counter(self._status.values())
            told = "  ".join(f"{name} {counts[name]}" for name in _ORDER if counts[name])
            self._console.print(f"payments {len(self._status)}/{self._payments}  {told}", highlight=False)

    def _show(self) -> None:
        assert self._live is not None
        counts = Counter(self._status.values())
        table = Table(title=f"payments, {self._answered} commands answered")
        for name in _ORDER:
            table.add_column(name, justify="right")
        table.add_row(*(str(counts[name]) for name in _ORDER))
        self._live.update(Group(table, *(Text(line) for line in self._last)))


def tell(console: Console, evidence: Evidence, report: Report, kills: Sequence[int]) -> None:
    """What happened: counts, both ledgers, a line a guarantee. `kills` are the calls in flight at each."""
    events = evidence.events
    console.print(
        f"\n{len(evidence.sent)} messages sent, {sum(e.answered is not None for e in events)} answers, "
        f"{len(evidence.dead_letters)} dead letters, {len(events)} events, "
        f"{len(evidence.ledger)} payments at the provider",
        highlight=False,
    )
    for calls in kills:
        console.print(f"one SIGKILL, with {calls} calls in flight", highlight=False)
    counts = {
        "events": Counter(event.type for event in events),
        "rejected": Counter(e.data["reason"] for e in events if e.type == "command.rejected"),
        "dead letters": Counter(letter.reason for letter in evidence.dead_letters),
    }
    for name, counted in counts.items():
        told = "  ".join(f"{what} {count}" for what, count in sorted(counted.items()))
        console.print(f"{name}: {told or 'none'}", highlight=False, soft_wrap=True)
    table = Table("captured", "by the events", "by the provider's ledger", "difference")
    for currency in sorted(report.captured_here.keys() | report.captured_there.keys()):
        here, there = report.captured_here[currency], report.captured_there[currency]
        table.add_row(currency, *map(in_majors, (here, there, here - there)))
    console.print(table)
    for line in report.lines():
        console.print(line, style="red" if "FAILS" in line else None, markup=False, highlight=False)
