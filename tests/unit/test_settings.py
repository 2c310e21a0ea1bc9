"""Settings: documented names and defaults, sources in order, every problem told at once, no secret shown."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway import __version__
from gateway.domain.draft import Rules
from gateway.kafka.transactions import TopicNames
from gateway.mobilepay.secret import Secret
from gateway.observability.logs import LogFormat, LogLevel
from gateway.settings import Settings, SettingsProblems, known_variables, load, load_broker

REQUIRED = {"GATEWAY_POS__CLIENT_ID": "client-1", "GATEWAY_POS__CLIENT_SECRET": "hunter22"}

DOCUMENTED: dict[str, tuple[Callable[[Settings], Any], Any]] = {
    "GATEWAY_TOPICS__COMMANDS": (lambda s: s.topics.commands, "payments.commands.v1"),
    "GATEWAY_TOPICS__EVENTS": (lambda s: s.topics.events, "payments.events.v1"),
    "GATEWAY_TOPICS__STATE": (lambda s: s.topics.state, "payments.state.v1"),
    "GATEWAY_TOPICS__DLQ": (lambda s: s.topics.dead_letters, "payments.commands.v1.dlq"),
    "GATEWAY_EVENT_SOURCE": (lambda s: s.event_source, "/pos-gateway"),
    "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": (lambda s: s.kafka.bootstrap_servers, "localhost:9092"),
    "GATEWAY_KAFKA__GROUP_ID": (lambda s: s.kafka.group_id, "pos-gateway"),
    "GATEWAY_KAFKA__SECURITY_PROTOCOL": (lambda s: s.kafka.security_protocol, "PLAINTEXT"),
    "GATEWAY_KAFKA__SASL_MECHANISM": (lambda s: s.kafka.sasl_mechanism, None),
    "GATEWAY_KAFKA__SASL_USERNAME": (lambda s: s.kafka.sasl_username, None),
    "GATEWAY_KAFKA__SASL_PASSWORD": (lambda s: s.kafka.sasl_password, None),
    "GATEWAY_KAFKA__SSL_CAFILE": (lambda s: s.kafka.ssl_cafile, None),
    "GATEWAY_KAFKA__SSL_CERTFILE": (lambda s: s.kafka.ssl_certfile, None),
    "GATEWAY_KAFKA__SSL_KEYFILE": (lambda s: s.kafka.ssl_keyfile, None),
    "GATEWAY_KAFKA__GROUP_INSTANCE_ID": (lambda s: s.kafka.group_instance_id, None),
    "GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": (lambda s: s.kafka.session_timeout_seconds, 10),
    "GATEWAY_POS__BASE_URL": (lambda s: s.pos.base_url, "https://api.sandbox.mobilepay.dk"),
    "GATEWAY_POS__TOKEN_URL": (
        lambda s: s.pos.token_endpoint,
        "https://api.sandbox.mobilepay.dk/integrator-authentication/connect/token",
    ),
    "GATEWAY_POS__CLIENT_ID": (lambda s: s.pos.client_id, "client-1"),
    "GATEWAY_POS__CLIENT_SECRET": (lambda s: s.pos.client_secret, Secret("hunter22")),
    "GATEWAY_POS__CLIENT_VERSION": (lambda s: s.pos.client_version, __version__),
    "GATEWAY_POS__MERCHANT_VAT_NUMBER": (lambda s: s.pos.merchant_vat_number, None),
    "GATEWAY_POS__TOKEN_PER_MERCHANT": (lambda s: s.pos.token_per_merchant, False),
    "GATEWAY_POS__SEND_IBM_CLIENT_ID": (lambda s: s.pos.send_ibm_client_id, True),
    "GATEWAY_POS__MIN_POLL_DELAY_MS": (lambda s: s.rules.min_poll_delay_ms, 0),
    "GATEWAY_POS__MAX_CONCURRENT_CALLS": (lambda s: s.pos.max_concurrent_calls, 256),
    "GATEWAY_POS__MAX_REQUESTS_PER_CALL": (lambda s: s.pos.max_requests_per_call, 3),
    "GATEWAY_POS__SETTLE_SECONDS": (lambda s: s.rules.settle_seconds, 30),
    "GATEWAY_COMMAND_MAX_AGE_HOURS": (lambda s: s.command_limits.max_age_hours, 23),
    "GATEWAY_COMMAND_MAX_BYTES": (lambda s: s.command_limits.max_bytes, 65536),
    "GATEWAY_STATE_RETENTION_DAYS": (lambda s: s.rules.state_retention_days, 7),
    "GATEWAY_APPROVAL_TIMEOUT_SECONDS": (lambda s: s.rules.approval_timeout_seconds, 600),
    "GATEWAY_PREPARED_TIMEOUT_SECONDS": (lambda s: s.rules.prepared_timeout_seconds, 3600),
    "GATEWAY_HTTP__HOST": (lambda s: s.http.host, "0.0.0.0"),
    "GATEWAY_HTTP__PORT": (lambda s: s.http.port, 8000),
    "GATEWAY_HTTP__QUERY_TOKEN": (lambda s: s.http.query_token, None),
    "GATEWAY_NOTIFICATIONS__PORT": (lambda s: s.notifications_port, None),
    "GATEWAY_LOG__LEVEL": (lambda s: s.log.level, "info"),
    "GATEWAY_LOG__FORMAT": (lambda s: s.log.format, "json"),
    "GATEWAY_TRACING__ENDPOINT": (lambda s: s.tracing and s.tracing.endpoint, None),
    "GATEWAY_TRACING__SAMPLE_RATIO": (lambda s: s.tracing.sample_ratio if s.tracing else 1.0, 1.0),
}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty directory and no variable of this machine."""

    for name in list(os.environ):
        if name.upper().startswith("GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Settings]:
    def loaded(**variables: str) -> Settings:
        for name, value in {**REQUIRED, **variables}.items():
            monkeypatch.setenv(name, value)
        return load(secrets_dir=tmp_path / "secrets")

    return loaded


@pytest.fixture
def refused(loaded: Callable[..., Settings]) -> Callable[..., dict[str, str]]:
    def refused(**variables: str) -> dict[str, str]:
        with pytest.raises(SettingsProblems) as raised:
            loaded(**variables)
        assert str(raised.value).splitlines() == [str(problem) for problem in raised.value.problems]
        return {problem.variable: problem.text for problem in raised.value.problems}

    return refused


def test_the_defaults_are_the_documented_ones(loaded: Callable[..., Settings]) -> None:
    settings = loaded()
    for name, (read, default) in DOCUMENTED.items():
        assert read(settings) == default, name
    assert set(DOCUMENTED) <= set(known_variables())
    assert settings.topics == TopicNames(
        "payments.commands.v1", "payments.events.v1", "payments.state.v1", "payments.commands.v1.dlq"
    )
    assert settings.kafka.heartbeat_seconds == pytest.approx(10 / 3)
    assert settings.rules == Rules()


GIVEN = {
    "GATEWAY_TOPICS__COMMANDS": "c",
    "GATEWAY_TOPICS__EVENTS": "e",
    "GATEWAY_TOPICS__STATE": "s",
    "GATEWAY_TOPICS__DLQ": "d",
    "GATEWAY_EVENT_SOURCE": "/other",
    "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": "a:1, [::1]:9092,b.example",
    "GATEWAY_KAFKA__GROUP_ID": "group-2",
    "GATEWAY_KAFKA__GROUP_INSTANCE_ID": "till-1",
    "GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
    "GATEWAY_POS__BASE_URL": "http://127.0.0.1:8080",
    "GATEWAY_POS__TOKEN_URL": "http://127.0.0.1:8080/token",
    "GATEWAY_POS__CLIENT_ID": "client-2",
    "GATEWAY_POS__CLIENT_VERSION": "2.3.4",
    "GATEWAY_POS__MERCHANT_VAT_NUMBER": "FI12345678",
    "GATEWAY_POS__TOKEN_PER_MERCHANT": "true",
    "GATEWAY_POS__SEND_IBM_CLIENT_ID": "false",
    "GATEWAY_POS__MIN_POLL_DELAY_MS": "250",
    "GATEWAY_POS__MAX_CONCURRENT_CALLS": "8",
    "GATEWAY_POS__MAX_REQUESTS_PER_CALL": "6",
    "GATEWAY_POS__SETTLE_SECONDS": "5",
    "GATEWAY_COMMAND_MAX_AGE_HOURS": "1",
    "GATEWAY_COMMAND_MAX_BYTES": "1000",
    "GATEWAY_STATE_RETENTION_DAYS": "30",
    "GATEWAY_APPROVAL_TIMEOUT_SECONDS": "60",
    "GATEWAY_PREPARED_TIMEOUT_SECONDS": "70",
    "GATEWAY_HTTP__HOST": "127.0.0.1",
    "GATEWAY_HTTP__PORT": "0",
    "GATEWAY_NOTIFICATIONS__PORT": "9000",
    "GATEWAY_LOG__LEVEL": "debug",
    "GATEWAY_LOG__FORMAT": "console",
    "GATEWAY_TRACING__ENDPOINT": "http://localhost:4318/v1/traces",
    "GATEWAY_TRACING__SAMPLE_RATIO": "0.25",
}


def test_each_variable_is_heard(loaded: Callable[..., Settings]) -> None:
    settings = loaded(**GIVEN)
    as_text = {name: str(DOCUMENTED[name][0](settings)) for name in GIVEN}
    numbers = {"GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": "6.0"}
    booleans = {"GATEWAY_POS__TOKEN_PER_MERCHANT": "True", "GATEWAY_POS__SEND_IBM_CLIENT_ID": "False"}
    assert as_text == {**GIVEN, **numbers, **booleans}


def test_words_are_taken_in_either_case(loaded: Callable[..., Settings]) -> None:
    settings = loaded(GATEWAY_LOG__LEVEL="WARNING", GATEWAY_LOG__FORMAT="Console")
    assert settings.log.level is LogLevel.WARNING and settings.log.format is LogFormat.CONSOLE


def test_an_empty_variable_is_one_that_is_not_set(loaded: Callable[..., Settings]) -> None:
    settings = loaded(GATEWAY_POS__MERCHANT_VAT_NUMBER="", GATEWAY_HTTP__PORT="")
    assert settings.pos.merchant_vat_number is None and settings.http.port == 8000


def test_the_environment_goes_before_the_file_and_the_file_before_secrets(
    loaded: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "secrets").mkdir()
    for name, value in {
        "GATEWAY_KAFKA__GROUP_ID": "from-secrets",
        "gateway_kafka__group_instance_id": "from-secrets",
        "GATEWAY_HTTP__QUERY_TOKEN": " token-1\n",
        "GATEWAY_EVENT_SOURCE": "/from-secrets",
        "other": "\xff",
    }.items():
        (tmp_path / "secrets" / name).write_text(value)
    (tmp_path / "secrets" / "kubernetes.io").mkdir()
    (tmp_path / ".env").write_text(
        "GATEWAY_KAFKA__GROUP_ID=from-file\nGATEWAY_EVENT_SOURCE=/from-file\nOTHER=1\n"
    )
    settings = loaded(GATEWAY_EVENT_SOURCE="/from-environment")
    assert settings.event_source == "/from-environment"
    assert settings.kafka.group_id == "from-file"
    assert settings.kafka.group_instance_id == "from-secrets"
    assert settings.http.query_token == Secret("token-1")


def test_required_credentials_may_come_from_files(tmp_path: Path) -> None:
    for name, value in REQUIRED.items():
        (tmp_path / name.lower()).write_text(value)
    assert load(secrets_dir=tmp_path).pos.client_secret == Secret("hunter22")


def test_every_problem_is_told_at_once(refused: Callable[..., dict[str, str]]) -> None:
    problems = refused(
        GATEWAY_POS__CLIENT_ID="",
        GATEWAY_POS__CLIENT_SECRT="hunter22",
        GATEWAY_POS__BASE_URL="ftp://x",
        GATEWAY_POS__MERCHANT_VAT_NUMBER="12345678",
        GATEWAY_POS__MAX_REQUESTS_PER_CALL="7",
        GATEWAY_POS__SETTLE_SECONDS="soon",
        GATEWAY_HTTP_PORT="8000",
        GATEWAY_HTTP__PORT="70000",
        GATEWAY_KAFKA="{",
        GATEWAY_KAFKA__SECURITY_PROTOCOL="TLS",
        GATEWAY_KAFKA__BOOTSTRAP_SERVERS="http://broker",
        GATEWAY_LOG__LEVEL="loud",
        GATEWAY_STATE_RETENTION_DAYS="6",
        GATEWAY_COMMAND_MAX_AGE_HOURS="24",
        GATEWAY_TOPICS__DLQ="payments.events.v1",
        GATEWAY_EVENT_SOURCE="with space",
        GATEWAY_TRACING__ENDPOINT="localhost:4318",
        GATEWAY_TRACING__SAMPLE_RATIO="2",
    )
    assert problems == {
        "GATEWAY_POS__CLIENT_ID": "is required",
        "GATEWAY_POS__CLIENT_SECRT": "is no setting, did you mean GATEWAY_POS__CLIENT_SECRET?",
        "GATEWAY_POS__BASE_URL": "must be an http or https URL",
        "GATEWAY_POS__MERCHANT_VAT_NUMBER": "must be DK or FI and 8 digits",
        "GATEWAY_POS__MAX_REQUESTS_PER_CALL": "must be 1 to 6",
        "GATEWAY_POS__SETTLE_SECONDS": "must be a valid integer, unable to parse string as an integer",
        "GATEWAY_HTTP_PORT": "is no setting, did you mean GATEWAY_HTTP__PORT?",
        "GATEWAY_HTTP__PORT": "must be less than or equal to 65535",
        "GATEWAY_KAFKA": "is no setting",
        "GATEWAY_KAFKA__SECURITY_PROTOCOL": "must be 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'",
        "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": "must be host:port, several with commas between",
        "GATEWAY_LOG__LEVEL": "must be 'debug', 'info', 'warning' or 'error'",
        "GATEWAY_STATE_RETENTION_DAYS": "must be greater than or equal to 7",
        "GATEWAY_COMMAND_MAX_AGE_HOURS": "must be less than or equal to 23",
        "GATEWAY_TOPICS__DLQ": "must differ from GATEWAY_TOPICS__EVENTS",
        "GATEWAY_EVENT_SOURCE": "must match pattern '^[!-~]+$'",
        "GATEWAY_TRACING__ENDPOINT": "must match pattern '^https?://[!-~]+$'",
        "GATEWAY_TRACING__SAMPLE_RATIO": "must be less than or equal to 1",
    }


def test_traces_need_what_the_extra_installs(
    refused: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.settings.gathered.extra_installed", lambda: False)
    assert refused(GATEWAY_TRACING__ENDPOINT="http://localhost:4318/v1/traces") == {
        "GATEWAY_TRACING__ENDPOINT": "needs what pos-gateway[otel] installs"
    }


def test_nothing_set_names_what_is_required() -> None:
    with pytest.raises(SettingsProblems) as raised:
        load(secrets_dir=None)
    assert str(raised.value) == "GATEWAY_POS__CLIENT_ID: is required\nGATEWAY_POS__CLIENT_SECRET: is required"


@pytest.mark.parametrize(
    ("variables", "problems"),
    [
        (
            {"GATEWAY_POS__BASE_URL": "https://proxy.example/mobilepay"},
            {"GATEWAY_POS__TOKEN_URL": "must be given, since GATEWAY_POS__BASE_URL has a path"},
        ),
        (
            {"GATEWAY_KAFKA__SECURITY_PROTOCOL": "sasl_ssl"},
            {
                f"GATEWAY_KAFKA__SASL_{name}": "is required with SASL_SSL"
                for name in ("MECHANISM", "USERNAME", "PASSWORD")
            },
        ),
        (
            {"GATEWAY_KAFKA__SASL_PASSWORD": "hunter22"},
            {"GATEWAY_KAFKA__SASL_PASSWORD": "would have no effect with PLAINTEXT"},
        ),
        (
            {"GATEWAY_KAFKA__SSL_CAFILE": "ca.pem"},
            {"GATEWAY_KAFKA__SSL_CAFILE": "would have no effect with PLAINTEXT"},
        ),
        (
            {"GATEWAY_KAFKA__SECURITY_PROTOCOL": "SSL", "GATEWAY_KAFKA__SSL_KEYFILE": "key.pem"},
            {"GATEWAY_KAFKA__SSL_CERTFILE": "is required with GATEWAY_KAFKA__SSL_KEYFILE"},
        ),
        (
            {"GATEWAY_KAFKA__SECURITY_PROTOCOL": "SSL", "GATEWAY_KAFKA__SSL_CAFILE": "absent.pem"},
            {"GATEWAY_KAFKA__SSL_CAFILE": "cannot be used: No such file or directory"},
        ),
        (
            {"GATEWAY_POS__SSL_CAFILE": "absent.pem"},
            {"GATEWAY_POS__SSL_CAFILE": "cannot be used: No such file or directory"},
        ),
        (
            {"GATEWAY_NOTIFICATIONS__PORT": "8000"},
            {"GATEWAY_NOTIFICATIONS__PORT": "must differ from GATEWAY_HTTP__PORT"},
        ),
        ({"GATEWAY_TOPICS__STATE": ".."}, {"GATEWAY_TOPICS__STATE": "is no name for a topic"}),
        (
            {"GATEWAY_TOPICS__STATE": "a/b"},
            {"GATEWAY_TOPICS__STATE": "must match pattern '^[A-Za-z0-9._-]+$'"},
        ),
        ({"GATEWAY_COLOUR": "blue"}, {"GATEWAY_COLOUR": "is no setting"}),
        (
            {"GATEWAY_POS__CLIENT_VERSION": "1.2"},
            {"GATEWAY_POS__CLIENT_VERSION": "must be Major.Minor.Build"},
        ),
    ],
)
def test_what_settings_must_agree_on(
    refused: Callable[..., dict[str, str]], variables: dict[str, str], problems: dict[str, str]
) -> None:
    assert refused(**variables) == problems


def test_what_kubernetes_sets_for_a_service_is_no_misspelt_name(loaded: Callable[..., Settings]) -> None:
    loaded(
        GATEWAY_SERVICE_HOST="10.0.0.1",
        GATEWAY_SERVICE_PORT="8000",
        GATEWAY_SERVICE_PORT_HTTP="8000",
        GATEWAY_PORT="tcp://10.0.0.1:8000",
        GATEWAY_PORT_8000_TCP="tcp://10.0.0.1:8000",
        GATEWAY_PORT_8000_TCP_ADDR="10.0.0.1",
        GATEWAY_DOCS_PORT="tcp://10.0.0.1:80",
    )


def test_a_misspelt_name_in_a_file_is_told_with_the_file(
    refused: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("GATEWAY_LOG_LEVEL=info\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "GATEWAY_POS_CLIENT_SECRET").write_text("hunter22")
    assert refused() == {
        "GATEWAY_LOG_LEVEL": "is no setting (in .env), did you mean GATEWAY_LOG__LEVEL?",
        "GATEWAY_POS_CLIENT_SECRET": f"is no setting (in {tmp_path / 'secrets'}), "
        "did you mean GATEWAY_POS__CLIENT_SECRET?",
    }


def test_a_file_that_cannot_be_read_is_told(refused: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"GATEWAY_EVENT_SOURCE=\xff\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "GATEWAY_POS__CLIENT_SECRET").write_bytes(b"\xff")
    assert refused() == {
        ".env": "cannot be read: it is not UTF-8",
        str(tmp_path / "secrets"): "cannot be read: it is not UTF-8",
    }


def test_secrets_are_never_shown(
    loaded: Callable[..., Settings], refused: Callable[..., dict[str, str]]
) -> None:
    secrets = {
        "GATEWAY_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "GATEWAY_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "GATEWAY_KAFKA__SASL_USERNAME": "user-1",
        "GATEWAY_KAFKA__SASL_PASSWORD": "hunter22-sasl",
        "GATEWAY_HTTP__QUERY_TOKEN": "hunter22-query",
        "GATEWAY_POS__PROXY": "http://user:hunter22@proxy:3128",
    }
    settings = loaded(**secrets)
    assert "hunter22" not in repr(settings) and "hunter22" not in str(settings.broker_config())
    proxy = "http://user:hunter22@proxy:3128"
    assert settings.secrets() == ("hunter22-sasl", "hunter22", "hunter22-query", proxy)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.event_source = "/x"  # type: ignore[misc]
    names = [name for name in known_variables() if name not in secrets]
    told = refused(**secrets, **dict.fromkeys(names, "hunter22 hunter22"))
    assert len(told) > 25 and "hunter22" not in str(told)


def test_the_broker_alone_needs_nothing_of_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KAFKA__BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("GATEWAY_HTTP__PORT", "wrong")
    config = load_broker(secrets_dir=None).broker_config()
    assert config.group_id == "pos-gateway" and config.topics.commands == "payments.commands.v1"
    assert config.connection == {"bootstrap_servers": "broker:9092", "security_protocol": "PLAINTEXT"}
    monkeypatch.setenv("GATEWAY_KAFKA__BOOTSTRAP_SERVER", "broker:9092")
    monkeypatch.setenv("GATEWAY_TOPICS__STATE", "?")
    with pytest.raises(SettingsProblems) as raised:
        load_broker(secrets_dir=None)
    assert [problem.variable for problem in raised.value.problems] == [
        "GATEWAY_KAFKA__BOOTSTRAP_SERVER",
        "GATEWAY_TOPICS__STATE",
    ]


def test_a_connection_with_tls_and_a_password(loaded: Callable[..., Settings], tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("client.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    connection = loaded(
        GATEWAY_KAFKA__SECURITY_PROTOCOL="SASL_SSL",
        GATEWAY_KAFKA__SASL_MECHANISM="plain",
        GATEWAY_KAFKA__SASL_USERNAME="user-1",
        GATEWAY_KAFKA__SASL_PASSWORD="hunter22",
        GATEWAY_KAFKA__SSL_CAFILE="ca.pem",
        GATEWAY_KAFKA__SSL_CERTFILE="client.pem",
    ).kafka.connection()
    context = connection.pop("ssl_context")
    assert context.check_hostname and len(context.get_ca_certs()) == 1
    assert connection == {
        "bootstrap_servers": "localhost:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "user-1",
        "sasl_plain_password": "hunter22",
    }
