"""Every variable of the environment, its type and its default; the name is `GATEWAY_` and the path, with
`__` between.

Only what one value alone can tell is checked here. What the rooms know of their own options, and what two
variables must agree on, is judged where the options are gathered.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway import __version__
from gateway.observability.logs import LogFormat, LogLevel

PREFIX: Final = "GATEWAY_"
DELIMITER: Final = "__"

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
TopicName = Annotated[str, StringConstraints(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
FreePort = Annotated[int, Field(ge=0, le=65_535)]
"""0 takes whatever port is free."""


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class KafkaVariables(_Section):
    bootstrap_servers: str = "localhost:9092"
    group_id: Word = "pos-gateway"
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], BeforeValidator(_upper)
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None, BeforeValidator(_upper)
    ] = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    group_instance_id: Word | None = None
    session_timeout_seconds: Annotated[float, Field(ge=1, le=300)] = 10.0


class TopicVariables(_Section):
    commands: TopicName = "payments.commands.v1"
    events: TopicName = "payments.events.v1"
    state: TopicName = "payments.state.v1"
    dlq: TopicName = "payments.commands.v1.dlq"


class PosVariables(_Section):
    client_id: str
    client_secret: SecretStr
    base_url: str = "https://api.sandbox.mobilepay.dk"
    token_url: str | None = None
    client_version: str = ".".join(__version__.split(".")[:3])
    merchant_vat_number: str | None = None
    token_per_merchant: bool = False
    send_ibm_client_id: bool = True
    min_poll_delay_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    max_concurrent_calls: Annotated[int, Field(ge=1, le=10_000)] = 256
    max_requests_per_call: int = 3
    settle_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    proxy: SecretStr | None = None
    """May hold a password."""


class HttpVariables(_Section):
    host: Word = "0.0.0.0"  # noqa: S104
    port: FreePort = 8000
    query_token: SecretStr | None = None


class NotificationVariables(_Section):
    port: Port | None = None


class LogVariables(_Section):
    level: Annotated[LogLevel, BeforeValidator(_lower)] = LogLevel.INFO
    format: Annotated[LogFormat, BeforeValidator(_lower)] = LogFormat.JSON


class TracingVariables(_Section):
    endpoint: Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$")] | None = None
    """None: no traces."""
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0


class Variables(BaseSettings):
    """What was set, read but not yet gathered."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    kafka: KafkaVariables = Field(default_factory=KafkaVariables)
    topics: TopicVariables = Field(default_factory=TopicVariables)
    pos: PosVariables
    http: HttpVariables = Field(default_factory=HttpVariables)
    notifications: NotificationVariables = Field(default_factory=NotificationVariables)
    log: LogVariables = Field(default_factory=LogVariables)
    tracing: TracingVariables = Field(default_factory=TracingVariables)
    event_source: Word = "/pos-gateway"
    command_max_age_hours: Annotated[int, Field(ge=1, le=23)] = 23
    command_max_bytes: Annotated[int, Field(ge=1, le=1_048_576)] = 65_536
    state_retention_days: Annotated[int, Field(ge=7, le=3650)] = 7
    approval_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    prepared_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 3600

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources are read one by one, so that each name can be judged and each problem told."""
        return (init_settings,)


def variable(*path: str) -> str:
    """`variable("pos", "client_id")` is `GATEWAY_POS__CLIENT_ID`."""
    return PREFIX + DELIMITER.join(path).upper()


def known_variables() -> dict[str, tuple[str, ...]]:
    """Every variable's name with its path."""
    known: dict[str, tuple[str, ...]] = {}
    for name, field in Variables.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            known.update({variable(name, inner): (name, inner) for inner in section.model_fields})
        else:
            known[variable(name)] = (name,)
    return known
