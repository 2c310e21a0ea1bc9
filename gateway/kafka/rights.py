"""What each part of the system must be allowed to do at a broker that asks (ACLs), declared once.

The document of the ACLs is made from these tables, `check` compares them with what the broker says is allowed,
and a test runs the gateway under exactly these: without any one of them it does not do its work.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from gateway.kafka.transactions import TopicNames


class Resource(StrEnum):
    """The words of kafka-acls."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"


class Act(StrEnum):
    """The words of kafka-acls. Read and Write bring Describe with them."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DESCRIBE_CONFIGS = "DescribeConfigs"


_BITS: Final = {Act.READ: 3, Act.WRITE: 4, Act.CREATE: 5, Act.DESCRIBE_CONFIGS: 10}


@dataclass(frozen=True, slots=True)
class Right:
    """To `act` on the resource `name`, or on all whose names begin so."""

    resource: Resource
    name: str
    act: Act
    why: str
    prefixed: bool = False


def of_gateway(names: TopicNames, group_id: str) -> tuple[Right, ...]:
    """All that the service needs."""
    return (
        Right(Resource.TOPIC, names.commands, Act.READ, "takes the commands in"),
        Right(Resource.TOPIC, names.events, Act.WRITE, "tells what has happened"),
        Right(Resource.TOPIC, names.state, Act.READ, "reads its state back"),
        Right(Resource.TOPIC, names.state, Act.WRITE, "keeps its state"),
        Right(Resource.TOPIC, names.dead_letters, Act.WRITE, "keeps what cannot be understood"),
        Right(Resource.GROUP, group_id, Act.READ, "shares the partitions with its like, keeps its position"),
        Right(
            Resource.TRANSACTIONAL_ID,
            f"{group_id}-{names.commands}-",
            Act.WRITE,
            "one transaction for state, events and position; fences the last owner",
            prefixed=True,
        ),
        *(
            Right(Resource.TOPIC, name, Act.DESCRIBE_CONFIGS, "sees a topic that would lose what is in it")
            for name in _all(names)
        ),
    )


def of_notifications(names: TopicNames) -> tuple[Right, ...]:
    """What the service needs beside, where it takes in check-in notifications."""
    return (Right(Resource.TOPIC, names.commands, Act.WRITE, "a notification becomes a command"),)


def of_upstream(names: TopicNames) -> tuple[Right, ...]:
    return (Right(Resource.TOPIC, names.commands, Act.WRITE, "sends commands (`send`)"),)


def of_downstream(names: TopicNames) -> tuple[Right, ...]:
    """Of a reader without a group, as `events` is; one with a group needs Read on that too."""
    return (Right(Resource.TOPIC, names.events, Act.READ, "reads events (`events`)"),)


def of_operator(names: TopicNames, group_id: str) -> tuple[Right, ...]:
    """What an operator's commands need beside the gateway's own rights."""
    return (
        *(Right(Resource.TOPIC, name, Act.CREATE, "`topics create`") for name in _all(names)),
        Right(Resource.TOPIC, names.events, Act.READ, "`reconcile`, `partitions rebuild`"),
        Right(Resource.TOPIC, names.dead_letters, Act.READ, "`dlq`, `reconcile`"),
        Right(Resource.TOPIC, names.commands, Act.WRITE, "`dlq replay`"),
    )


def _all(names: TopicNames) -> tuple[str, ...]:
    return (names.commands, names.events, names.state, names.dead_letters)


async def missing(admin: AIOKafkaAdminClient, rights: Sequence[Right]) -> list[Right]:
    """Those of `rights` that we do not have; of transactional ids the broker tells nothing. Raises KafkaError."""
    topics = await _topics(admin, sorted({r.name for r in rights if r.resource is Resource.TOPIC}))
    groups = {r.name: await _group(admin, r.name) for r in rights if r.resource is Resource.GROUP}
    found = {Resource.TOPIC: topics, Resource.GROUP: groups}
    return [
        right
        for right in rights
        if right.resource in found and not found[right.resource].get(right.name, 0) >> _BITS[right.act] & 1
    ]


async def _topics(admin: AIOKafkaAdminClient, names: Sequence[str]) -> Mapping[str, int]:
    answer = await admin._send_request(_AllowedRequest(names))
    return {
        topic["name"]: topic["allowed"] if topic["error"] == 0 else 0
        for topic in answer.to_object()["topics"]
    }


async def _group(admin: AIOKafkaAdminClient, group_id: str) -> int:
    while True:
        try:
            coordinator = await admin.find_coordinator(group_id)
        except GroupAuthorizationFailedError:
            return 0
        except GroupCoordinatorNotAvailableError:
            # So a cluster answers that has had no group yet, until it has made the topic of their offsets.
            await asyncio.sleep(_AGAIN_SECONDS)
            continue
        answer = await admin._send_request(_AllowedGroupRequest(group_id), coordinator)
        [group] = answer.to_object()["groups"]
        fault = for_code(group["error_code"])
        if group["error_code"] and fault is not GroupAuthorizationFailedError:
            raise fault
        return 0 if group["error_code"] else int(group["authorized_operations"])


_AGAIN_SECONDS: Final = 0.2


class _AllowedResponse(Response):  # type: ignore[misc]
    """Of Metadata version 8, the first that tells what is allowed; aiokafka knows them to version 5."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(
                ("node_id", Int32),
                ("host", String("utf-8")),
                ("port", Int32),
                ("rack", String("utf-8")),
            ),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error", Int16),
                ("name", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline", Array(Int32)),
                    ),
                ),
                ("allowed", Int32),
            ),
        ),
        ("cluster_allowed", Int32),
    )


class _AllowedStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _AllowedResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("create", Boolean),
        ("with_cluster", Boolean),
        ("with_topics", Boolean),
    )


class _AllowedRequest(Request[_AllowedStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)

    def build(self, struct: Any) -> Any:
        return struct(self._topics, False, False, True)


class _AllowedGroupStruct(RequestStruct):  # type: ignore[misc]
    """aiokafka's own asks for this and then reads the answer as if it had not."""

    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = DescribeGroupsRequest_v3.SCHEMA


class _AllowedGroupRequest(Request[_AllowedGroupStruct]):  # type: ignore[misc]
    API_KEY = 15

    def __init__(self, group_id: str) -> None:
        self._group_id = group_id

    def build(self, struct: Any) -> Any:
        return struct([self._group_id], True)
