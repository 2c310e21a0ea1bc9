"""What is said of a broken answer: for people, and without a byte of it."""

import aiohttp
import pytest
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import BadHttpMessage

from gateway.mobilepay.answer import told


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (
            HttpProcessingError(message="Invalid header value char:\n\n  b'hunter22'"),
            "Invalid header value char",
        ),
        (BadHttpMessage("Bad status line: hunter22"), "Bad status line"),
        (aiohttp.ServerDisconnectedError("hunter22"), "closed without an answer"),
        (aiohttp.ClientPayloadError("hunter22"), "the answer was cut off"),
        (TimeoutError(), "timed out"),
        (ConnectionResetError("reset by peer"), "reset by peer"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_a_broken_answer_is_told_without_its_bytes(fault: Exception, text: str) -> None:
    assert told(fault) == text
