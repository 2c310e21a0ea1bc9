"""Commands on their way in: what is known already, what is too much, and the cancel that overtakes.

Commands of one payment start in order. The exception is a cancel while the start waits or its outcome is
unknown: it goes before all that wait, since what it cancels must not come to life behind its back.
"""

from dataclasses import replace

from gateway.domain.commands import CancelPayment, Message
from gateway.domain.draft import Draft
from gateway.domain.operations import Initiate, Prepare
from gateway.domain.state import Remembered
from gateway.domain.vocabulary import DeadLetterReason, Reason

EXPIRED_TEXT = "the command expired before it could be carried out"


def accept(d: Draft, message: Message) -> None:
    """Take a command in, once; a repeat is ignored, the same id with other data is a dead letter.

    The hash is empty of what was answered before the state was rebuilt, where the command itself was gone.
    """
    for known in d.state.remembered:
        if known.id == message.id:
            if known.data_hash not in ("", message.data_hash):
                d.dead_letter = DeadLetterReason.ID_REUSED
            return
    if d.state.waiting >= d.rules.max_waiting_commands:
        text = f"{d.rules.max_waiting_commands} commands of this payment wait for their answers already"
        d.reject(message, Reason.TOO_MANY_COMMANDS, text)
        return
    if len(d.state.remembered) >= d.rules.max_remembered_commands:
        text = f"{d.rules.max_remembered_commands} commands of this payment have been taken already"
        d.reject(message, Reason.TOO_MANY_COMMANDS, text)
        return
    d.change(
        inbox=(*d.state.inbox, message),
        remembered=(*d.state.remembered, Remembered(message.id, message.data_hash)),
        touched_ms=d.now.wall_ms,
    )


def overtake(d: Draft) -> None:
    """Let the first waiting cancel overtake a start that is not yet answered; a request of the start in
    flight is awaited.
    """
    start, pending = d.state.start, d.state.pending
    if start is None or start.answered or start.overtaken_by is not None:
        return
    if pending is not None and not pending.starts:
        # What the start made is being cancelled already, which answers the start.
        return
    cancel = waiting_cancel(d)
    if cancel is None:
        return
    take(d, cancel)
    d.change(start=replace(start, overtaken_by=cancel), touched_ms=d.now.wall_ms)
    d.withdraw = isinstance(d.running, Initiate | Prepare)


def waiting_cancel(d: Draft) -> Message | None:
    """The first cancel in the inbox that may still start."""
    return next((m for m in d.state.inbox if isinstance(m.data, CancelPayment) and not expired(d, m)), None)


def take(d: Draft, message: Message) -> None:
    d.change(inbox=tuple(m for m in d.state.inbox if m is not message))


def expired(d: Draft, message: Message) -> bool:
    """A command must not start after its expiry."""
    return d.now.wall_ms > message.expires_at_ms
