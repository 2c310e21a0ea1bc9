"""Why a broker takes no connection. aiokafka tells its log alone, and raises one error for all reasons."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

NO_CONNECTION = "no connection"
NOT_ALLOWED = {
    TopicAuthorizationFailedError: "a right to one of the topics is missing",
    GroupAuthorizationFailedError: "the right to read under the group is missing",
    TransactionalIdAuthorizationFailed: "the right to write under the transactional id is missing",
}
"""In words of our own: aiokafka's name a topic's rights as if they were a header with credentials."""


async def reason(connection: Mapping[str, Any], timeout_seconds: float) -> str:
    """One line for people, of the first broker that says more than nothing."""
    arguments = {name: value for name, value in connection.items() if name != "bootstrap_servers"}
    for host, port, _ in collect_hosts(connection["bootstrap_servers"], randomize=False):
        try:
            opened = await create_conn(
                host, port, request_timeout_ms=round(timeout_seconds * 1000), **arguments
            )
        except (OSError, KafkaError, TimeoutError, asyncio.IncompleteReadError) as fault:
            said = _told(fault, connection)
            if said is not None:
                return said
        else:
            opened.close()
    return NO_CONNECTION


def _told(fault: Exception, connection: Mapping[str, Any]) -> str | None:
    if isinstance(fault, SaslAuthenticationFailed):
        user, mechanism = connection.get("sasl_plain_username"), connection.get("sasl_mechanism")
        return f"user {user!r} is unknown there or its password is wrong ({mechanism})"
    if isinstance(fault, UnsupportedSaslMechanismError):
        return f"it does not offer {connection.get('sasl_mechanism')}"
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {fault.verify_message}"
    if isinstance(fault, ssl.SSLError):
        return f"no TLS with it: {fault.reason or type(fault).__name__}"
    return None
