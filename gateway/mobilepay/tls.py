"""Whom the client trusts and how it shows itself: TLS 1.2 or later, always verified, the host's name too."""

import ssl
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: `ca_file` replaces the public authorities; `cert_file` (`key_file`) is the client's."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Raises OSError or ssl.SSLError for a file that cannot be used: a fault of the settings, for start-up.

    Without `ca_file`: SSL_CERT_FILE or SSL_CERT_DIR where set, else the bundle that comes with httpx, since a
    slim image has no other.
    """
    if files.ca_file is not None:
        context = ssl.create_default_context(cafile=files.ca_file)
    else:
        context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if files.cert_file is not None:
        context.load_cert_chain(files.cert_file, files.key_file)
    return context
