"""The settings as the rest of the gateway takes them: each room's own options, gathered and checked against
each other.
"""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from pydantic import SecretStr

from gateway.codec import CommandLimits
from gateway.domain.draft import Rules
from gateway.kafka.limits import Limits
from gateway.kafka.transactions import BrokerConfig, TopicNames
from gateway.mobilepay.options import MobilePayOptions
from gateway.mobilepay.secret import Secret
from gateway.mobilepay.tls import TlsFiles, tls_context
from gateway.observability.logs import LogOptions
from gateway.observability.tracing_options import EXTRA, TracingOptions, extra_installed
from gateway.settings.problems import Problem
from gateway.settings.variables import (
    KafkaVariables,
    PosVariables,
    TopicVariables,
    TracingVariables,
    Variables,
    variable,
)

_SERVER: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How to reach the broker and as whom. The heartbeat is a third of the session time-out."""

    bootstrap_servers: str = "localhost:9092"
    group_id: str = "pos-gateway"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    group_instance_id: str | None = None
    session_timeout_seconds: float = 10.0

    @property
    def heartbeat_seconds(self) -> float:
        return self.session_timeout_seconds / 3

    def connection(self) -> dict[str, Any]:
        """aiokafka's arguments for any client. Holds the password: never to be shown."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            arguments["sasl_mechanism"] = self.sasl_mechanism
            arguments["sasl_plain_username"] = self.sasl_username
            arguments["sasl_plain_password"] = self.sasl_password and self.sasl_password.reveal()
        if self.security_protocol.endswith("SSL"):
            arguments["ssl_context"] = self._tls()
        return arguments

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ssl_certfile is not None:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, _no_passphrase)
        return context


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """`query_token` None: `/payments/{id}` is not served."""

    host: str
    port: int
    query_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """What reaching the topics needs, and nothing of the provider."""

    kafka: KafkaSettings
    topics: TopicNames
    log: LogOptions

    def broker_config(self) -> BrokerConfig:
        return BrokerConfig(self.kafka.group_id, self.topics, self.kafka.connection())

    def secrets(self) -> tuple[str, ...]:
        """The values that no text may show."""
        return () if self.kafka.sasl_password is None else (self.kafka.sasl_password.reveal(),)


@dataclass(frozen=True, slots=True)
class Settings(BrokerSettings):
    """Everything that the service can be told."""

    pos: MobilePayOptions
    http: HttpSettings
    notifications_port: int | None
    rules: Rules
    command_limits: CommandLimits
    event_source: str
    tracing: TracingOptions | None = None
    limits: Limits = field(default_factory=Limits)

    def secrets(self) -> tuple[str, ...]:
        token = self.http.query_token
        return (
            *BrokerSettings.secrets(self),
            self.pos.client_secret.reveal(),
            *(() if token is None else (token.reveal(),)),
            *(() if self.pos.proxy is None else (self.pos.proxy,)),
        )


def gather_broker(variables: Variables) -> tuple[BrokerSettings, list[Problem]]:
    kafka, topics = variables.kafka, variables.topics
    settings = BrokerSettings(
        KafkaSettings(**{**kafka.model_dump(), "sasl_password": _secret(kafka.sasl_password)}),
        TopicNames(topics.commands, topics.events, topics.state, topics.dlq),
        LogOptions(variables.log.level, variables.log.format),
    )
    problems = [*_connection_problems(kafka), *_topic_problems(topics)]
    if not problems:
        try:
            settings.kafka.connection()
        except (OSError, ssl.SSLError) as fault:
            name = "ssl_cafile" if kafka.ssl_certfile is None else "ssl_certfile"
            problems.append(Problem(variable("kafka", name), f"cannot be used: {_told(fault)}"))
    return settings, problems


def gather(variables: Variables) -> tuple[Settings | None, list[Problem]]:
    """The whole, None if the provider's room refuses its part."""
    broker, problems = gather_broker(variables)
    pos, found = _pos_options(variables.pos)
    problems += found
    http, port = variables.http, variables.notifications.port
    if port is not None and port == http.port:
        problems.append(
            Problem(variable("notifications", "port"), f"must differ from {variable('http', 'port')}")
        )
    if pos is None:
        return None, problems
    settings = Settings(
        kafka=broker.kafka,
        topics=broker.topics,
        log=broker.log,
        pos=pos,
        http=HttpSettings(http.host, http.port, _secret(http.query_token)),
        notifications_port=port,
        rules=Rules(
            settle_seconds=variables.pos.settle_seconds,
            approval_timeout_seconds=variables.approval_timeout_seconds,
            prepared_timeout_seconds=variables.prepared_timeout_seconds,
            min_poll_delay_ms=variables.pos.min_poll_delay_ms,
            state_retention_days=variables.state_retention_days,
        ),
        command_limits=CommandLimits(variables.command_max_bytes, variables.command_max_age_hours),
        event_source=variables.event_source,
        tracing=_tracing(variables.tracing),
    )
    if settings.tracing is not None and not extra_installed():
        problems.append(Problem(variable("tracing", "endpoint"), f"needs what {EXTRA} installs"))
    return settings, problems


def _tracing(tracing: TracingVariables) -> TracingOptions | None:
    return None if tracing.endpoint is None else TracingOptions(tracing.endpoint, tracing.sample_ratio)


def _connection_problems(kafka: KafkaVariables) -> Iterator[Problem]:
    """What the connection's variables must agree on."""

    def problem(name: str, text: str) -> Problem:
        return Problem(variable("kafka", name), text)

    for server in kafka.bootstrap_servers.split(","):
        match = _SERVER.fullmatch(server.strip())
        if match is None or not 1 <= int(match[1] or 9092) <= 65_535:
            yield problem("bootstrap_servers", "must be host:port, several with commas between")
            break
    protocol = kafka.security_protocol
    signing_in = ("sasl_mechanism", "sasl_username", "sasl_password")
    for name in signing_in:
        if protocol.startswith("SASL") and getattr(kafka, name) is None:
            yield problem(name, f"is required with {protocol}")
        if not protocol.startswith("SASL") and getattr(kafka, name) is not None:
            yield problem(name, f"would have no effect with {protocol}")
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        if not protocol.endswith("SSL") and getattr(kafka, name) is not None:
            yield problem(name, f"would have no effect with {protocol}")
    if kafka.ssl_keyfile is not None and kafka.ssl_certfile is None:
        yield problem("ssl_certfile", f"is required with {variable('kafka', 'ssl_keyfile')}")


def _topic_problems(topics: TopicVariables) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, topic in topics.model_dump().items():
        if topic in (".", ".."):
            yield Problem(variable("topics", name), "is no name for a topic")
        if topic in seen:
            yield Problem(variable("topics", name), f"must differ from {variable('topics', seen[topic])}")
        seen.setdefault(topic, name)


def _pos_options(pos: PosVariables) -> tuple[MobilePayOptions | None, list[Problem]]:
    """The provider's room judges its options itself and says `field: problem; field: problem`."""
    files = TlsFiles(pos.ssl_cafile, pos.ssl_certfile, pos.ssl_keyfile)
    problems = []
    if pos.ssl_keyfile is not None and pos.ssl_certfile is None:
        text = f"is required with {variable('pos', 'ssl_keyfile')}"
        problems.append(Problem(variable("pos", "ssl_certfile"), text))
    try:
        tls_context(files)
    except (OSError, ssl.SSLError) as fault:
        name = "ssl_cafile" if pos.ssl_certfile is None else "ssl_certfile"
        problems.append(Problem(variable("pos", name), f"cannot be used: {_told(fault)}"))
    try:
        options = MobilePayOptions(
            client_id=pos.client_id,
            client_secret=Secret(pos.client_secret.get_secret_value()),
            client_version=pos.client_version,
            base_url=pos.base_url,
            token_url=pos.token_url,
            merchant_vat_number=pos.merchant_vat_number,
            token_per_merchant=pos.token_per_merchant,
            send_ibm_client_id=pos.send_ibm_client_id,
            max_concurrent_calls=pos.max_concurrent_calls,
            max_requests_per_call=pos.max_requests_per_call,
            tls=files,
            proxy=None if pos.proxy is None else pos.proxy.get_secret_value(),
        )
    except ValueError as refused:
        for told in str(refused).split("; "):
            name, _, text = told.partition(": ")
            problems.append(
                Problem(variable("pos", name), text.replace("base_url", variable("pos", "base_url")))
            )
        return None, problems
    return options, problems


def _secret(value: SecretStr | None) -> Secret | None:
    return None if value is None else Secret(value.get_secret_value())


def _no_passphrase() -> NoReturn:
    raise ssl.SSLError("the key has a passphrase, which cannot be given")


def _told(fault: OSError) -> str:
    return fault.strerror or str(fault) or type(fault).__name__
