"""States that were written moments ago, as they were before they became bytes."""

from gateway.codec.state import decode_state, encode_state
from gateway.domain.state import PaymentState

MOST_UNDER_WAY = 16_384
MOST_SETTLED = 4_096


class RecentStates:
    """Writes and reads state records, and need not read what it has just written: a payment under way takes
    several turns within moments, and parsing its bytes costs as much as a turn. Some 3 kB each, so those whose
    calls are out or wait for a place have the larger room, which is empty again when they are answered.
    """

    def __init__(self, most_under_way: int = MOST_UNDER_WAY, most_settled: int = MOST_SETTLED) -> None:
        self._under_way: dict[bytes, PaymentState] = {}
        self._settled: dict[bytes, PaymentState] = {}
        self._most_under_way, self._most_settled = most_under_way, most_settled

    def encode(self, state: PaymentState, replaced: bytes | None = None, under_way: bool = False) -> bytes:
        """The state's bytes; those that it takes the place of are forgotten."""
        value = encode_state(state)
        if replaced is not None and self._under_way.pop(replaced, None) is None:
            self._settled.pop(replaced, None)
        if under_way:
            kept, most = self._under_way, self._most_under_way
        else:
            kept, most = self._settled, self._most_settled
        kept.pop(value, None)
        if len(kept) >= most:
            del kept[next(iter(kept))]
        kept[value] = state
        return value

    def decode(self, value: bytes) -> PaymentState:
        return self._under_way.get(value) or self._settled.get(value) or decode_state(value)
