"""The four topics of a gateway: what they must be, how they are made, and how they are compared.

The gateway itself never creates a topic; a name that is misspelt must not become a topic with one partition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from gateway.kafka.transactions import TopicNames

DAY_MS = 86_400_000
BROKER_DEFAULT_FACTOR = -1
DEFAULT_PARTITIONS = 12


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What one topic must be. `settings` are the topic's own configuration."""

    name: str
    settings: Mapping[str, str]
    partitions_fixed: bool
    """Commands, events and state have one number of partitions; the dead letters may have another."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one topic that was looked at. `blocks`: the service must not start on it."""

    topic: str
    text: str
    ok: bool
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the broker has it; `partitions` None where it does not exist, or we may not know: `hidden`.
    `settings` None: we may not read them.
    """

    partitions: int | None
    settings: Mapping[str, str] | None
    hidden: bool = False


def plans(names: TopicNames) -> tuple[TopicPlan, ...]:
    """The plan of each topic, by the contract's table."""
    deleted = {"cleanup.policy": "delete"}
    large = {"max.message.bytes": "2097164"}
    return (
        TopicPlan(
            names.commands,
            deleted | {"retention.ms": str(7 * DAY_MS), "max.message.bytes": "1048588"},
            partitions_fixed=True,
        ),
        TopicPlan(names.events, deleted | large | {"retention.ms": str(30 * DAY_MS)}, partitions_fixed=True),
        TopicPlan(names.state, large | {"cleanup.policy": "compact"}, partitions_fixed=True),
        TopicPlan(
            names.dead_letters, deleted | large | {"retention.ms": str(30 * DAY_MS)}, partitions_fixed=False
        ),
    )


def compare(plan: Sequence[TopicPlan], found: Mapping[str, Found]) -> list[Finding]:
    """Judge what exists: missing topics and unequal partition counts block a start, other settings do not."""
    findings = [_compare_one(topic, found[topic.name]) for topic in plan]
    counts = {t.name: found[t.name].partitions for t in plan if t.partitions_fixed}
    if None not in counts.values() and len(set(counts.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        text = f"commands, events and state need the same number of partitions: {told}"
        findings.append(Finding(plan[0].name, text, ok=False, blocks=True))
    return findings


def _compare_one(plan: TopicPlan, found: Found) -> Finding:
    if found.hidden:
        return Finding(plan.name, "may not be seen: the rights to it are missing", ok=False, blocks=True)
    if found.partitions is None:
        return Finding(plan.name, "does not exist (pos-gateway topics create)", ok=False, blocks=True)
    if found.settings is None:
        text = f"{found.partitions} partitions; its settings may not be read (DescribeConfigs is missing)"
        return Finding(plan.name, text, ok=False)
    wrong = [
        f"{name} is {found.settings[name]}, should be {value}"
        for name, value in plan.settings.items()
        if name in found.settings and not _serves(name, found.settings[name], value)
    ]
    compacted = "compact" in found.settings.get("cleanup.policy", plan.settings["cleanup.policy"])
    # A state topic that deletes loses payments; commands that are compacted lose each but the last.
    blocks = compacted != ("compact" in plan.settings["cleanup.policy"])
    text = "; ".join(wrong) or f"{found.partitions} partitions"
    return Finding(plan.name, text, ok=not wrong, blocks=blocks)


def _serves(name: str, has: str, wanted: str) -> bool:
    if name in ("max.message.bytes", "retention.ms"):
        return int(has) >= int(wanted) or int(has) == -1
    return has == wanted


async def look(admin: AIOKafkaAdminClient, plan: Sequence[TopicPlan]) -> dict[str, Found]:
    """Ask the broker for each topic of the plan. Raises KafkaError."""
    described = await admin.describe_topics([topic.name for topic in plan])
    partitions = {
        topic["topic"]: len(topic["partitions"]) if topic["error_code"] == 0 else None for topic in described
    }
    hidden = {t["topic"] for t in described if for_code(t["error_code"]) is TopicAuthorizationFailedError}
    existing = [topic for topic in plan if partitions.get(topic.name) is not None]
    settings = await _settings(admin, existing)
    return {
        t.name: Found(partitions.get(t.name), settings.get(t.name, {}), hidden=t.name in hidden) for t in plan
    }


async def _settings(
    admin: AIOKafkaAdminClient, plan: Sequence[TopicPlan]
) -> dict[str, dict[str, str] | None]:
    if not plan:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, t.name, dict.fromkeys(t.settings)) for t in plan]
    found: dict[str, dict[str, str] | None] = {}
    for answer in await admin.describe_configs(resources):
        for code, _, _, name, entries in answer.resources:
            # Not being allowed to describe a topic's settings is no reason not to use it.
            found[name] = {entry[0]: str(entry[1]) for entry in entries} if code == 0 else None
    return found


async def create(
    admin: AIOKafkaAdminClient,
    plan: Sequence[TopicPlan],
    partitions: int = DEFAULT_PARTITIONS,
    replication_factor: int = BROKER_DEFAULT_FACTOR,
) -> list[Finding]:
    """Create what does not exist; what exists is left as it is. Raises KafkaError."""
    wanted = []
    for topic in plan:
        new = NewTopic(topic.name, partitions, 1, topic_configs=dict(topic.settings))
        # aiokafka takes no -1 here, though the broker does, and means its own default by it (KIP-464).
        new.replication_factor = replication_factor
        wanted.append(new)
    answer = await admin.create_topics(wanted)
    findings = []
    for name, code, *detail in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            findings.append(Finding(name, f"created with {partitions} partitions", ok=True))
        elif error is TopicAlreadyExistsError:
            findings.append(Finding(name, "exists", ok=True))
        else:
            text = f"cannot be created: {error.__name__}{': ' + detail[0] if detail and detail[0] else ''}"
            findings.append(Finding(name, text, ok=False, blocks=True))
    return findings
