"""The README's figures, from the lines that `make bench` left."""

import json
from math import ceil
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
    return "\n\n".join([_contests(of["contest"]), _latencies(of["latency"]), _states(of), _capacity(of)])


_NAMES = ("contest", "latency", "polls", "growth", "restore", "soak")


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
                f"{line['partitions']}"
                + (f", {line['processes']} processes" if line["processes"] > 1 else ""),
                f"{line['commands_per_second']:,.0f}",
                f"{line['cpu_us_per_command']:,.0f}",
                *(_ratio(line, beside.get(name)) for name in ("strict", "aiohttp")),
            )
        )
    head = ("a backlog", "provider", "in flight", "partitions", "commands/s", "CPU us each")
    return markdown.table((*head, "CPU to httpx's floor", "to aiohttp's"), rows)


def _ground(line: Line) -> tuple[Any, ...]:
    return line["provider_ms"], line["in_flight"], line["partitions"], line["processes"]


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
    rows += [
        (
            f"{line['minutes']:.0f} minutes of {line['payments_per_second']:.0f} payments/s, each its whole way",
            (
                f"memory grows by {line['bytes_per_payment_first']:,.0f} bytes a payment in the first half, "
                f"{line['bytes_per_payment_last']:,.0f} in the second: each is kept, for repeats of its commands"
            ),
        )
        for line in of["soak"]
    ]
    return markdown.table(("", ""), rows)


THINKING_SECONDS, POLL_DELAY_SECONDS, ANSWER_SECONDS = 15, 1, 0.1
MOST_SHARE = 2 / 3
SHOPS = (("a shop", 1), ("a chain", 100), ("a country", 5_000))
MEAN_SHARE, KEPT_SECONDS, MOST_GB = 0.25, 7 * 86_400, 16


def _capacity(of: dict[str, list[Line]]) -> str:
    """What a payment costs, from the measured cost of a command (two calls) and of a poll: it is initiated, polled
    while the customer thinks, and captured (one call). Then it is kept, and read back by whoever takes over.
    """
    kept_bytes = max(line["bytes_per_payment_last"] for line in of["soak"])
    gigabytes = kept_bytes / 1e9
    [restored] = of["restore"]
    restore_seconds = restored["seconds_more_than_empty"] / restored["payments"]
    command = max(one["cpu_us_per_command"] for one in _of_gateway(of["contest"]) if one["partitions"] == 4)
    poll = max(line["cpu_us_per_poll"] for line in of["polls"])
    polls = THINKING_SECONDS // POLL_DELAY_SECONDS
    micros = 1.5 * command + polls * poll
    requests = 3 + polls
    rows = []
    for name, rate in SHOPS:
        cores, in_flight = rate * micros / 1e6, rate * requests * ANSWER_SECONDS
        kept = rate * MEAN_SHARE * KEPT_SECONDS
        replicas = ceil(max(cores, in_flight / 256, kept * gigabytes / MOST_GB) / MOST_SHARE) + 1
        partitions = max(12, 3 * replicas)
        cells = (
            f"{rate * requests:,}",
            f"{cores:.2f}",
            f"{in_flight:,.0f}",
            f"{kept / 1e6:,.2f} million",
            str(replicas),
            str(partitions),
            f"{kept * gigabytes / (replicas - 1):,.1f} GB",
            f"{kept / partitions * restore_seconds:,.1f} s",
        )
        rows.append((f"{name}, {rate:,} payments/s", *cells))
    head = (
        *("", "requests/s to the provider", "cores", "calls in flight", "payments kept", "replicas"),
        *("partitions", "memory of each", "a partition read back"),
    )
    steady = [(line["commands_per_second"], line["cpu_share"]) for line in _of_gateway(of["latency"])]
    checked = ", ".join(
        f"{rate:.0f} commands/s should take {rate * command / 1e6:.2f} and took {share:.2f}"
        for rate, share in steady
    )
    said = (
        f"Capacity, from {command:,.0f} us a command of two calls and {poll:,.0f} us a poll: a payment that is",
        f"initiated, polled every {POLL_DELAY_SECONDS} s for {THINKING_SECONDS} s and captured takes",
        f"{micros / 1000:.1f} ms of CPU and {requests} requests. Replicas are used to two thirds, and one may be",
        f"lost; the provider answers in {ANSWER_SECONDS * 1000:.0f} ms. What has ended is kept in memory for",
        f"7 days, {kept_bytes:,.0f} bytes each, and the mean rate is a quarter of the peak; a",
        f"replica has {MOST_GB} GB at most. That, and not the CPU, is what a large platform pays for.",
        f"Checked, of a core: {checked}. Few commands a second make small batches, so leave room.",
    )
    return " ".join(said) + "\n\n" + markdown.table(head, rows)


def _of_gateway(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line["contender"] == "gateway"]
