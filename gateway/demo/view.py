"""What a person sees of the demo: payments moving, as a live table on a terminal, as plain lines elsewhere."""

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.demo.audit import Report
from gateway.demo.evidence import Event, Evidence

LAST_EVENTS = 8
PLAIN_LINE_SECONDS = 2.0
_ORDER = (
    *("requested", "prepared", "paired", "initiated", "issued", "reserved"),
    *("captured", "cancelled", "expired", "none"),
)
_REFUND_ORDER = ("requested", "initiated", "reserved", "captured", "cancelled", "none")


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
        self._refunds: dict[tuple[str, str], str] = {}
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
        if event.refund_id is not None and "refundStatus" in event.data:
            self._refunds[event.payment_id, event.refund_id] = str(event.data["refundStatus"])
        amounts = event.data.get("amounts", {})
        refund = event.data.get("refundAmount")
        minor = amounts.get("requested", 0) if refund is None else refund["value"]
        value = f"{in_majors(minor)} {amounts.get('currency', '')}"
        self._last.append(f"{event.payment_id}  {event.data['sequence']:>2}  {event.type:<20} {value:>12}")

    def refresh(self) -> None:
        if self._live is not None:
            self._show()
        elif time.monotonic() - self._said_at > PLAIN_LINE_SECONDS:
            self._said_at = time.monotonic()
            told = f"payments {len(self._status)}/{self._payments}  {_counted(self._status.values(), _ORDER)}"
            if self._refunds:
                told += f"  | refunds {len(self._refunds)}  {_counted(self._refunds.values(), _REFUND_ORDER)}"
            self._console.print(told, highlight=False, soft_wrap=True)

    def _show(self) -> None:
        assert self._live is not None
        payments = _table(f"payments, {self._answered} commands answered", self._status.values(), _ORDER)
        refunds = _table("refunds", self._refunds.values(), _REFUND_ORDER)
        self._live.update(Group(payments, refunds, *(Text(line) for line in self._last)))


def _counted(statuses: Iterable[str], order: Sequence[str]) -> str:
    counts = Counter(statuses)
    return "  ".join(f"{name} {counts[name]}" for name in order if counts[name])


def _table(title: str, statuses: Iterable[str], order: Sequence[str]) -> Table:
    counts, table = Counter(statuses), Table(title=title)
    for name in order:
        table.add_column(name, justify="right")
    table.add_row(*(str(counts[name]) for name in order))
    return table


def tell(console: Console, evidence: Evidence, report: Report, kills: Sequence[int]) -> None:
    """What happened: counts, both ledgers, a line a guarantee. `kills` are the calls in flight at each."""
    events = evidence.events
    console.print(
        f"\n{len(evidence.sent)} messages sent, {sum(e.answered is not None for e in events)} answers, "
        f"{len(evidence.dead_letters)} dead letters, {len(events)} events, "
        f"{len(evidence.ledger)} payments and {sum(len(book.get('refunds', ())) for book in evidence.ledger)} "
        "refunds at the provider",
        highlight=False,
        soft_wrap=True,
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
    table = Table("", "by the events", "by the provider's ledger", "difference")
    for name, here, there in (
        ("captured", report.captured_here, report.captured_there),
        ("refunded", report.refunded_here, report.refunded_there),
    ):
        for currency in sorted(here.keys() | there.keys()):
            sums = (here[currency], there[currency], here[currency] - there[currency])
            table.add_row(f"{name} {currency}", *map(in_majors, sums))
    console.print(table)
    for line in report.lines():
        console.print(
            line, style="red" if "FAILS" in line else None, markup=False, highlight=False, soft_wrap=True
        )
