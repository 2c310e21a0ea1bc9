"""The provider's check-in notification as a command of the gateway's own (notification service).

The notification is only a hint, so nothing of it is believed but the merchant's id of the point of sale.
"""

import json
from typing import Final

from pydantic import TypeAdapter, ValidationError

from gateway.codec.command_data import CHECKIN_NOTIFIED
from gateway.codec.commands import NOTIFICATION_SOURCE
from gateway.codec.formats import Text
from gateway.codec.json_text import NotJson, read_json
from gateway.codec.records import Wire

_ID: Final = TypeAdapter(Text)


def read_notification(body: bytes) -> str | None:
    """The merchantPosId that a notification names; None for anything that is no notification."""
    try:
        said = read_json(body)
        return _ID.validate_python(said.get("MerchantPosId")) if isinstance(said, dict) else None
    except (NotJson, ValidationError):
        return None


def write_checkin_notified(merchant_pos_id: str, message_id: str) -> Wire:
    """The record of the command, keyed by the point of sale."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": message_id,
        "ce_source": NOTIFICATION_SOURCE,
        "ce_type": CHECKIN_NOTIFIED,
        "content-type": "application/json",
    }
    value = json.dumps({"merchantPosId": merchant_pos_id}, ensure_ascii=False, separators=(",", ":"))
    headers = tuple((name, text.encode()) for name, text in attributes.items())
    return Wire(merchant_pos_id.encode(), value.encode(), headers)
