"""Real gateway processes over SASL_SSL, with exactly the rights that deploy/docs/acls.md gives; and what each
thing that is wrong about it is told as, by `check` and by the service. The provider is behind a private CA.
"""

import json
import re
import shlex
import ssl
import uuid
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

import pytest
import trustme

from tests.house.acls import ROOT
from tests.integration.gateway_process import (
    GatewayProcess,
    command,
    sandbox_url,
    wait_until,
)
from tests.integration.secured_kafka import PASSWORDS, Grant, SecuredKafka, secured_kafka
from tests.integration.tls_front import tls_front

Settings = dict[str, str]
PARTITIONS: Final = 2


def granted(user: str) -> list[Grant]:
    """What the commands in the document give a user, read as kafka-acls reads them."""
    text = (ROOT / "deploy" / "docs" / "acls.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    grants = []
    for line in "".join(blocks).replace("\\\n", "").splitlines():
        words = shlex.split(line)
        options = list(pairwise(words))
        told = dict(options)
        if told["--allow-principal"] != f"User:{user}":
            continue
        [(resource, name)] = [
            (r, told[f"--{r}"]) for r in ("topic", "group", "transactional-id") if f"--{r}" in told
        ]
        prefixed = told.get("--resource-pattern-type") == "prefixed"
        acts = [act for option, act in options if option == "--operation"]
        grants += [Grant(user, resource, name, act, prefixed) for act in acts]
    return grants


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as secured:
        for user in PASSWORDS:
            secured.grant(granted(user))
        made = command("topics", "create", "--partitions", str(PARTITIONS), settings=secured.open_settings())
        assert made.returncode == 0, made.stderr
        yield secured


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The sandbox behind TLS, with a certificate of an authority that nobody else knows."""
    folder = tmp_path_factory.mktemp("provider")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "provider-ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with sandbox_url(folder) as url, tls_front(url, context) as secured:
        yield {
            "GATEWAY_POS__BASE_URL": secured,
            "GATEWAY_POS__SSL_CAFILE": str(folder / "provider-ca.pem"),
            "GATEWAY_POS__CLIENT_ID": "client",
            "GATEWAY_POS__CLIENT_SECRET": "s3cret-of-the-test",
            "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
        }


@pytest.fixture
def settings(kafka: SecuredKafka, provider: Settings) -> Settings:
    return {**kafka.settings("gateway"), **provider, "GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": "6"}


def verdicts(settings: Mapping[str, str], code: int) -> dict[str, str]:
    done = command("check", settings=settings)
    told = done.stdout.decode()
    assert done.returncode == code, told + done.stderr.decode()
    return dict(line.split("\t") for line in told.splitlines()[1:])


def start(kafka: SecuredKafka, payment: str) -> None:
    amount = {"value": 1250, "currency": "DKK"}
    data = {"paymentId": payment, "posId": str(uuid.uuid4()), "amount": amount, "capture": "automatic"}
    line = json.dumps({"type": "payment.initiate", "data": data}).encode()
    sent = command("send", "-", settings=kafka.settings("upstream"), stdin=line)
    assert sent.returncode == 0, sent.stderr


def told_of(kafka: SecuredKafka, payment: str) -> list[str]:
    shown = command("events", "--payment", payment, "--json", settings=kafka.settings("reader"))
    assert shown.returncode == 0, shown.stderr
    return [json.loads(line)["headers"]["ce_type"] for line in shown.stdout.splitlines()]


def test_a_payment_goes_its_whole_way_with_exactly_these_rights(
    kafka: SecuredKafka, settings: Settings
) -> None:
    found = verdicts(settings, 0)
    assert all(said.startswith("ok") for said in found.values()), found
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=PARTITIONS)
        start(kafka, "whole-way")
        wait_until(lambda: "payment.captured" in told_of(kafka, "whole-way"), gateway.output)
        unread = {"type": "payment.what", "data": {"paymentId": "whole-way"}}
        line = json.dumps(unread).encode()
        assert command("send", "-", settings=kafka.settings("upstream"), stdin=line).returncode == 0
        wait_until(
            lambda: command("dlq", "list", "--json", settings=kafka.open_settings()).stdout, "a dead letter"
        )
        assert gateway.terminate() == 0
        assert not re.search("denied|uthorization", gateway.output)


def test_no_more_is_given_than_is_used(kafka: SecuredKafka) -> None:
    """A reader cannot send commands, an upstream service cannot read events."""
    line = json.dumps({"type": "payment.cancel", "data": {"paymentId": "no"}}).encode()
    for arguments, user in ((("send", "-"), "reader"), (("events", "--json"), "upstream")):
        refused = command(*arguments, settings=kafka.settings(user), stdin=line)
        assert refused.returncode == 2
        assert b"may not be seen: the rights to it are missing" in refused.stderr


def test_a_password_that_is_wrong(kafka: SecuredKafka, provider: Settings) -> None:
    settings = {**kafka.settings("gateway", SASL_PASSWORD="hunter22"), **provider}
    told = "user 'gateway' is unknown there or its password is wrong (SCRAM-SHA-512)"
    assert verdicts(settings, 1)["broker"] == f"{kafka.address} is out of reach: {told}"
    short = command("topics", "check", settings=settings)
    assert (short.returncode, told in short.stderr.decode()) == (3, True)
    assert told in said_by_the_service(settings, "broker out of reach, trying again")


def test_an_authority_that_is_wrong(kafka: SecuredKafka, provider: Settings) -> None:
    settings = {**kafka.settings("gateway", SSL_CAFILE=provider["GATEWAY_POS__SSL_CAFILE"]), **provider}
    told = "its certificate is not trusted"
    assert told in verdicts(settings, 1)["broker"]
    short = command("topics", "check", settings=settings)
    assert (short.returncode, told in short.stderr.decode()) == (3, True)
    assert told in said_by_the_service(settings, "broker out of reach, trying again")


def test_a_provider_whose_authority_is_wrong(kafka: SecuredKafka, settings: Settings) -> None:
    wrong = {**settings, "GATEWAY_POS__SSL_CAFILE": settings["GATEWAY_KAFKA__SSL_CAFILE"]}
    told = "the token endpoint cannot be used: its certificate is not trusted"
    assert told in verdicts(wrong, 1)["token"]
    assert "provider cannot be used" in said_by_the_service(wrong, told)


def said_by_the_service(settings: Mapping[str, str], words: str) -> str:
    """The line that has these words: of its log, where it goes on trying, or its last."""
    with GatewayProcess(settings) as gateway:
        wait_until(lambda: words in gateway.output, words)
        return next(line for line in gateway.lines if words in line)


NEEDED: Final = [one for one in dict.fromkeys(granted("gateway")) if one.operation != "DescribeConfigs"][:7]
SAID: Final = {
    ("topic", "Read", "payments.commands.v1"): "Not authorized to read from topic payments.commands.v1",
    ("topic", "Write", "payments.events.v1"): "topic payments.events.v1: may not be seen",
    ("topic", "Write", "payments.state.v1"): "a right to one of the topics is missing",
    ("group", "Read", "pos-gateway"): "the right to read under the group is missing",
    (
        "transactional-id",
        "Write",
        "pos-gateway-payments.commands.v1-",
    ): "under the transactional id is missing",
}


@pytest.mark.parametrize("lacking", NEEDED, ids=lambda g: f"{g.operation}-{g.name}")
def test_each_right_is_needed_and_the_missing_one_is_named(
    kafka: SecuredKafka, settings: Settings, lacking: Grant
) -> None:
    kafka.revoke([lacking])
    try:
        found = verdicts(settings, 1)
        named = f"{lacking.operation} on {lacking.resource} {lacking.name}"
        hidden = found.get(f"topics: {lacking.name}", "")
        missing = found.get("rights", "") + found.get("rights: transactional ids", "")
        assert f"missing: {named}" in missing or "may not be seen" in hidden, found
        said = SAID.get((lacking.resource, lacking.operation, lacking.name))
        if said is not None:
            # An idle gateway has nothing to write.
            start(kafka, f"w-{uuid.uuid4().hex[:8]}")
            assert "****" not in said_by_the_service(settings, said)
    finally:
        kafka.grant([lacking])


def test_settings_of_topics_that_may_not_be_read_are_a_remark(
    kafka: SecuredKafka, settings: Settings
) -> None:
    hidden = [one for one in granted("gateway") if one.operation == "DescribeConfigs"]
    kafka.revoke(hidden[:1])
    try:
        assert "its settings may not be read" in verdicts(settings, 0)[f"topics: {hidden[0].name}"]
    finally:
        kafka.grant(hidden[:1])
