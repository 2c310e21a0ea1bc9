"""What can be set about this provider, checked once."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from gateway.mobilepay.secret import Secret
from gateway.mobilepay.tls import TlsFiles

MOST_REQUESTS_PER_CALL: Final = 6
"""The first and five retries: the most that the API allows (api principles, error handling)."""

TOKEN_PATH: Final = "/integrator-authentication/connect/token"  # noqa: S105

_POSITIVE: Final = (
    "max_concurrent_calls",
    "max_looks_per_second",
    "max_answer_bytes",
    "write_timeout_seconds",
    "read_timeout_seconds",
    "connect_timeout_seconds",
    "token_timeout_seconds",
    "fault_pause_seconds",
)
_VAT: Final = re.compile(r"(?:DK|FI)[0-9]{8}")
_VERSION: Final = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}")


def is_vat_number(value: str) -> bool:
    """Country and digits as the API takes them; anything else in the header would be 1159."""
    return _VAT.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class MobilePayOptions:
    """One integrator at one address. `client_version` is the certified Major.Minor.Build.

    `token_per_merchant` binds each token to its merchant, who then needs no header. Raises ValueError that
    names every field that is wrong, never its value.
    """

    client_id: str
    client_secret: Secret
    client_version: str
    base_url: str = "https://api.sandbox.mobilepay.dk"
    token_url: str | None = None
    merchant_vat_number: str | None = None
    token_per_merchant: bool = False
    send_ibm_client_id: bool = True
    max_concurrent_calls: int = 256
    max_requests_per_call: int = 3
    max_looks_per_second: int = 20
    max_answer_bytes: int = 1_048_576
    write_timeout_seconds: float = 2.0
    read_timeout_seconds: float = 0.5
    connect_timeout_seconds: float = 2.0
    token_timeout_seconds: float = 2.0
    fault_pause_seconds: float = 10.0
    """Between two tries while credentials or the address are wrong."""
    tls: TlsFiles = field(default_factory=TlsFiles)
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        wrong = list(self._problems())
        if wrong:
            raise ValueError("; ".join(wrong))

    @property
    def token_endpoint(self) -> str:
        return self.token_url or self.base_url.rstrip("/") + TOKEN_PATH

    def _problems(self) -> list[str]:
        found = [_address("base_url", self.base_url)]
        if self.token_url is not None:
            found.append(_address("token_url", self.token_url))
        elif found == [None] and urlsplit(self.base_url).path.strip("/"):
            found.append("token_url: must be given, since base_url has a path")
        if not _is_header_word(self.client_id):
            found.append("client_id: must be printable ASCII")
        if not self.client_secret.reveal():
            found.append("client_secret: must not be empty")
        if _VERSION.fullmatch(self.client_version) is None:
            found.append("client_version: must be Major.Minor.Build")
        if self.merchant_vat_number is not None and not is_vat_number(self.merchant_vat_number):
            found.append("merchant_vat_number: must be DK or FI and 8 digits")
        if not 1 <= self.max_requests_per_call <= MOST_REQUESTS_PER_CALL:
            found.append(f"max_requests_per_call: must be 1 to {MOST_REQUESTS_PER_CALL}")
        found += [f"{name}: must be positive" for name in _POSITIVE if not getattr(self, name) > 0]
        return [problem for problem in found if problem is not None]


def _address(name: str, url: str) -> str | None:
    """An http or https URL; one with credentials would send those in place of the token."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.port != 0 and bool(httpx.URL(url).host)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or not _is_header_word(url):
        return f"{name}: must be an http or https URL"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return f"{name}: must have neither user, query nor fragment"
    return None


def _is_header_word(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and " " not in value
