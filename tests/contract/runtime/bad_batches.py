"""Batches that a broker keeps and serves, and that no client can decode: one for each cause."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBase, _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c

GZIP = 1
_BASE_OFFSET, _LENGTH = struct.Struct(">q"), struct.Struct(">i")


class _NoText(str):
    """A header's name as other clients may send it: they take any bytes."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xff\xfe\xfa"


Fields = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value and headers of a record."""


async def produce_header_that_is_no_text(
    bootstrap: str, where: TopicPartition, records: Sequence[Fields], bad: int = 0
) -> None:
    """One batch, in which the record numbered `bad` has a header whose name is no UTF-8: valid for the broker,
    which does not look at it.
    """
    builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 100_000)
    for number, (key, value, headers) in enumerate(records):
        odd = [(_NoText("x"), b"1")] if number == bad else []
        builder.append(number, None, key, value, [*headers, *odd])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        client = producer.client
        await client._wait_on_metadata(where.topic)
        leader = client.cluster.leader_for_partition(where)
        body = [(where.topic, [(where.partition, bytes(builder.build()))])]
        answer = await client.send(leader, ProduceRequest(None, -1, 5_000, body))
        [(_, [(_, error, *_)])] = answer.topics
        assert error == 0, answer
    finally:
        await producer.stop()


def break_checksum(data: Path, where: TopicPartition, offset: int) -> None:
    """Change one byte of the batch that holds `offset`, in the files of a broker that is down."""

    def broken(batch: bytearray) -> None:
        batch[-2] ^= 0x55

    _rewrite(data, where, offset, broken)


def break_codec(data: Path, where: TopicPartition, offset: int) -> None:
    """Say gzip of a batch that is none; its checksum is right."""

    def broken(batch: bytearray) -> None:
        start = DefaultRecordBase.ATTRIBUTES_OFFSET
        attributes = struct.unpack_from(">h", batch, start)[0]
        struct.pack_into(">h", batch, start, attributes | GZIP)
        struct.pack_into(">I", batch, DefaultRecordBase.CRC_OFFSET, calc_crc32c(bytes(batch[start:])))

    _rewrite(data, where, offset, broken)


def _rewrite(data: Path, where: TopicPartition, offset: int, broken: Any) -> None:
    [segment] = (data / f"{where.topic}-{where.partition}").glob("*.log")
    content = bytearray(segment.read_bytes())
    at = 0
    while at < len(content):
        base = _BASE_OFFSET.unpack_from(content, at)[0]
        size = DefaultRecordBase.AFTER_LEN_OFFSET + _LENGTH.unpack_from(content, at + 8)[0]
        if base == offset:
            batch = content[at : at + size]
            broken(batch)
            content[at : at + size] = batch
            segment.write_bytes(content)
            return
        at += size
    raise AssertionError(f"no batch begins at {offset}")
