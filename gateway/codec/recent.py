"""States that were written moments ago, as they were before they became bytes."""

from gateway.codec.state import decode_state, encode_state
from gateway.domain.state import PaymentState

MOST = 4096


class RecentStates:
    """Writes and reads state records, and need not read what it has just written: a payment under way takes
    several turns within moments, and parsing its bytes costs as much as a turn. Some 3 kB each.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._written: dict[bytes, PaymentState] = {}

    def encode(self, state: PaymentState, replaced: bytes | None = None) -> bytes:
        """The state's bytes; those that it takes the place of are forgotten."""
        value = encode_state(state)
        written = self._written
        if replaced is not None:
            written.pop(replaced, None)
        written.pop(value, None)
        if len(written) >= self._most:
            del written[next(iter(written))]
        written[value] = state
        return value

    def decode(self, value: bytes) -> PaymentState:
        return self._written.get(value) or decode_state(value)
