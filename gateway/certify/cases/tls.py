"""Checklist A1: TLS of version 1.2 at least, always verified."""

import contextlib
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import trustme

from gateway.certify.findings import Cases, Findings
from gateway.certify.stage import Stage

CASES: Final = Cases()
_TOKEN: Final = json.dumps(
    {"access_token": "t", "expires_in": 3700, "token_type": "Bearer", "scope": "integrator.pos"}
).encode()


class _Doors:
    """One address; `open` says with which TLS it answers. Counts handshakes and requests by that word."""

    def __init__(self, folder: Path) -> None:
        ours, strange = trustme.CA(), trustme.CA()
        self.ca_file = folder / "authority.pem"
        ours.cert_pem.write_to_path(str(self.ca_file))
        self._contexts = {
            "TLS 1.1": self._context(ours, "localhost", ssl.TLSVersion.TLSv1_1),
            "a strange authority": self._context(strange, "localhost", ssl.TLSVersion.TLSv1_3),
            "another name": self._context(ours, "elsewhere.example", ssl.TLSVersion.TLSv1_3),
            "TLS 1.2": self._context(ours, "localhost", ssl.TLSVersion.TLSv1_2),
            "TLS 1.3": self._context(ours, "localhost", ssl.TLSVersion.TLSv1_3),
        }
        self.open = ""
        self.tries: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.versions: set[str | None] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self._contexts)

    def close(self) -> None:
        self._listener.close()

    @staticmethod
    def _context(authority: trustme.CA, host: str, version: ssl.TLSVersion) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host).configure_cert(context)
        context.set_ciphers("ALL:@SECLEVEL=0")
        # The old version is what is tested: a client that takes it is found out here.
        context.minimum_version = context.maximum_version = version
        return context

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection, self.open), daemon=True).start()

    def _answer(self, connection: socket.socket, word: str) -> None:
        self.tries[word] += 1
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            with self._contexts[word].wrap_socket(connection, server_side=True) as encrypted:
                line = encrypted.recv(65_536)
                if not line:
                    return
                self.requests[word] += 1
                self.versions.add(encrypted.version())
                head = (
                    f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(_TOKEN)}\r\n"
                )
                encrypted.sendall(head.encode() + b"connection: close\r\n\r\n" + _TOKEN)


@contextlib.contextmanager
def _doors(folder: Path) -> Iterator[_Doors]:
    doors = _Doors(folder)
    try:
        yield doors
    finally:
        doors.close()


@CASES.case(1, place="alone")
async def only_verified_tls_of_today(stage: Stage, found: Findings) -> None:
    with _doors(stage.folder) as doors:
        settings = {
            "GATEWAY_POS__BASE_URL": f"https://localhost:{doors.port}",
            "GATEWAY_POS__SSL_CAFILE": str(doors.ca_file),
        }
        for word in doors.words:
            doors.open = word
            done = await stage.cli("stores", "list", **settings)
            taken = word in ("TLS 1.2", "TLS 1.3")
            text = f"{word}: {doors.tries[word]} connections, {doors.requests[word]} requests, "
            text += f"exit {done.returncode}"
            found.that(1, doors.tries[word] > 0 and (doors.requests[word] > 0) == taken, text)
        found.equal(1, doors.versions, {"TLSv1.2", "TLSv1.3"}, "versions spoken")
    lines = {one.ask.method for one in stage.seen() if one.ask.body and not one.ask.values("content-type")}
    found.that(1, not lines, "every body has a content-type")
