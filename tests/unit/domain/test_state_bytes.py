"""Any state that a history leads to comes back from its bytes as it was."""

from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_type_hints

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codec.state import decode_state, encode_state
from gateway.domain.operations import Accepted, DeferralCause, Deferred, ProviderStatus, Unknown
from gateway.domain.state import PaymentState
from tests.unit.domain.play import AMOUNT, CANCEL, CAPTURE, PROVIDER_ID, Play, initiate, observed

MOVES = st.sampled_from(["initiate", "capture", "cancel", "accept", "observe", "unknown", "defer", "due"])


@settings(max_examples=200, deadline=None)
@given(st.lists(MOVES, max_size=15), st.sampled_from(ProviderStatus), st.booleans())
def test_states_survive_their_bytes(moves: list[str], status: ProviderStatus, holding: bool) -> None:
    play = Play(holding=holding)
    for move in moves:
        match move:
            case "initiate":
                play.command(initiate(order_id="till-7", label="ærø", approval_timeout_seconds=60))
            case "capture":
                play.command(CAPTURE)
            case "cancel":
                play.command(CANCEL)
            case "accept" if play.running is not None and not hasattr(play.running, "purpose"):
                play.outcome(Accepted(PROVIDER_ID))
            case "observe" if hasattr(play.running, "provider_payment_id") and hasattr(
                play.running, "purpose"
            ):
                play.outcome(observed(status))
            case "unknown" if play.running is not None:
                play.outcome(Unknown(3))
            case "defer" if play.running is not None:
                play.outcome(Deferred(DeferralCause.THROTTLED, 1000, 1, 2))
            case "due" if play.wake_at is not None and play.running is None:
                play.due()
            case _:
                pass
        if play.state is not None:
            assert decode_state(encode_state(play.state)) == play.state


def test_an_unknown_captured_amount_stays_unknown() -> None:
    play = Play().started()
    play.due()
    play.outcome(observed(ProviderStatus.CAPTURED))
    assert play.state is not None and play.state.amounts is not None
    assert play.state.amounts.captured is None and play.state.amounts.requested == AMOUNT.value
    assert decode_state(encode_state(play.state)) == play.state


def test_a_reader_ignores_what_a_later_version_adds() -> None:
    play = Play().started()
    assert play.state is not None
    later = encode_state(play.state).replace(b'{"payment_id"', b'{"a_later_field":[1],"payment_id"', 1)
    assert decode_state(later) == play.state


def part_types(kind: Any, seen: set[Any]) -> set[Any]:
    """All dataclasses that a state record may hold."""
    if is_dataclass(kind) and kind not in seen:
        seen.add(kind)
        for hint in get_type_hints(kind).values():
            part_types(hint, seen)
    for argument in get_args(kind):
        part_types(argument, seen)
    return seen


def test_whatever_may_be_none_is_none_by_default() -> None:
    """What is None is left out of the bytes, so its default must give it back."""
    parts = part_types(PaymentState, set())
    assert len(parts) > 10
    for part in parts:
        hints = get_type_hints(part)
        for field in fields(part):
            if NoneType in get_args(hints[field.name]):
                assert field.default is None, f"{part.__name__}.{field.name}"
