"""Bytes to domain and back: commands in; events, dead letters and state records out."""

from gateway.codec.commands import CommandLimits, read_command
from gateway.codec.dead_letters import DeadLetter, Origin, write_dead_letter
from gateway.codec.events import write_event
from gateway.codec.records import Headers, RecordParts, Wire
from gateway.codec.state import STATE_VERSION, decode_state, encode_state

__all__ = [
    "STATE_VERSION",
    "CommandLimits",
    "DeadLetter",
    "Headers",
    "Origin",
    "RecordParts",
    "Wire",
    "decode_state",
    "encode_state",
    "read_command",
    "write_dead_letter",
    "write_event",
]
