"""One process: builds every object of the service, starts them, watches them and takes them down in order."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from gateway import __version__
from gateway.app.notifications import MAX_BURST, MAX_PER_SECOND, Bucket, notification_application
from gateway.app.observed import observed_flow, observed_provider
from gateway.app.payments import told_of_payment
from gateway.app.porch import Porch
from gateway.app.web import served
from gateway.codec import Wire
from gateway.flow import PAYMENT_PREFIX, FlowOptions
from gateway.kafka import topics
from gateway.kafka.admin import administrator
from gateway.kafka.clock import SystemClock
from gateway.kafka.health import Phase
from gateway.kafka.log import BrokerTrouble
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.kafka.sender import CommandSender
from gateway.kafka.transactions import AioKafkaLog
from gateway.mobilepay.client import Standing
from gateway.observability.health import PartitionReport, Snapshot, http_application
from gateway.observability.logs import get_logger
from gateway.observability.queries import Answer, PaymentQueries
from gateway.settings import Settings, variable

if TYPE_CHECKING:
    from gateway.observability.tracing import Tracing

T = TypeVar("T")

log = get_logger(__name__)

_PULSE_SECONDS: Final = 0.5
_WATCH_SECONDS: Final = 2.0
_REACH_TIMEOUT_SECONDS: Final = 5.0
_PROVIDER_LASTING_SECONDS: Final = 2.0
_DRAIN_SECONDS: Final = 20.0
_FIRST_RETRY_SECONDS: Final = 0.5
_LAST_RETRY_SECONDS: Final = 5.0


class WrongSetup(Exception):
    """The service cannot start, or go on, until someone changes settings or topics. `str()` is for people."""


class Service:
    """One process: its objects, and the order in which they come and go."""

    def __init__(self, settings: Settings, tracing: "Tracing | None") -> None:
        self._settings = settings
        self._tracing = tracing
        self._stop = asyncio.Event()
        self._mismatch: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._turned = monotonic()
        self._in_reach: bool | None = None
        self._provider = observed_provider(settings, tracing)
        self._feeding = AioKafkaLog(settings.broker_config(), settings.limits)
        self._partitions: Partitions[Any, Any, Any] | None = None
        self._porch: Porch | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop, number)
        http = self._settings.http
        names = f"{variable('http', 'host')}, {variable('http', 'port')}"
        listener = _listener(http.host, http.port, names)
        token = http.query_token
        queries = None if token is None else PaymentQueries(token.reveal(), self._look)
        async with AsyncExitStack() as open_ports:
            await open_ports.enter_async_context(
                served(http_application(self._snapshot, queries), listener, "health and metrics")
            )
            await self._listen_for_notifications(open_ports)
            self._provider.start()
            beside = [asyncio.create_task(self._pulse()), asyncio.create_task(self._watch_provider())]
            try:
                await self._until_told_to_stop(self._consume())
            finally:
                self._stop.set()
                await self._close()
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
        log.info("stopped")

    async def _listen_for_notifications(self, open_ports: AsyncExitStack) -> None:
        """On a port of their own, if one is set: it alone is reached from outside."""
        port = self._settings.notifications_port
        if port is None:
            return
        listener = _listener(self._settings.http.host, port, variable("notifications", "port"))
        sender = CommandSender(self._settings.broker_config())
        open_ports.push_async_callback(sender.close)

        async def keep(command: Wire) -> None:
            assert command.key is not None and command.value is not None
            await sender.send(command.key, command.value, command.headers)

        application = notification_application(keep, lambda: str(uuid4()), Bucket(MAX_PER_SECOND, MAX_BURST))
        await open_ports.enter_async_context(served(application, listener, "check-in notifications"))

    def _told_to_stop(self, number: int) -> None:
        if self._stop.is_set():
            # Told twice: what is cut off now is what a crash would cut off, and that is survived.
            os._exit(128 + number)
        log.info("stopping", signal=signal.Signals(number).name)
        self._stop.set()

    async def _until_told_to_stop(self, work: Coroutine[Any, Any, None]) -> None:
        working = asyncio.create_task(work)
        told = asyncio.create_task(self._stop.wait())
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if working.done():
            working.result()
        else:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _consume(self) -> None:
        """Wait for broker and topics, open the porch, then watch. Returns never; raises `WrongSetup`."""
        partition_count = await self._again_and_again(self._count_partitions)
        settings = self._settings
        options = FlowOptions(settings.rules, settings.command_limits, settings.event_source, __version__)
        flow = observed_flow(self._provider, options, random.SystemRandom(), self._tracing)
        config = PartitionConfig(settings.kafka.group_id, partition_count, flow.committed)
        self._partitions = Partitions(
            flow,
            self._feeding,
            SystemClock(),
            settings.limits,
            config,
            random.SystemRandom(),
            self._mismatched,
        )
        await self._again_and_again(self._open_porch)
        log.info("consuming", topic=settings.topics.commands, group=settings.kafka.group_id)
        while True:
            done, _ = await asyncio.wait({self._mismatch}, timeout=_WATCH_SECONDS)
            if done:
                raise WrongSetup(self._mismatch.result())
            await self._watch_broker()

    def _mismatched(self, message: str) -> None:
        if not self._mismatch.done():
            self._mismatch.set_result(message)

    async def _again_and_again(self, attempt: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Until the broker is in reach; said once, not at each try."""
        pause = _FIRST_RETRY_SECONDS
        while True:
            try:
                result = await attempt()
            except BrokerTrouble as trouble:
                self._reach(False, str(trouble))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LAST_RETRY_SECONDS)
            else:
                self._reach(True)
                return result

    def _reach(self, in_reach: bool, reason: str | None = None) -> None:
        if in_reach is self._in_reach:
            return
        self._in_reach = in_reach
        brokers = self._settings.kafka.bootstrap_servers
        if in_reach:
            log.info("broker in reach", brokers=brokers)
        else:
            log.warning("broker out of reach, trying again", brokers=brokers, reason=reason)

    async def _count_partitions(self) -> int:
        """The number of partitions of the commands topic, once all topics are as they must be."""
        plan = topics.plans(self._settings.topics)
        async with administrator(self._settings.kafka.connection(), _REACH_TIMEOUT_SECONDS) as admin:
            found = await topics.look(admin, plan)
        findings = topics.compare(plan, found)
        for finding in findings:
            if not finding.ok and not finding.blocks:
                log.warning("topic differs from its plan", topic=finding.topic, difference=finding.text)
        blocking = [f"topic {finding.topic}: {finding.text}" for finding in findings if finding.blocks]
        if blocking:
            raise WrongSetup("\n".join(blocking))
        count = found[plan[0].name].partitions
        assert count is not None
        return count

    async def _open_porch(self) -> None:
        assert self._partitions is not None
        # Known before it is opened, so that a stop in the middle closes what there is of it.
        self._porch = Porch(self._settings, self._partitions, self._feeding)
        await self._porch.open()

    async def _watch_broker(self) -> None:
        try:
            await asyncio.wait_for(self._feeding.end(0), _REACH_TIMEOUT_SECONDS)
        except (BrokerTrouble, TimeoutError) as trouble:
            self._reach(False, str(trouble) or "no answer")
        else:
            self._reach(True)

    async def _watch_provider(self) -> None:
        """Say once that the provider is away or refuses us, and once that it is well again.

        Only what has lasted a little: under load a breaker opens and closes within a second.
        """
        said: str | None = None
        seen: str | None = None
        since = monotonic()
        address = self._settings.pos.base_url
        while True:
            trouble = _trouble(self._provider.standing())
            if trouble != seen:
                seen, since = trouble, monotonic()
            if seen != said and monotonic() - since >= _PROVIDER_LASTING_SECONDS:
                said = seen
                if said is None:
                    log.info("provider in reach", address=address)
                else:
                    log.warning(said, address=address)
            await asyncio.sleep(_PULSE_SECONDS)

    async def _pulse(self) -> None:
        while True:
            self._turned = monotonic()
            await asyncio.sleep(_PULSE_SECONDS)

    async def _close(self) -> None:
        """Partitions before the consumer: what runs is settled and released while the group still counts us in."""
        if self._partitions is not None:
            await self._partitions.drain(_DRAIN_SECONDS)
        if self._porch is not None:
            await self._porch.close()
        await self._provider.close()

    def _look(self, payment_id: str) -> Answer:
        key = PAYMENT_PREFIX + payment_id
        held = None if self._partitions is None else self._partitions.held(key, payment_id.encode())
        return told_of_payment(payment_id, held)

    def _snapshot(self) -> Snapshot:
        standing = self._provider.standing()
        health = {} if self._partitions is None else self._partitions.health()
        return Snapshot(
            broker_in_reach=self._in_reach is True,
            token_held=standing.token_held,
            draining=self._stop.is_set(),
            loop_silent_seconds=monotonic() - self._turned,
            provider_fault=standing.fault,
            partitions=tuple(
                PartitionReport(
                    partition=number,
                    phase=one.phase,
                    open=one.phase is Phase.OPEN,
                    stopped=one.phase is Phase.STOPPED,
                    idle_seconds=one.stalled_seconds,
                    reason=one.reason,
                    undecodable_offset=one.offset,
                )
                for number, one in health.items()
            ),
        )


def _trouble(standing: Standing) -> str | None:
    if standing.fault is not None:
        return f"provider cannot be used, trying again: {standing.fault}"
    if standing.breaker_open or not standing.token_held:
        return "provider out of reach, trying again"
    return None


def _listener(host: str, port: int, names: str) -> socket.socket:
    """`names`: the settings that it comes from."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise WrongSetup(f"{names}: cannot listen on {host} port {port}: {reason}") from None
