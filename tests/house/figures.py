"""The README's figures, from the lines that `make bench` left."""

import json
from pathlib import Path
from typing import Any

from tests.house import markdown

LINES = Path(__file__).resolve().parents[2] / "deploy" / "docs" / "bench.jsonl"
BEGIN, END = "<!-- made by make generated: figures -->", "<!-- end of figures -->"
WHAT = {
    "gateway": "the gateway",
    "strict": "the floor through httpx on this transport",
    "aiohttp": "the floor over aiohttp alone",
    "faststream": "a FastStream subscriber over httpx as it comes",
}
Line = dict[str, Any]


def readme(text: str) -> str:
    """The text with its figures made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def tables() -> str:
    lines = [json.loads(line) for line in LINES.read_text(encoding="utf-8").splitlines()]
    of = {name: [line for line in lines if line["measurement"] == name] for name in _NAMES}
    return "\n\n".join([_contests(of["contest"]), _latencies(of["latency"]), _states(of)])


_NAMES = ("contest", "latency", "polls", "growth", "restore")


def _contests(lines: list[Line]) -> str:
    """Side by side in one run; the ratio is to the floor through httpx and to that over aiohttp alone."""
    rows = []
    for line in lines:
        beside = {one["contender"]: one for one in lines if _ground(one) == _ground(line)}
        rows.append(
            (
                WHAT[line["contender"]],
                f"{line['provider_ms']:.0f} ms",
                str(line["in_flight"]),
                str(line["partitions"]),
                f"{line['commands_per_second']:,.0f}",
                f"{line['cpu_us_per_command']:,.0f}",
                *(_ratio(line, beside.get(name)) for name in ("strict", "aiohttp")),
            )
        )
    head = ("a backlog", "provider", "in flight", "partitions", "commands/s", "CPU us each")
    return markdown.table((*head, "CPU to httpx's floor", "to aiohttp's"), rows)


def _ground(line: Line) -> tuple[Any, ...]:
    return line["provider_ms"], line["in_flight"], line["partitions"]


def _ratio(line: Line, floor: Line | None) -> str:
    return "" if floor is None else f"{line['cpu_us_per_command'] / floor['cpu_us_per_command']:.2f}"


def _latencies(lines: list[Line]) -> str:
    rows = (
        (
            WHAT[line["contender"]],
            f"{line['commands_per_second']:.0f}/s",
            *(f"{line[name]:.0f} ms" for name in ("p50_ms", "p99_ms", "p999_ms")),
        )
        for line in lines
    )
    return markdown.table(("from `send` to the committed event", "rate", "p50", "p99", "p99.9"), rows)


def _states(of: dict[str, list[Line]]) -> str:
    rows = [
        (
            f"{line['payments']:,} payments wait, each polled every {line['poll_delay_ms'] / 1000:.0f} s",
            (
                f"{line['polls_per_second']:,.0f} polls/s, late by {line['late_p50_ms']:.0f} ms (p50) and "
                f"{line['late_p99_ms']:.0f} ms (p99), {line['cpu_share']:.2f} of a core"
            ),
        )
        for line in of["polls"]
    ]
    rows += [
        (
            f"{line['payments']:,} payments in the state",
            (
                f"{line['cpu_us_per_command']:,.0f} us of CPU a command, "
                f"{line['bytes_per_payment']:,.0f} bytes of memory a payment"
            ),
        )
        for line in of["growth"]
    ]
    rows += [
        (
            f"a new process restores {line['payments']:,} payments",
            (
                f"{line['seconds_more_than_empty']:.1f} s more than none until it is ready; "
                f"{line['bytes_per_record']:,.0f} bytes a state record"
            ),
        )
        for line in of["restore"]
    ]
    return markdown.table(("", ""), rows)
