"""Bytes to domain and back: commands in; events, dead letters and state records out.

What the envelope's and JSON's own documents leave open is read so that no two readers can differ, and no
sender is turned away for what does no harm:

- A `ce_*` header without a value or not in UTF-8, and any `ce_*` header twice, is a malformed envelope;
  an empty or blank id, source or type is a missing one. Other headers may hold anything. Header names are
  taken as they stand.
- Attributes are at most 512 bytes, without control characters. The content type is `application/json` or
  `application/cloudevents+json`, in any case, with no charset but UTF-8; a batch is refused.
- Structured mode: attributes that are read must be strings; `data_base64` is decoded and read like a
  value in binary mode; `data` and `data_base64` together are malformed. A null value has no attributes,
  so it is malformed there, while in binary mode it is invalid data.
- JSON: a field twice anywhere in the data is invalid data; null is a field that was not given; NaN,
  Infinity and a byte order mark are no JSON; 1.0 is no integer, true is none, and no string is turned
  into a number.
- UUIDs are taken in either case and mean the lower one; `approvalTimeoutSeconds` is 1 to 3600 like
  `seconds`; restrictions that restrict nothing and an orderId that is the paymentId mean the same as
  none.
- `checkin.notified` is a command only from the gateway's own source; from another it is an unknown type.
- A trace context that is not well-formed is dropped, never refused.
"""

from gateway.codec.commands import CommandLimits, read_command
from gateway.codec.dead_letters import DeadLetter, Origin, write_dead_letter
from gateway.codec.events import write_event, write_point_of_sale_event
from gateway.codec.records import Headers, RecordParts, Wire
from gateway.codec.state import (
    STATE_VERSION,
    decode_point_of_sale,
    decode_state,
    encode_point_of_sale,
    encode_state,
)

__all__ = [
    "STATE_VERSION",
    "CommandLimits",
    "DeadLetter",
    "Headers",
    "Origin",
    "RecordParts",
    "Wire",
    "decode_point_of_sale",
    "decode_state",
    "encode_point_of_sale",
    "encode_state",
    "read_command",
    "write_dead_letter",
    "write_event",
    "write_point_of_sale_event",
]
