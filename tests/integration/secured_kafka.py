"""The real broker with TLS, SCRAM users and ACLs on one listener, and an open one beside it for the test."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from cryptography.hazmat.primitives import serialization

from gateway.demo.broker import EmbeddedKafka

MECHANISM: Final = "SCRAM-SHA-512"
PASSWORDS: Final = {"gateway": "canary-secret", "upstream": "canary-upstream", "reader": "canary-reader"}
"""Each is a canary: what a process writes is searched for them."""

_USER: Final = "User:{}"
_ALLOW, _ANY, _LITERAL, _PREFIXED = 3, 1, 3, 4
_RESOURCES: Final = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
_OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}


@dataclass(frozen=True, slots=True)
class Grant:
    """One ACL that allows `user` something from any host, in the words of kafka-acls."""

    user: str
    resource: str
    name: str
    operation: str
    prefixed: bool = False


@dataclass(frozen=True)
class SecuredKafka:
    broker: EmbeddedKafka
    ca_file: str

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.broker.secured_port}"

    def settings(self, user: str, **changes: str) -> dict[str, str]:
        """What a gateway's environment says of the way to it."""
        told = {
            "BOOTSTRAP_SERVERS": self.address,
            "SECURITY_PROTOCOL": "SASL_SSL",
            "SASL_MECHANISM": MECHANISM,
            "SASL_USERNAME": user,
            "SASL_PASSWORD": PASSWORDS[user],
            "SSL_CAFILE": self.ca_file,
            **changes,
        }
        return {f"GATEWAY_KAFKA__{name}": value for name, value in told.items()}

    def open_settings(self) -> dict[str, str]:
        """The test's own way in, with every right."""
        return {"GATEWAY_KAFKA__BOOTSTRAP_SERVERS": self.broker.bootstrap_servers}

    def grant(self, grants: Sequence[Grant]) -> None:
        asyncio.run(self._ask(CreateAclsRequest, grants))

    def revoke(self, grants: Sequence[Grant]) -> None:
        asyncio.run(self._ask(DeleteAclsRequest, grants))

    async def _ask(self, request: Any, grants: Sequence[Grant]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker.bootstrap_servers)
        await admin.start()
        try:
            for one in grants:
                answer = (await admin._send_request(request(*_row(one)))).to_object()
                [(_, [told])] = [pair for pair in answer.items() if isinstance(pair[1], list)]
                assert told["error_code"] == 0, answer
                assert told.get("matching_acls", [one]), f"not granted: {one}"
        finally:
            await admin.close()


def _row(one: Grant) -> tuple[Any, ...]:
    pattern = _PREFIXED if one.prefixed else _LITERAL
    who = _USER.format(one.user)
    return _RESOURCES[one.resource], one.name, pattern, who, "*", _OPERATIONS[one.operation], _ALLOW


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    keystore = folder / "broker.pem"
    keystore.write_bytes(_keystore(authority.issue_cert("127.0.0.1", "localhost")))
    properties = {
        "sasl.enabled.mechanisms": MECHANISM,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.sasl_ssl.ssl.keystore.type": "PEM",
        "listener.name.sasl_ssl.ssl.keystore.location": str(keystore),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # The open listener is the test's and the broker's own way in.
        "super.users": "User:ANONYMOUS",
    }
    users = [
        option
        for user, password in PASSWORDS.items()
        for option in ("--add-scram", f"{MECHANISM}=[name={user},password={password}]")
    ]
    with EmbeddedKafka(folder / "kafka", properties=properties, format_options=users, secured=True) as broker:
        yield SecuredKafka(broker, str(ca_file))


def _keystore(certificate: trustme.LeafCert) -> bytes:
    """Kafka reads PEM, with the key in PKCS 8."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    encoding = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key.private_bytes(*encoding) + b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
