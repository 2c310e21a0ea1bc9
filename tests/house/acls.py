"""deploy/docs/acls.md: what each part must be allowed to do, from the gateway's own declaration."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from gateway.kafka.rights import (
    Resource,
    Right,
    of_downstream,
    of_gateway,
    of_notifications,
    of_operator,
    of_upstream,
)
from gateway.kafka.transactions import TopicNames
from gateway.settings.variables import KafkaVariables, TopicVariables
from tests.house import markdown

ROOT: Final = Path(__file__).resolve().parents[2]
FENCE: Final = "`" * 3
_OPTION: Final = "--bootstrap-server localhost:9092 --command-config admin.properties"
_TEXT: Final = """# Rights at the broker

Made by `make generated` from `gateway/kafka/rights.py`; a test compares, and another runs the gateway on a real
Kafka with an authorizer, TLS and SCRAM under exactly the commands below: with all of them a payment goes its
whole way, and without any one `pos-gateway check` fails and says which. The names are the defaults of
`GATEWAY_TOPICS__*` and `GATEWAY_KAFKA__GROUP_ID`; with others, and with other principals, the commands change
alike.

The gateway makes no topic, changes none, and needs no right to the cluster. Without DescribeConfigs it works, but
cannot see a state topic that deletes before it has lost something. Its password is made at the broker
(`kafka-configs.sh --alter --entity-type users`) and reaches it as `GATEWAY_KAFKA__SASL_PASSWORD`, or as a file
under `/run/secrets`.

## The service

{gateway}

Where check-in notifications are taken in (`GATEWAY_NOTIFICATIONS__PORT`):

{notifications}

## Those who send commands and those who read events

{others}

## Operators

Their commands need the service's rights, and beside them:

{operator}

`partitions skip` and `partitions rebuild` fence whoever owns a partition: give their rights to people, for the
time of the act.
"""


def document() -> str:
    topics = TopicVariables()
    names = TopicNames(topics.commands, topics.events, topics.state, topics.dlq)
    group = KafkaVariables().group_id
    return _TEXT.format(
        gateway=_section("gateway", of_gateway(names, group)),
        notifications=_section("gateway", of_notifications(names)),
        others=_section("upstream", of_upstream(names)) + "\n\n" + _section("reader", of_downstream(names)),
        operator=_section("operator", of_operator(names, group)),
    )


def _section(user: str, rights: Sequence[Right]) -> str:
    rows = ((r.resource, f"`{r.name}{'*' if r.prefixed else ''}`", r.act, r.why) for r in rights)
    table = markdown.table(("resource", "name", "operation", "why"), rows)
    by_resource = sorted(rights, key=lambda r: (list(Resource).index(r.resource), r.name))
    lines = [
        _command(user, list(same)) for _, same in groupby(by_resource, key=lambda r: (r.resource, r.name))
    ]
    return "\n".join([table, "", f"{FENCE}console", *lines, FENCE])


def _command(user: str, rights: Sequence[Right]) -> str:
    first = rights[0]
    pattern = " --resource-pattern-type prefixed" if first.prefixed else ""
    acts = " ".join(f"--operation {r.act}" for r in rights)
    allowed = f"--allow-principal User:{user} {acts} --{first.resource} {first.name}{pattern}"
    return f"kafka-acls.sh {_OPTION} --add \\\n    {allowed}"
