"""Documents made from the declarations in the code: `make generated` writes them, a test compares.

A table that is written by hand says what somebody meant; these say what the gateway does.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path

from deploy.alerts import objectives
from deploy.grafana import dashboards
from gateway.domain.lifecycle import ACTIVE, ENDED, TRANSITIONS
from gateway.domain.meetings import MEETINGS, REFUND_MEETINGS, Meeting, Met
from gateway.domain.refund_lifecycle import REFUND_ENDED, REFUND_TRANSITIONS
from gateway.domain.state import OperationKind
from gateway.domain.vocabulary import PaymentStatus, Reason, RefundStatus
from gateway.mobilepay.errors import CODES
from gateway.mobilepay.successes import REFUND_STATUSES, STATUSES
from gateway.published import documents
from tests.chart import documents as chart
from tests.chart import golden
from tests.house import acls, licences, markdown, reference
from tests.house.metrics_table import metrics_document
from tests.house.proof import readme
from tests.mutation.document import mutation_document
from tests.unit.domain.recorded_turns import recorded

ROOT = Path(__file__).resolve().parents[2]

_READ_FIRST = "the resource is read: what has happened is told, then the command is rejected"
_REPAIRS: Mapping[Reason, str] = {
    Reason.WRONG_STATUS: _READ_FIRST,
    Reason.POINT_OF_SALE_BUSY: "`whenBusy: wait`: a new attempt, a new key; else rejected, naming what is active",
}
_ALWAYS = "rejected; after an unheard request only once a search has found nothing that is ours"
_OF_CODES = {
    "1109": "never asked for: each filter names a point of sale",
    "1110": "never asked for: each filter names a payment",
    "1121": "of the command line's lists",
    "1122": "of the command line's lists",
    "1307": "told as captured, by an amount that is not known; then the capture is rejected",
    "1354": _ALWAYS,
    "1119": "of the command line's lists",
    "1120": "of the command line's lists",
}


_RULES = """# The rules, as tables

Made by `make generated` from the tables that the gateway itself goes by; a test compares.

## A payment's life

{payment_diagram}

{payment_followers}

`none`: nothing exists at the provider. `requested`: to be started, or its start is not known. A poll may skip
states, so the table is wider than the provider's diagram. {active} keep the point of sale busy.

## A refund's life

{refund_diagram}

{refund_followers}

## What a command meets

By the payment's status. A word in `code` is the reason of its rejection; → is the operation that it becomes.

{meetings}

By the refund's status, once the payment is captured:

{refund_meetings}

Commands of one payment start in order, so one that meets a pending operation waits for its end first. A repeat
is recognised before all this; a command past its expiry is `expired`; the currency is judged after the status,
the amount after the currency.

## The provider's words

{words}

Any other word is not known, never final, and told only where a cancel of it is refused.

## The provider's error codes

{codes}

A code that is not listed is `rejected_by_provider` with 409, `invalid_at_provider` with 400, `not_permitted` with
403. A 404 on a resource's own path is `payment_not_found` or `refund_not_found`. 5xx, time-outs and cut
connections are no refusals: the outcome is unknown until it is read. 401, 429 and answers that mean a wrong
address reject nothing.
"""


def rules_document() -> str:
    """deploy/docs/rules.md: lives of payments and refunds, commands by status, the provider's words and codes."""
    heard = [*STATUSES, *(word for word in REFUND_STATUSES if word not in STATUSES)]
    words = ((f"`{word}`", _status(STATUSES.get(word)), _status(REFUND_STATUSES.get(word))) for word in heard)
    return _RULES.format(
        payment_diagram=_diagram(TRANSITIONS, ENDED),
        payment_followers=_followers(TRANSITIONS),
        active=_words(sorted(ACTIVE)),
        refund_diagram=_diagram(REFUND_TRANSITIONS, REFUND_ENDED),
        refund_followers=_followers(REFUND_TRANSITIONS),
        meetings=_meetings(MEETINGS, PaymentStatus),
        refund_meetings=_meetings(REFUND_MEETINGS, RefundStatus),
        words=markdown.table(("the provider says", "of a payment", "of a refund"), words),
        codes=markdown.table(("codes", "HTTP", "reason", "what is done"), _codes()),
    )


CONTRACT = documents()
DOCUMENTS = {
    ROOT / "deploy" / "docs" / "rules.md": rules_document,
    ROOT / "deploy" / "docs" / "metrics.md": metrics_document,
    ROOT / "deploy" / "alerts" / "slo.yaml": objectives.rules_file,
    **{ROOT / "deploy" / "grafana" / name: make for name, make in dashboards.FILES.items()},
    ROOT / "deploy" / "docs" / "acls.md": acls.document,
    licences.DOCUMENT: licences.document,
    ROOT / "deploy" / "docs" / "mutation.md": mutation_document,
    ROOT / "README.md": readme,
    reference.README: reference.readme,
    **{ROOT / "schemas" / path: partial(CONTRACT.__getitem__, path) for path in CONTRACT},
    **chart.documents(),
}
RECORDS = {
    ROOT / "tests" / "unit" / "domain" / "recorded_turns.txt": recorded,
    **golden.records(),
}
"""Written anew beside the documents; the suite that they belong to compares."""


def write() -> None:
    """Write every document anew."""
    for path, make in (DOCUMENTS | RECORDS).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(), encoding="utf-8")
    chart.copy()


def _diagram(table: Mapping[StrEnum, Iterable[StrEnum]], ended: Iterable[StrEnum]) -> str:  # type: ignore[type-var]
    fence = "`" * 3
    arrows = [f"    {before} --> {after}" for before, then in table.items() for after in sorted(then)]
    ends = [f"    {end} --> [*]" for end in sorted(ended)]
    return "\n".join([f"{fence}mermaid", "stateDiagram-v2", "    [*] --> none", *arrows, *ends, fence])


def _followers(table: Mapping[StrEnum, Iterable[StrEnum]]) -> str:  # type: ignore[type-var]
    return markdown.table(
        ("status", "may be followed by"),
        ((f"`{before}`", _words(sorted(then)) or "nothing") for before, then in table.items()),
    )


def _meetings(table: Mapping[str, Mapping[StrEnum, Met]], statuses: type[StrEnum]) -> str:  # type: ignore[type-var]
    rows = ((f"`{status}`", *(_met(row[status]) for row in table.values())) for status in statuses)
    return markdown.table(("", *(f"`{command}`" for command in table)), rows)


def _met(met: Met) -> str:
    match met:
        case Reason():
            return f"`{met}`"
        case OperationKind():
            return f"→ {met}"
        case Meeting():
            return met.value


def _status(found: StrEnum | None) -> str:
    return "" if found is None else found.value.replace("_", " ")


def _codes() -> Iterable[tuple[str, ...]]:
    """Codes that are met alike share a row."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for code, known in sorted(CODES.items()):
        done = _OF_CODES.get(code) or _REPAIRS.get(known.reason) or _ALWAYS
        rows.setdefault((str(known.status), f"`{known.reason}`", done), []).append(code)
    for (status, reason, done), codes in sorted(rows.items()):
        yield ", ".join(codes), status, reason, done


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    write()
